"""A batch of objects to label: those of the highest score, or those that lie apart; never all of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.choosing.scores import checked, entropy, least_confidence, margin, novelty

Way = Literal["entropy", "margin", "least_confidence", "novel", "diverse", "mixed", "random"]
WAYS: tuple[Way, ...] = get_args(Way)

Floats = NDArray[np.float64]

#: ``mixed`` looks for its batch among so many times as many objects, the most uncertain ones.
CANDIDATES = 10
#: Steps of k-means; more change next to nothing.
STEPS = 10
#: Features are measured as if they varied at least this share of what is usual.
LEAST_SPREAD = 0.25


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool:
    """Objects, some of them labelled.

    Attributes
    ----------
    labelled : (n,) bool ndarray
    probabilities : (n, q) ndarray or None
        What the model says of each; for all but ``novel``, ``diverse`` and ``random``.
    embeddings : (n, d) ndarray or None
        For ``novel``, ``diverse`` and ``mixed``.
    groups : (n,) ndarray or None
        The sample, station or day of each.
    """

    labelled: NDArray[np.bool_]
    probabilities: NDArray[Any] | None = None
    embeddings: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Choice:
    """What to label next.

    Attributes
    ----------
    objects : (k,) int64 ndarray
        Indices into the pool, the best first.
    scores : (k,) float64 ndarray
        Why, in the units of the way of choosing; NaN for ``random``.
    """

    objects: NDArray[np.int64]
    scores: Floats


def choose(pool: Pool, n: int, *, by: Way = "mixed", per_group: int | None = None, seed: int = 0) -> Choice:
    """Choose objects that are not labelled yet.

    Parameters
    ----------
    pool : Pool
    n : int
        How many; fewer where there are not as many.
    by : str
        ``entropy``, ``margin``, ``least_confidence``: what the model is unsure of. ``novel``: what is far from all that is labelled.
        ``diverse``: k-centre greedy, each the farthest from the labelled and those chosen before (Gonzalez 1985, Theor. Comput. Sci. 38,
        293-306; Sener and Savarese 2018, ICLR). ``mixed``: unsure and diverse at once, by k-means with weights (Zhdanov 2019, Diverse mini-batch
        active learning, arXiv 1901.05954), with embeddings compared by their direction. ``random``: all as likely.
    per_group : int, optional
        At most so many of one group; by default an even share. Where that does not give `n`, more are taken.
    seed : int

    Raises
    ------
    DataError
        What that way of choosing needs is not there, or the arrays do not fit.
    """
    labelled = np.asarray(pool.labelled, dtype=bool)
    for name in ("probabilities", "embeddings", "groups"):
        given = getattr(pool, name)
        if given is not None and len(given) != len(labelled):
            raise DataError(f"There are {len(given)} {name} for {len(labelled)} objects: give one for each.")
    free = ~labelled
    n = min(n, int(free.sum()))
    turns = _Turns(pool.groups, free, n, per_group)
    rng = np.random.default_rng(seed)
    if by == "diverse":
        return _k_centre(_embeddings(pool, by), labelled, turns, n, rng)
    if by == "mixed":
        wide = _Turns(pool.groups, free, CANDIDATES * n, None if per_group is None else CANDIDATES * per_group)
        return _mixed(_probabilities(pool, by), _embeddings(pool, by), free, wide, turns, n, rng)
    if by == "random":
        found = _highest(rng.random(len(labelled)), turns, n, rng)
        return Choice(found.objects, np.full(len(found.objects), np.nan))
    if by == "novel":
        return _highest(novelty(_embeddings(pool, by), labelled), turns, n, rng)
    scores = {"entropy": entropy, "margin": margin, "least_confidence": least_confidence}
    if by not in scores:
        raise DataError(f"Unknown way to choose {by!r}: use one of {', '.join(WAYS)}.")
    return _highest(scores[by](_probabilities(pool, by)), turns, n, rng)


class _Turns:
    """Which objects may be taken next: not labelled, not taken, of a group that has not had its share."""

    def __init__(self, groups: NDArray[Any] | None, free: NDArray[np.bool_], n: int, per_group: int | None) -> None:
        self._free = free.copy()
        self._of = np.zeros(len(free), dtype=np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
        there = np.unique(self._of[free])
        self._taken = np.zeros(int(self._of.max()) + 1 if len(free) else 0, dtype=np.int64)
        self._most = max(1, per_group if per_group is not None else -(-n // max(len(there), 1)))

    def may(self) -> NDArray[np.bool_]:
        """(n,) of all objects; where no group has a share left, each gets one more."""
        found = self._free & (self._taken[self._of] < self._most)
        while not found.any() and self._free.any():
            self._most += 1
            found = self._free & (self._taken[self._of] < self._most)
        return np.asarray(found)

    def allows(self, i: int) -> bool:
        """Whether that one may be taken."""
        return bool(self._free[i] and self._taken[self._of[i]] < self._most)

    def take(self, i: int) -> None:
        self._free[i] = False
        self._taken[self._of[i]] += 1


def _highest(scores: Floats, turns: _Turns, n: int, rng: np.random.Generator) -> Choice:
    """Those of the highest score; equal ones in an order of chance, not in that of the files."""
    order = rng.permutation(len(scores))
    order = order[np.argsort(-scores[order], kind="stable")]
    chosen: list[int] = []
    while len(chosen) < n:
        turns.may()
        for i in order:
            if len(chosen) < n and turns.allows(i):
                chosen.append(int(i))
                turns.take(int(i))
    return Choice(np.array(chosen, dtype=np.int64), scores[chosen])


def _k_centre(z: Floats, labelled: NDArray[np.bool_], turns: _Turns, n: int, rng: np.random.Generator) -> Choice:
    nearest = np.full(len(z), np.inf)
    for begin in range(0, int(labelled.sum()), 256):
        centres = z[np.flatnonzero(labelled)[begin : begin + 256]]
        squared = (z**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None, :] - 2 * z @ centres.T
        nearest = np.minimum(nearest, squared.min(axis=1).clip(0))
    chosen: list[int] = []
    apart: list[float] = []
    while len(chosen) < n:
        may = turns.may()
        # Without anything to be far from, the first is one of chance.
        i = int(rng.choice(np.flatnonzero(may))) if np.isinf(nearest[may]).all() else int(np.where(may, nearest, -1).argmax())
        chosen.append(i)
        apart.append(float(np.sqrt(nearest[i])))
        turns.take(i)
        nearest = np.minimum(nearest, ((z - z[i]) ** 2).sum(axis=1))
    return Choice(np.array(chosen, dtype=np.int64), np.array(apart))


def _mixed(
    p: Floats, z: Floats, free: NDArray[np.bool_], wide: _Turns, turns: _Turns, n: int, rng: np.random.Generator
) -> Choice:
    """Of the most uncertain objects, those nearest to the centres of n clusters, in which uncertain objects weigh more."""
    unsure = margin(p)
    if not n:
        return Choice(np.empty(0, dtype=np.int64), np.empty(0))
    among = _highest(unsure, wide, min(CANDIDATES * n, int(free.sum())), rng).objects
    directions = _directions(z, free)[among]
    chosen: list[int] = []
    for apart in _squared(_centres(directions, unsure[among] + 1e-6, n, rng), directions):
        may = turns.may()[among]
        if may.any():
            chosen.append(int(among[np.where(may, apart, np.inf).argmin()]))
            turns.take(chosen[-1])
    # Where the groups have fewer candidates than their share.
    chosen += _highest(unsure, turns, n - len(chosen), rng).objects.tolist()
    best = np.array(chosen, dtype=np.int64)[np.argsort(-unsure[chosen], kind="stable")]
    return Choice(best, unsure[best])


def _directions(z: Floats, free: NDArray[np.bool_]) -> Floats:
    """(n, d) unit vectors from the middle of what is not labelled.

    Features differ in size, so each is measured in its spread. The length is left out: far from everything lie odd pictures, from which
    little is learned about the others.
    """
    spread = z[free].std(axis=0)
    apart = (z - z[free].mean(axis=0)) / np.maximum(spread, max(LEAST_SPREAD * float(np.median(spread)), 1e-12))
    return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12))


def _centres(z: Floats, weights: Floats, k: int, rng: np.random.Generator) -> Floats:
    """(k, d) centres by weighted k-means, begun as k-means++ (Arthur and Vassilvitskii 2007, SODA)."""
    centres = np.empty((k, z.shape[1]))
    nearest = np.ones(len(z))
    for j in range(k):
        chances = weights * nearest
        chances = chances if chances.sum() > 0 else weights
        centres[j] = z[rng.choice(len(z), p=chances / chances.sum())]
        apart = _squared(centres[j : j + 1], z)[0]
        nearest = apart if not j else np.minimum(nearest, apart)
    for _ in range(STEPS):
        of = _squared(centres, z).argmin(axis=0)
        sums = np.zeros((k, len(z)))
        sums[of, np.arange(len(z))] = weights
        total = sums.sum(axis=1, keepdims=True)
        # A centre that nothing is nearest to stays where it is.
        centres = np.where(total > 0, sums @ z / np.maximum(total, 1e-300), centres)
    return centres


def _squared(a: Floats, b: Floats) -> Floats:
    """(i, j) squared distances between (i, d) and (j, d)."""
    return np.asarray(((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T).clip(0))


def _probabilities(pool: Pool, by: Way) -> Floats:
    if pool.probabilities is None:
        raise DataError(f"To choose by {by} it takes a model's probabilities: identify the objects first.")
    return checked(pool.probabilities)


def _embeddings(pool: Pool, by: Way) -> Floats:
    if pool.embeddings is None:
        raise DataError(f"To choose by {by} it takes embeddings: compute the features of the objects first.")
    return np.asarray(pool.embeddings, dtype=np.float64)
