"""Pre-annotation: a model names what nobody has named, for people to check."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from imagine_kernels.annotation import Edit, Project
from imagine_kernels.assistance.items import Item, Path, marked_media, whole_id
from imagine_kernels.assistance.looking import Looker
from imagine_kernels.assistance.model import Model, Opinion
from imagine_kernels.errors import Cancelled, SettingError
from imagine_kernels.records import LabelGiven, Problem, Progress

#: Items that are looked at and saved in one go; between two of these a person can stop it.
AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """How probable a label must be to be given.

    Attributes
    ----------
    threshold : float
        From 0 to 1; for all labels that are not among `by_label`.
    by_label : mapping of str to float
        By class of the model, last name of a label, or its path with `` > `` between the names.

    Raises
    ------
    SettingError
        One is not between 0 and 1.
    """

    threshold: float = 0.5
    by_label: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in {"all labels": self.threshold, **self.by_label}.items():
            if not 0 <= value <= 1:
                raise SettingError(f"The threshold for {name} is {value:g}: give a probability from 0 to 1.")

    def of(self, path: Path, name: str) -> float:
        """The one for a label, which is that class of the model."""
        given = (self.by_label.get(each) for each in (" > ".join(path), path[-1], name))
        return next((each for each in given if each is not None), self.threshold)


@dataclass
class Predicted:
    """What became of a pre-annotation.

    Attributes
    ----------
    added : int
        Labels that were given.
    left_out : int
        Items below the threshold, or that the model calls something that is no label of the project.
    problems : list of str
        Sentences.
    cancelled : bool
        It was stopped; what was added until then is kept.
    """

    added: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)
    cancelled: bool = False


def predict(
    project: Project,
    model: Model,
    looker: Looker,
    thresholds: Thresholds,
    *,
    medium: str | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Predicted:
    """Give labels to marks that have none, and to media in which nothing was ever marked as a ``whole``.

    They get the status ``predicted``, the model as annotator and its probability as confidence. What a person has named, deleted, discarded,
    or looked at and found empty stays as it is, and so does a mark from which somebody has taken a label away.

    Parameters
    ----------
    project : Project
    model : Model
    looker : Looker
    thresholds : Thresholds
    medium : str, optional
        Only in this one.
    progress : callable, optional
    cancel : threading.Event, optional

    Raises
    ------
    NotAllowed
        The person may not write in the project.
    """
    found, unknown, problems = Predicted(), Counter[str](), list[Problem]()
    items = list(unnamed(project, medium=medium))
    rest, done = iter(items), 0
    while part := list(islice(rest, AT_ONCE)):
        if progress is not None:
            progress(done, len(items), "Naming what has no name")
        try:
            opinion = model.opinion(looker, part, cancel=cancel)
        except Cancelled:
            found.cancelled = True
            break
        problems += opinion.problems
        edits = list(_edits(project, part, opinion, model, thresholds, unknown))
        if edits:
            outcome = project.write(edits)
            found.added += len(outcome.saved)
        found.left_out += int(opinion.good.sum()) - len(edits)
        done += len(part)
    if progress is not None:
        progress(done, len(items), "Naming what has no name")
    for name, n in unknown.most_common():
        found.problems.append(f"{model.naming.why_not[name]} It would have been given to {n} item{'s' if n > 1 else ''}.")
    found.problems += [str(each) for each in problems]
    return found


def unnamed(project: Project, *, medium: str | None = None) -> Iterator[Item]:
    """What a model may name: marks without label that nobody has discarded, and media that nobody has touched."""
    for marked in marked_media(project, only=medium):
        for item in marked.items:
            if not item.labels and item.status in ("predicted", "validated") and not _was_named(project, item):
                yield item
        if not marked.touched:
            yield marked.whole


def _was_named(project: Project, item: Item) -> bool:
    """Whether a mark had a label once, which somebody has taken away."""
    if item.version == item.made:
        return False
    events = project.history(str(item.id))
    return any(event.changes.get("labels") for event in events)


def _edits(
    project: Project, items: Sequence[Item], opinion: Opinion, model: Model, thresholds: Thresholds, unknown: Counter[str]
) -> Iterator[Edit]:
    for i, item in enumerate(items):
        if not opinion.good[i]:
            continue
        name = model.naming.classes[opinion.classes[i]]
        if name in model.naming.why_not:
            unknown[name] += 1
            continue
        ((path, probability),) = opinion.top(i, 1)
        if probability < thresholds.of(path, name):
            continue
        label = LabelGiven(path=path, annotator=model.annotator, confidence=probability)
        if item.id is None and item.version:
            yield Edit(id=whole_id(project, item.medium), base=item.version, labels=(label,), status="predicted", deleted=False)
        elif item.id is None:
            yield Edit(
                id=whole_id(project, item.medium), medium=item.medium.name, shape=item.shape, labels=(label,), status="predicted"
            )
        else:
            yield Edit(id=item.id, base=item.version, labels=(label,), status="predicted")
