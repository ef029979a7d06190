"""Planted controls: things whose answer is known, mixed among the rest, so that it shows early who goes astray."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from imagine_kernels.errors import DataError
from imagine_kernels.measures.agreement.matching import Marks, match
from imagine_kernels.measures.agreement.overlap import DEFAULT, Nearness
from imagine_kernels.measures.agreement.ratings import lowest_of_all_alike
from imagine_kernels.measures.intervals import Figure, wilson
from imagine_kernels.records import Annotation

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How somebody did on the controls.

    Attributes
    ----------
    person : str
    right, n : int
    rate : Figure
        With Wilson's interval.
    limit : float
        What the lower end of the interval should not fall under.
    needed : int
        So many controls it takes at least to tell: with fewer, even all of them right would not reach the limit.
    """

    person: str
    right: int
    n: int
    rate: Figure
    limit: float
    needed: int

    @property
    def alarm(self) -> bool:
        """Whether it cannot be told any more that the person is good enough; not before there are enough controls."""
        return self.n >= self.needed and self.rate.low < self.limit


def planted(queue: Sequence[T], controls: Sequence[T], *, every: int = 10, seed: int = 0) -> list[T]:
    """A queue with one control at a random place in each run of `every` of the others, as long as there are controls.

    Raises
    ------
    DataError
        `every` is less than 1.
    """
    if every < 1:
        raise DataError(f"A control after every {every} others cannot be: give 1 or more.")
    rng = np.random.default_rng(seed)
    waiting = [controls[i] for i in rng.permutation(len(controls))]
    found: list[T] = []
    for begin in range(0, len(queue), every):
        run = list(queue[begin : begin + every])
        if waiting:
            run.insert(int(rng.integers(0, len(run) + 1)), waiting.pop())
        found += run
    return found


def score(answers: Mapping[str, Sequence[bool]], *, limit: float = 0.8) -> list[Score]:
    """How each person did on controls, the worst first.

    Parameters
    ----------
    answers : mapping of str to sequence of bool
        Whether each answer of a person was right.
    limit : float
        Between 0 and 1.

    Raises
    ------
    DataError
        The limit is not between 0 and 1.
    """
    if not 0 <= limit < 1:
        raise DataError(f"The limit for controls is {limit:g}: give a share from 0 to below 1.")
    needed = _needed(limit)
    found = []
    for person, given in answers.items():
        right, n = sum(map(bool, given)), len(given)
        low, high = wilson(right, n)
        rate = Figure(right / n if n else np.nan, float(low), float(high))
        found.append(Score(person=person, right=right, n=n, rate=rate, limit=limit, needed=needed))
    return sorted(found, key=lambda each: (np.nan_to_num(each.rate.value, nan=2.0), each.person))


def answers(
    marks: Marks, known: Sequence[Annotation], *, looked: Mapping[str, Collection[str]], near: Nearness = DEFAULT
) -> dict[str, list[bool]]:
    """For each person, whether each known thing in a medium that they looked at was found, and given the right label."""
    found = {}
    for person in sorted(marks):
        asked = [each for each in known if each.medium in looked.get(person, ())]
        right = {id(pair.first) for pair in match(asked, marks[person], near=near) if pair.same_label}
        found[person] = [id(each) in right for each in asked]
    return found


def _needed(limit: float) -> int:
    n = 1
    while lowest_of_all_alike(n) < limit:
        n += 1
    return n
