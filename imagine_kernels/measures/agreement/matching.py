"""Which annotations of several people are of the same thing: one to one, as good as they can be put together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.agreement.overlap import DEFAULT, Nearness, candidates, is_iou
from imagine_kernels.records import Annotation, Shape

#: Of two groups that could become one, their people may not overlap; of a thing everybody marks at most one.
Marks = Mapping[str, Sequence[Annotation]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two annotations of the same thing: the first of one person, the second of the other.

    Attributes
    ----------
    first, second : Annotation
    overlap : float
        Intersection over union, or nearness, from 0 to 1.
    """

    first: Annotation
    second: Annotation
    overlap: float

    @property
    def iou(self) -> float:
        """Intersection over union; NaN of what is compared by distance."""
        return self.overlap if is_iou(self.first.shape, self.second.shape) else float("nan")

    @property
    def same_label(self) -> bool:
        """Whether the label in force is the same, with all above it."""
        return label_of(self.first) == label_of(self.second)


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing, with who has marked it and how.

    Attributes
    ----------
    medium : str
    marks : mapping of str to Annotation
        By person.
    """

    medium: str
    marks: Mapping[str, Annotation]


def label_of(annotation: Annotation) -> str:
    """The label in force as one text, e.g. ``"Biota > Sponge"``; empty where there is none."""
    return " > ".join(annotation.labels[0].path) if annotation.labels else ""


def match(first: Sequence[Annotation], second: Sequence[Annotation], *, near: Nearness = DEFAULT) -> list[Pair]:
    """Pair annotations of two people, medium by medium, so that the sum of the overlaps is as large as can be.

    Parameters
    ----------
    first, second : sequence of Annotation
    near : Nearness
        What may be paired at all.

    Returns
    -------
    list of Pair
        In the order of `first`. Each annotation is in at most one.

    References
    ----------
    The assignment problem: Kuhn (1955), Nav. Res. Logist. Q. 2, 83-97, as scipy solves it (Crouse 2016, IEEE Trans. Aerosp. Electron. Syst. 52).
    """
    found = []
    of_second = _by_medium(second)
    for medium, ones in _by_medium(first).items():
        others = of_second.get(medium, [])
        if others:
            i, j, values = candidates([first[k].shape for k in ones], [second[k].shape for k in others], near)
            found += [(ones[i[k]], others[j[k]], float(values[k])) for k in _best(i, j, values, len(ones), len(others))]
    return [Pair(first[a], second[b], value) for a, b, value in sorted(found)]


def match_all(marks: Marks, *, near: Nearness = DEFAULT) -> list[Thing]:
    """Put together what any number of people have marked: pairs of the best overlap first, each person at most once in a thing.

    Of two people it is what `match` gives. It does not hang on the order of the people.

    Returns
    -------
    list of Thing
        Also those that one person alone has marked; by medium, in the order of the first mark.
    """
    people = sorted(marks)
    nodes = [(person, i) for person in people for i in range(len(marks[person]))]
    group = {node: {node[0]: node[1]} for node in nodes}
    edges = []
    for one, other in combinations(people, 2):
        where = [{id(each): i for i, each in enumerate(marks[person])} for person in (one, other)]
        for pair in match(marks[one], marks[other], near=near):
            edges.append((-pair.overlap, (one, where[0][id(pair.first)]), (other, where[1][id(pair.second)])))
    for _, a, b in sorted(edges):
        if group[a] is not group[b] and not group[a].keys() & group[b].keys():
            group[a].update(group[b])
            for person, i in group[b].items():
                group[person, i] = group[a]
    found = list({id(members): members for members in group.values()}.values())
    things = [
        Thing(next(marks[p][i].medium for p, i in members.items()), {p: marks[p][members[p]] for p in sorted(members)})
        for members in found
    ]
    return sorted(things, key=lambda thing: thing.medium)


def individuals(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Annotations in which those of the same track are one, at all their times; the most frequent label is in force."""
    found: list[Annotation] = []
    tracks: dict[tuple[str, str, str], list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        if annotation.track and annotation.shape.frames:
            tracks[annotation.medium, annotation.track, annotation.shape.kind].append(annotation)
        else:
            found.append(annotation)
    for parts in tracks.values():
        keyframes = dict(
            sorted(
                (time, numbers) for each in parts for time, numbers in zip(each.shape.frames, each.shape.keyframes, strict=True)
            )
        )
        shape = Shape(parts[0].shape.kind, tuple(keyframes.values()), tuple(keyframes))
        most = Counter(map(label_of, parts)).most_common(1)[0][0]
        found.append(replace(next(each for each in parts if label_of(each) == most), shape=shape))
    return found


def _best(i: NDArray[np.int64], j: NDArray[np.int64], values: NDArray[np.float64], n: int, m: int) -> list[int]:
    """Which candidates make the largest sum; each group of shapes that touch one another is solved on its own."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(i):
        return []
    _, of = connected_components(coo_array((np.ones(len(i)), (i, n + j)), shape=(n + m, n + m)), directed=False)
    chosen: list[int] = []
    order = np.argsort(of[i], kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(of[i][order])) + 1):
        if len(part) == 1:
            chosen.append(int(part[0]))
            continue
        rows, columns = np.unique(i[part], return_inverse=True)[1], np.unique(j[part], return_inverse=True)[1]
        gain, which = np.zeros((rows.max() + 1, columns.max() + 1)), np.full((rows.max() + 1, columns.max() + 1), -1)
        gain[rows, columns], which[rows, columns] = values[part], part
        a, b = linear_sum_assignment(gain, maximize=True)
        chosen += [int(k) for k in which[a, b] if k >= 0]
    return chosen


def _by_medium(annotations: Sequence[Annotation]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for i, annotation in enumerate(annotations):
        found[annotation.medium].append(i)
    return found
