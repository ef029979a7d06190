"""What to label so that the interval of a quantity gets narrow soonest, and how many labels that still takes.

A quantity is a sum over objects, of what each adds by its class: 1 for a count, a volume for a biovolume, over the volume of water that was
filtered. The model says what each is expected to add, m_i; labels of a random few say what they add in truth, y_i. The sum of all m_i, put
right by the differences y_i − m_i of the few, is the *difference estimator*: it holds for any model, and the better the model, the narrower
its interval.

Objects are drawn with replacement and with probabilities p_i in proportion to the expected size of their difference, as Neyman's
allocation has it. Each draw estimates the total without bias by Σ m + (y_i − m_i) / p_i, so their mean does (Hansen and Hurwitz), and how
they scatter gives its error. Because every draw is without bias given the draws before it, batches that were drawn with another model go
into the same mean.

A few draws may all miss the objects on which the model is badly wrong, and then scatter too little. So their variance is put together with the
one that the model itself led to expect, which weighs as much as `PRIOR_DRAWS` draws: an interval is never of no width, and holds the truth about
as often as it says from 50 draws on, also where the model is surer than it should be.

References
----------
Hansen and Hurwitz (1943), On the theory of sampling from finite populations, Ann. Math. Stat. 14, 333-362; Neyman (1934), J. R. Stat. Soc. 97,
558-625; Särndal, Swensson and Wretman (1992), Model assisted survey sampling, Springer, sections 2.9 and 6.3; Angelopoulos et al. (2023),
Prediction-powered inference, Science 382, 669-674.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.choosing.scores import checked
from imagine_kernels.measures.intervals import LEVEL, Figure

Floats = NDArray[np.float64]

#: How often a model that is sure may be wrong all the same.
DOUBT = 0.02
#: How many draws the expected variance weighs as much as.
PRIOR_DRAWS = 8


@dataclass(frozen=True, eq=False)
class Expected:
    """What a model expects each object to add to a quantity.

    Attributes
    ----------
    added : (n,) float64 ndarray
        m_i, in the unit of the quantity.
    spread : (n,) float64 ndarray
        The standard deviation of y_i that the model expects.
    doubt : (n,) float64 ndarray
        By how much it may be wrong besides, as a standard deviation.
    """

    added: Floats
    spread: Floats
    doubt: Floats

    @property
    def error(self) -> Floats:
        """(n,) the expected size of y_i − m_i: both together."""
        return np.hypot(self.spread, self.doubt)

    @property
    def total(self) -> float:
        """The sum over all objects: the quantity, if the model were right on the average."""
        return float(self.added.sum())


def expected(
    probabilities: NDArray[Any],
    worth: NDArray[Any] | Sequence[float],
    *,
    size: NDArray[Any] | None = None,
    doubt: float = DOUBT,
) -> Expected:
    """What each object adds: m_i = s_i Σ_k p_ik w_k, with a spread of s_i √(Σ_k p_ik w_k² − (Σ_k p_ik w_k)²).

    The doubt besides is √`doubt` s_i (max w − min w).

    Parameters
    ----------
    probabilities : (n, q) array
        Calibrated ones: where the model says 0.8, it should be right in 8 of 10.
    worth : (q,) array
        w_k, what an object of each class adds: 1 for the classes to be counted and 0 for the others.
    size : (n,) array, optional
        s_i, by which an object counts more, e.g. its volume over that of the sample; 1 where it is left out.
    doubt : float
        How often the model may be wrong by all that there is between two classes, however sure it is: so what it is sure of is drawn too.

    Raises
    ------
    DataError
        The arrays do not fit, or `doubt` is not above 0.
    """
    if not 0 < doubt <= 1:
        raise DataError(f"The doubt in the model is {doubt:g}: give a share above 0 and up to 1.")
    p, w = checked(probabilities), np.asarray(worth, dtype=np.float64)
    s = np.ones(len(p)) if size is None else np.asarray(size, dtype=np.float64)
    if w.shape != (p.shape[1],) or s.shape != (len(p),) or not (np.isfinite(w).all() and np.isfinite(s).all()):
        raise DataError("A quantity needs a finite worth for each class, and a finite size for each object: check their numbers.")
    mean = p @ w
    spread = np.abs(s) * np.sqrt(np.clip(p @ w**2 - mean**2, 0, None))
    return Expected(s * mean, spread, np.abs(s) * np.ptp(w) * np.sqrt(doubt))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Objects that were drawn to be labelled, and what is needed later to make use of the labels.

    Attributes
    ----------
    objects : (k,) int64 ndarray
        In the order of drawing; one may be drawn twice, and is labelled once.
    probabilities : (k,) float64 ndarray
        p_i of each draw.
    added : (k,) float64 ndarray
        m_i of each.
    total : float
        Σ m of the model by which they were drawn.
    scatter : float
        What the model leads to expect of the standard deviation of the estimates of single draws.
    """

    objects: NDArray[np.int64]
    probabilities: Floats
    added: Floats
    total: float
    scatter: float


