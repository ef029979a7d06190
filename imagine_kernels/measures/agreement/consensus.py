"""One annotation out of several: what most have said, where most have put it, how sure that is, and what somebody should decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from imagine_kernels.measures.agreement.matching import Thing, label_of
from imagine_kernels.measures.agreement.overlap import DEFAULT, Nearness, is_iou, overlap
from imagine_kernels.records import Annotation, LabelGiven, Shape

if TYPE_CHECKING:
    import pandas as pd

Reason = Literal["tie", "label", "overlap", "alone", "minority"]
#: In words, for people.
REASONS: Mapping[Reason, str] = {
    "tie": "as many say one label as another",
    "label": "the labels differ",
    "overlap": "the shapes differ",
    "alone": "one person alone has seen it",
    "minority": "fewer than half have seen it",
}
#: Kinds of which the median of each number is a shape that lies between all.
_BETWEEN = ("point", "rectangle", "circle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What several people's annotations of one thing come to.

    Attributes
    ----------
    annotation : Annotation
        The label of most, in the shape between all; its first label has the certainty as confidence.
    thing : Thing
        Who has marked it, and how.
    certainty : float
        From 0 to 1: the share of those who looked that have marked it, times the share of these that gave the label, times the mean
        overlap of what they marked with the shape.
    seen, label, overlap : float
        These three.
    looked : int
        How many people have looked at the medium.
    reasons : tuple of Reason
        Why somebody should decide; empty where nobody need to.
    """

    annotation: Annotation
    thing: Thing
    certainty: float
    seen: float
    label: float
    overlap: float
    looked: int
    reasons: tuple[Reason, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether half or more of those who looked have marked it."""
        return self.seen >= 0.5

    def to_dict(self) -> dict[str, Any]:
        """A row of a table."""
        return {
            "medium": self.thing.medium,
            "label": label_of(self.annotation),
            "certainty": self.certainty,
            "seen_by": len(self.thing.marks),
            "looked": self.looked,
            "overlap": self.overlap,
            "reasons": "; ".join(REASONS[reason] for reason in self.reasons),
            "labels": "; ".join(f"{person}: {label_of(mark)}" for person, mark in self.thing.marks.items()),
        }


def propose(
    things: Sequence[Thing],
    *,
    looked: Mapping[str, Collection[str]],
    skill: Mapping[str, float] | None = None,
    near: Nearness = DEFAULT,
    low_overlap: float = 0.7,
    author: str = "consensus",
) -> list[Proposal]:
    """One annotation for each thing, those in doubt first.

    Parameters
    ----------
    things : sequence of Thing
        From `match_all`, or from `agreement`.
    looked : mapping of str to collection of str
        The media that each person has looked at.
    skill : mapping of str to float, optional
        How often each person is right, e.g. `DawidSkene.skill`: labels weigh log(s (q − 1) / (1 − s)) for q labels given, the weights that
        are best where errors are independent (Nitzan and Paroush 1982, Int. Econ. Rev. 23, 289-297). By default all weigh the same.
    near : Nearness
    low_overlap : float
        A thing whose shapes have a lower mean overlap is to be decided.
    author : str
        Who the labels are said to be from.
    """
    people = {name: frozenset(media) for name, media in looked.items()}
    return sorted(
        (_proposal(thing, people, dict(skill or {}), near, low_overlap, author) for thing in things),
        key=lambda each: (each.certainty, each.thing.medium),
    )


def to_decide(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those that somebody should decide, the most doubtful first."""
    return sorted((each for each in proposals if each.reasons), key=lambda each: each.certainty)


def table(proposals: Sequence[Proposal]) -> pd.DataFrame:
    """One row for each: ``medium``, ``label``, ``certainty``, ``seen_by``, ``looked``, ``overlap``, ``reasons``, ``labels``."""
    import pandas as pd

    columns = ["medium", "label", "certainty", "seen_by", "looked", "overlap", "reasons", "labels"]
    return pd.DataFrame([each.to_dict() for each in proposals], columns=columns)


def between(shapes: Sequence[Shape], near: Nearness = DEFAULT) -> tuple[Shape, float]:
    """The shape between several, and their mean overlap with it.

    Boxes, circles and points get the median of each number; of other or mixed kinds it is the one that covers the others best (the medoid).
    """
    kinds = {shape.kind for shape in shapes}
    if len(kinds) == 1 and kinds <= set(_BETWEEN) and not any(shape.frames for shape in shapes):
        middle = Shape.of(shapes[0].kind, np.median([shape.numbers for shape in shapes], axis=0))
        return middle, float(np.mean([overlap(middle, shape, near) for shape in shapes]))
    if len(shapes) == 1:
        return shapes[0], 1.0
    table = np.array([[1.0 if a is b else overlap(a, b, near) for b in shapes] for a in shapes])
    best = int(table.sum(axis=1).argmax())
    return shapes[best], float(table[best].mean())


def _proposal(
    thing: Thing,
    looked: Mapping[str, frozenset[str]],
    skill: Mapping[str, float],
    near: Nearness,
    low_overlap: float,
    author: str,
) -> Proposal:
    marks = list(thing.marks.items())
    n_looked = max(sum(thing.medium in media for media in looked.values()), len(marks))
    weights: dict[str, float] = defaultdict(float)
    n_labels = max(len({label_of(mark) for _, mark in marks}), 2)
    for person, mark in marks:
        s = min(max(skill.get(person, 0.5), 0.01), 0.99)
        weights[label_of(mark)] += max(float(np.log(s * (n_labels - 1) / (1 - s))), 0.01) if skill else 1.0
    ((best, weight), *others) = sorted(weights.items(), key=lambda each: -each[1])
    tie = bool(others) and bool(np.isclose(others[0][1], weight))
    shape, together = between([mark.shape for _, mark in marks], near)
    seen, label = len(marks) / n_looked, weight / sum(weights.values())
    certainty = float(seen * label * together)
    of_best = next(mark for _, mark in marks if label_of(mark) == best)
    labels = (LabelGiven(path=of_best.labels[0].path, annotator=author, confidence=certainty),) if of_best.labels else ()
    shapes_differ = len(marks) > 1 and together < low_overlap and all(is_iou(shape, mark.shape) for _, mark in marks)
    found: dict[Reason, bool] = {
        "tie": tie,
        "label": bool(others) and not tie,
        "overlap": shapes_differ,
        "alone": len(marks) == 1 and n_looked > 1,
        "minority": len(marks) > 1 and seen < 0.5,
    }
    return Proposal(
        annotation=replace(of_best, shape=shape, labels=labels, id="", status="predicted"),
        thing=thing,
        certainty=certainty,
        seen=seen,
        label=float(label),
        overlap=together,
        looked=n_looked,
        reasons=tuple(reason for reason, holds in found.items() if holds),
    )
