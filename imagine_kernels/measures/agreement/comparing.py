"""What several people have marked in the same media, side by side: in figures, and thing by thing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.agreement.coefficients import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
)
from imagine_kernels.measures.agreement.matching import Marks, Pair, Thing, label_of, match, match_all
from imagine_kernels.measures.agreement.overlap import DEFAULT, Nearness
from imagine_kernels.measures.agreement.ratings import (
    DRAWS,
    NOTHING,
    Draws,
    Ratings,
    lowest_of_all_alike,
    rated,
    resampled,
    with_limits,
)
from imagine_kernels.measures.intervals import Figure
from imagine_kernels.records import Annotation

if TYPE_CHECKING:
    import pandas as pd

Found = Literal["only_first", "only_second", "same_label", "other_label"]
FOUND: tuple[Found, ...] = ("only_first", "only_second", "same_label", "other_label")
#: What is not named by anybody.
UNNAMED = "(no label)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in two sets of annotations.

    Attributes
    ----------
    found : {"only_first", "only_second", "same_label", "other_label"}
        Marked in one set only, or in both with the same or with another label.
    medium : str
    first, second : Annotation or None
    overlap : float or None
        Where it is in both.
    """

    found: Found
    medium: str
    first: Annotation | None
    second: Annotation | None
    overlap: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """A row of a table, without shapes: the ids of the annotations lead to them."""
        return {
            "medium": self.medium,
            "found": self.found,
            "first_id": self.first.id if self.first else "",
            "first_label": label_of(self.first) if self.first else "",
            "second_id": self.second.id if self.second else "",
            "second_label": label_of(self.second) if self.second else "",
            "overlap": self.overlap,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of annotations, thing by thing.

    Attributes
    ----------
    differences : tuple of Difference
        All things, also those without a difference; by medium.
    """

    differences: tuple[Difference, ...]

    def of(self, medium: str) -> list[Difference]:
        """Those in one medium."""
        return [each for each in self.differences if each.medium == medium]

    def counts(self) -> dict[Found, int]:
        """How many of each."""
        return {found: sum(each.found == found for each in self.differences) for found in FOUND}

    def table(self) -> pd.DataFrame:
        """One row for each thing: ``medium``, ``found``, ``first_id``, ``first_label``, ``second_id``, ``second_label``, ``overlap``."""
        import pandas as pd

        columns = ["medium", "found", "first_id", "first_label", "second_id", "second_label", "overlap"]
        return pd.DataFrame([each.to_dict() for each in self.differences], columns=columns)


def compare(first: Sequence[Annotation], second: Sequence[Annotation], *, near: Nearness = DEFAULT) -> Comparison:
    """Say of each thing in two sets whether it is in one or in both, and with which labels."""
    pairs = match(first, second, near=near)
    paired = {id(each) for pair in pairs for each in (pair.first, pair.second)}
    found = [
        Difference("same_label" if pair.same_label else "other_label", pair.first.medium, pair.first, pair.second, pair.overlap)
        for pair in pairs
    ]
    found += [Difference("only_first", each.medium, each, None) for each in first if id(each) not in paired]
    found += [Difference("only_second", each.medium, None, each) for each in second if id(each) not in paired]
    return Comparison(tuple(sorted(found, key=lambda each: each.medium)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTwo:
    """How two people agree.

    Attributes
    ----------
    first, second : str
    n_first, n_second, n_both : int
        Things that the one, the other and both have marked, in media that both have looked at.
    f1 : Figure
        Detection: 2 n_both / (n_first + n_second).
    iou : Figure
        Mean intersection over union of what both have marked; NaN where it is compared by distance.
    kappa : Figure
        Cohen's kappa of the labels of what both have marked.
    """

    first: str
    second: str
    n_first: int
    n_second: int
    n_both: int
    f1: Figure
    iou: Figure
    kappa: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How several people agree on what is in the same media. All intervals are bootstraps over media.

    Attributes
    ----------
    people : tuple of str
    n_media, n_things : int
        Media that two or more have looked at, and things in them that anybody has marked.
    f1 : Figure
        Detection, over all pairs of people: Σ 2 n_both / Σ (n_first + n_second).
    iou : Figure
        Mean intersection over union of all pairs of annotations of the same thing.
    label_agreement, label_kappa, label_ac1 : Figure
        Of the labels of things that two or more have marked: percent, Fleiss' kappa, Gwet's AC1.
    alpha : Figure
        Krippendorff's alpha over all things, where *nothing* is a class too: what somebody who looked did not mark.
    pairs : tuple of OfTwo
    things : tuple of Thing
    """

    people: tuple[str, ...]
    n_media: int
    n_things: int
    f1: Figure
    iou: Figure
    label_agreement: Figure
    label_kappa: Figure
    label_ac1: Figure
    alpha: Figure
    pairs: tuple[OfTwo, ...]
    things: tuple[Thing, ...]

    def table(self) -> pd.DataFrame:
        """One row per figure: ``figure``, ``first``, ``second`` (empty for all people together), ``value``, ``low``, ``high``."""
        import pandas as pd

        whole = ("f1", "iou", "label_agreement", "label_kappa", "label_ac1", "alpha")
        figures = [(name, "", "", getattr(self, name)) for name in whole]
        figures += [
            (name, pair.first, pair.second, getattr(pair, name)) for pair in self.pairs for name in ("f1", "iou", "kappa")
        ]
        rows = [(name, first, second, figure.value, figure.low, figure.high) for name, first, second, figure in figures]
        return pd.DataFrame(rows, columns=["figure", "first", "second", "value", "low", "high"])


def agreement(
    marks: Marks, *, looked: Mapping[str, Collection[str]], near: Nearness = DEFAULT, draws: Draws = DRAWS
) -> Agreement:
    """How people agree on what is there, where, and what it is.

    Parameters
    ----------
    marks : mapping of str to sequence of Annotation
        What each person has marked.
    looked : mapping of str to collection of str
        The media that each has looked at: only there does no mark mean that there is nothing.
    near : Nearness
        What counts as the same thing.
    draws : Draws

    Raises
    ------
    DataError
        There are not two people with a medium in common.
    """
    people = tuple(sorted(marks))
    media = sorted({name for person in people for name in looked.get(person, ())})
    shared = {name for name in media if sum(name in looked.get(person, ()) for person in people) >= 2}
    if len(people) < 2 or not shared:
        raise DataError("Agreement needs two people who have looked at the same media: let a second one look at some of them.")
    seen = {p: [each for each in marks[p] if each.medium in shared and each.medium in looked.get(p, ())] for p in people}
    things = match_all(seen, near=near)
    both = things_rated([thing for thing in things if len(thing.marks) > 1], people)
    index = {name: i for i, name in enumerate(sorted(shared))}
    pairs, totals = [], np.zeros((len(index), 4))
    for one, other in combinations(people, 2):
        common = set(looked.get(one, ())) & set(looked.get(other, ())) & shared
        found = match(*([a for a in seen[p] if a.medium in common] for p in (one, other)), near=near)
        sums = _sums(found, [a for p in (one, other) for a in seen[p] if a.medium in common], index)
        totals += sums
        n = [sum(a.medium in common for a in seen[p]) for p in (one, other)]
        same = [Thing(pair.first.medium, {one: pair.first, other: pair.second}) for pair in found]
        pairs.append(
            OfTwo(
                first=one,
                second=other,
                n_first=n[0],
                n_second=n[1],
                n_both=len(found),
                f1=_ratio(sums[:, :2], draws, counted=True),
                iou=_ratio(sums[:, 2:], draws, counted=False),
                kappa=cohen_kappa(things_rated(same, (one, other)), draws=draws),
            )
        )
    return Agreement(
        people=people,
        n_media=len(shared),
        n_things=len(things),
        f1=_ratio(totals[:, :2], draws, counted=True),
        iou=_ratio(totals[:, 2:], draws, counted=False),
        label_agreement=percent_agreement(both, draws=draws),
        label_kappa=fleiss_kappa(both, draws=draws),
        label_ac1=gwet_ac1(both, draws=draws),
        alpha=krippendorff_alpha(things_rated(things, people, looked=looked), draws=draws),
        pairs=tuple(pairs),
        things=tuple(things),
    )


def things_rated(
    things: Sequence[Thing], people: Sequence[str], *, looked: Mapping[str, Collection[str]] | None = None
) -> Ratings:
    """The labels that people have given to the same things, as ratings whose clusters are the media.

    Parameters
    ----------
    things : sequence of Thing
    people : sequence of str
    looked : mapping of str to collection of str, optional
        Given, whoever has looked at a medium and not marked a thing in it rates it `NOTHING`; else that is a missing rating.
    """
    nothing = [
        {person: NOTHING for person in people if thing.medium in looked.get(person, ())} if looked is not None else {}
        for thing in things
    ]
    given = [{person: label_of(mark) or UNNAMED for person, mark in thing.marks.items()} for thing in things]
    return rated([none | names for none, names in zip(nothing, given, strict=True)], people, [each.medium for each in things])


def _sums(pairs: Sequence[Pair], marked: Sequence[Annotation], index: Mapping[str, int]) -> NDArray[np.float64]:
    """(m, 4) for each medium: 2 n_both, n_first + n_second, the sum of the intersections over union, and of how many."""
    sums = np.zeros((len(index), 4))
    for each in marked:
        sums[index[each.medium], 1] += 1
    for pair in pairs:
        row = sums[index[pair.first.medium]]
        row[0] += 2
        if not np.isnan(pair.iou):
            row[2] += pair.iou
            row[3] += 1
    return sums


def _ratio(sums: NDArray[np.float64], draws: Draws, *, counted: bool) -> Figure:
    """Σ of the first column over Σ of the second, drawn by medium; `counted` where these are numbers of things."""

    def ratio(totals: NDArray[np.float64]) -> float:
        return float(totals[0] / totals[1]) if totals[1] > 0 else np.nan

    value = ratio(sums.sum(axis=0))
    # A medium in which nothing was marked says nothing on either.
    telling = sums[sums[:, 1] > 0]
    low, high = resampled(ratio, telling, draws)
    # Where all media say the same, so does every draw: that of a few is no certainty.
    if counted and np.isclose(value, 1.0):
        low = lowest_of_all_alike(len(telling))
    elif counted and value == 0:
        high = 1 - lowest_of_all_alike(len(telling))
    return with_limits(value, low, high, lowest=0.0)
