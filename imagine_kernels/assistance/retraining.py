"""A new model from what people have named, offered only where it is better than the one in use beyond doubt."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagine_kernels.annotation import LabelTree, Project
from imagine_kernels.assistance.comparing import LEAST_ITEMS, LEAST_MEDIA, Comparison, compare
from imagine_kernels.assistance.items import Item, Path, is_held_out, items_of
from imagine_kernels.assistance.looking import Looker
from imagine_kernels.assistance.model import Model
from imagine_kernels.assistance.naming import BETWEEN, class_names
from imagine_kernels.errors import Cancelled, LabelError
from imagine_kernels.files import plain_name
from imagine_kernels.records import Progress

if TYPE_CHECKING:
    from imagine_kernels.models.bundle import ModelBundle

#: A class with fewer items in training is left out.
LEAST = 2


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A new model that is better than the one in use.

    Attributes
    ----------
    model : str
        Its name.
    compared : Comparison
    words : str
    """

    model: str
    compared: Comparison
    words: str


@dataclass
class Retrained:
    """What became of a training.

    Attributes
    ----------
    offer : Offer or None
        None where the new model is not better beyond doubt, or that cannot be told.
    compared : Comparison or None
    items : int
        What was trained on.
    left_out : int
        Items that were not trained on: of classes that are too small.
    problems : list of str
        Sentences, also why there is no offer.
    """

    offer: Offer | None = None
    compared: Comparison | None = None
    items: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Material:
    """What people have named, parted by medium.

    Attributes
    ----------
    training, held_out : tuple of Item
        No medium is in both, and a medium is always on the same side.
    small : mapping of path to int
        Labels with too few items in training, with their number.
    """

    training: tuple[Item, ...]
    held_out: tuple[Item, ...]
    small: dict[Path, int]


def material(project: Project) -> Material:
    """What there is to train on and to compare with: labels that people stand behind, about a fifth of the media held out."""
    named = [item for item in items_of(project) if item.by_people]
    training = [item for item in named if not is_held_out(item.medium)]
    counts = Counter(item.path for item in training)
    small = {path: n for path, n in counts.items() if n < LEAST}
    return Material(
        tuple(item for item in training if item.path not in small),
        tuple(item for item in named if is_held_out(item.medium)),
        small,
    )


def retrain(
    project: Project,
    in_use: Model,
    looker: Looker,
    tree: LabelTree | None,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Retrained:
    """Train a head on frozen features, and compare it with the model in use on media that it has never seen.

    Raises
    ------
    LabelError
        There are fewer than two classes to train on.
    Cancelled
        `cancel` was set; no model is left behind.
    """
    given, found = material(project), Retrained()
    for path, n in sorted(given.small.items()):
        found.problems.append(
            f"{BETWEEN.join(path)} was left out of the training: only {n} item outside the held-out media has this label, and it takes {LEAST}."
        )
    found.items, found.left_out = len(given.training), sum(given.small.values())
    if len({item.path for item in given.training}) < 2:
        raise LabelError(
            f"Training needs two labels or more with at least {LEAST} items each that people have named, outside the held-out fifth of the"
            " media: name more first."
        )
    too_little = _too_little(given.held_out)
    if too_little:
        found.problems.append(too_little)
        return found
    workflow = looker.workflow
    names = class_names(item.path for item in given.training)
    folder = workflow.new_model_folder(_free_name(looker, project))
    values = workflow.declaration.read_settings()
    called = [names[item.path] for item in given.training]
    with looker.crops.sample(given.training, labels=called, name=project.name, values=values) as sample:
        found.problems += [str(each) for each in sample.problems]
        try:
            bundle = workflow.train(sample, epochs=0, out=folder, progress=progress, cancel=cancel)
            found.compared = _compared(project, in_use, bundle, given.held_out, looker, tree, found, progress, cancel)
        except Cancelled:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    if found.compared is None or not found.compared.better:
        shutil.rmtree(folder, ignore_errors=True)
        if found.compared is not None:
            found.problems.append(f"The model in use stays: {_words(found.compared)}, which may be chance.")
    else:
        words = f"A new model is better: {_words(found.compared)}."
        found.offer = Offer(model=bundle.path.name, compared=found.compared, words=words)
    return found


def _compared(
    project: Project,
    in_use: Model,
    bundle: ModelBundle,
    held_out: Sequence[Item],
    looker: Looker,
    tree: LabelTree | None,
    found: Retrained,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> Comparison | None:
    """Both models on the held-out items that can be read."""
    new = Model.of(bundle, project, tree)
    first = in_use.opinion(looker, held_out, progress=progress, cancel=cancel)
    second = new.opinion(looker, held_out, progress=progress, cancel=cancel)
    found.problems += [str(each) for each in second.problems]
    kept = [i for i in range(len(held_out)) if first.good[i] and second.good[i]]
    too_little = _too_little([held_out[i] for i in kept])
    if too_little:
        found.problems.append(too_little)
        return None

    def said(opinion_top: list[tuple[Path, float]]) -> str:
        return BETWEEN.join(opinion_top[0][0]) if opinion_top else ""

    return compare(
        looker.workflow,
        [BETWEEN.join(held_out[i].path) for i in kept],
        [said(first.top(i, 1)) for i in kept],
        [said(second.top(i, 1)) for i in kept],
        [held_out[i].medium.name for i in kept],
    )


def _too_little(held_out: Sequence[Item]) -> str:
    """Why two models cannot be compared on these items; empty where they can."""
    media = len({item.medium.name for item in held_out})
    if len(held_out) >= LEAST_ITEMS and media >= LEAST_MEDIA:
        return ""
    return (
        f"There is too little to compare models on: {len(held_out)} named items in {media} media of the fifth that is held out, and it takes"
        f" {LEAST_ITEMS} in {LEAST_MEDIA}. Name items in more media."
    )


def _free_name(looker: Looker, project: Project) -> str:
    """A name for a new model: of the use case, the project, and a number."""
    taken = {each["folder"] for each in looker.workflow.models()}
    letters = "".join(each for each in plain_name(project.name) if each.isascii()).strip("-._")[:40]
    n = 1
    while (name := f"{looker.workflow.name}-{letters or 'project'}-{n}") in taken:
        n += 1
    return name


def _words(compared: Comparison) -> str:
    return (
        f"{compared.new:.0%} right instead of {compared.now:.0%} (mean over the labels) on {compared.items} items in {compared.media} media"
        f" that it was not trained on, a gain of {100 * compared.gain:.1f} points (95 % interval {100 * compared.low:.1f} to"
        f" {100 * compared.high:.1f})"
    )