def draw(model: Expected, n: int, *, seed: int = 0) -> Drawn:
    """Draw objects to be labelled, those with a large expected error more often: p_i = error_i / Σ error.

    Raises
    ------
    DataError
        No object can add anything to the quantity.
    """
    p = _chances(model)
    found = np.random.default_rng(seed).choice(len(p), size=n, p=p)
    return Drawn(found.astype(np.int64), p[found], model.added[found], model.total, _scatter(model))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantity from a model and some labels.

    Attributes
    ----------
    total : Figure
        With its 95 % interval, from Student's t.
    n : int
        Draws.
    scatter : float
        Standard deviation of the estimates of single draws, with what was expected of it, in the unit of the quantity.
    """

    total: Figure
    n: int
    scatter: float

    @property
    def relative_half_width(self) -> float:
        """Half of the interval over the value; infinite where that is 0."""
        half = (self.total.high - self.total.low) / 2
        return half / abs(self.total.value) if self.total.value else np.inf


def estimate(batches: Sequence[tuple[Drawn, NDArray[Any]]]) -> Estimate:
    """The quantity from what was drawn and labelled.

    Parameters
    ----------
    batches : sequence of (Drawn, (k,) array)
        Each with the y_i of its draws: what each object adds in truth.

    Raises
    ------
    DataError
        There are not two draws, or a batch has not one label for each.
    """
    single: list[Floats] = []
    prior = 0.0
    for drawn, true in batches:
        y = np.asarray(true, dtype=np.float64)
        if y.shape != drawn.objects.shape or not np.isfinite(y).all():
            raise DataError(
                f"A batch of {len(drawn.objects)} draws needs a label for each: label the rest, or leave the batch out."
            )
        prior += len(y) * drawn.scatter**2
        single.append(drawn.total + (y - drawn.added) / drawn.probabilities)
    each = np.concatenate(single) if single else np.empty(0)
    if len(each) < 2:
        raise DataError(f"An interval needs two labels or more, not {len(each)}: label some of what was drawn.")
    n, mean = len(each), float(each.mean())
    scatter = float(np.sqrt(((n - 1) * each.var(ddof=1) + PRIOR_DRAWS * prior / n) / (n - 1 + PRIOR_DRAWS)))
    half = _t(n) * scatter / np.sqrt(n)
    return Estimate(Figure(mean, float(mean - half), float(mean + half)), n, scatter)


def labels_needed(found: Estimate, relative: float) -> int:
    """How many more draws it takes until the interval is ± `relative` of the value: 0 where it is so already.

    n = (t s / (`relative` · value))², with s the scatter so far.

    Raises
    ------
    DataError
        The value is 0 or `relative` is not above 0.
    """
    return max(0, _draws(found.scatter, found.total.value, relative) - found.n)


def labels_planned(model: Expected, relative: float) -> int:
    """The same before anything is labelled, if the model's probabilities are calibrated: s² = Σ spread_i² / p_i.

    Raises
    ------
    DataError
        The model expects a total of 0 or `relative` is not above 0.
    """
    p = _chances(model)
    there = p > 0
    return _draws(float(np.sqrt((model.spread[there] ** 2 / p[there]).sum())), model.total, relative)


def _draws(scatter: float, value: float, relative: float) -> int:
    if not value or not np.isfinite(value) or relative <= 0:
        raise DataError(
            f"No number of labels gives ± {relative:g} of {value:g}: give a width above 0 for a quantity that is not 0."
        )
    # The quantile of t hangs on n, a little.
    n = 2
    for _ in range(20):
        wanted = max(2, int(np.ceil((_t(n) * scatter / (relative * abs(value))) ** 2)))
        if wanted == n:
            break
        n = wanted
    return n


def _chances(model: Expected) -> Floats:
    total = float(model.error.sum())
    if not total > 0:
        raise DataError("No object can add anything to this quantity: open a sample, and choose classes that add something.")
    return np.asarray(model.error / total, dtype=np.float64)


def _scatter(model: Expected) -> float:
    # √Σ error² / p, with p = error / Σ error.
    return float(model.error.sum())


def _t(n: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, n - 1))
