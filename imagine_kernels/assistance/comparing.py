"""Two models on the same held-out items: which is better, and whether that is beyond doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.intervals import LEVEL

if TYPE_CHECKING:
    from imagine_kernels.workflow import Workflow

#: With fewer held-out items or media than these nothing is offered.
LEAST_ITEMS, LEAST_MEDIA = 20, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a new model does beside the one in use.

    Attributes
    ----------
    now, new : float
        Balanced accuracies: the mean over classes of the share that is right.
    gain, low, high : float
        Of the new one, with its 95 % interval.
    p : float
        How often as many media as were seen, or more, would speak for the new model if both were as good: the one-sided sign test.
    items, media : int
        What they were compared on.
    """

    now: float
    new: float
    gain: float
    low: float
    high: float
    p: float
    items: int
    media: int

    @property
    def better(self) -> bool:
        """Whether the new model is better beyond doubt: the interval of the gain and the sign test both say so."""
        return self.low > 0 and self.p <= (1 - LEVEL) / 2


def compare(workflow: Workflow, true: Sequence[str], now: Sequence[str], new: Sequence[str], media: Sequence[str]) -> Comparison:
    """Compare two models on the labels of n items.

    Parameters
    ----------
    workflow : Workflow
    true, now, new : sequence of str, length n
        What people say, the model in use, and the new one.
    media : sequence of str, length n
        The medium of each item.

    Notes
    -----
    The gain and its standard error are those of `imagine_kernels.tasks.choice.paired_gain`, which takes each item for itself. Items of one
    medium are alike, so the error is also computed from the sums by medium of w_i (d_i − mean of d in the class), with d_i = right with the
    new model − right with the old one and w_i = 1 / (k n_class): √(M / (M − 1) Σ_m u_m²), the cluster-robust error of Liang and Zeger [1]_.
    Where all differences are the same both are 0, however few the items; so the third is that of a difference of paired proportions with half
    an item more in each cell of the table [2]_. The largest of the three counts, with Student's t for M − 1 degrees of freedom.

    Besides, a sign test [3]_ over the media in which one model is right more often than the other must agree.

    References
    ----------
    .. [1] Liang, K.-Y., Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73, 13-22.
    .. [2] Agresti, A., Min, Y. (2005). Simple improved confidence intervals for comparing matched proportions. Stat. Med. 24, 729-740.
    .. [3] Conover, W. J. (1999). Practical Nonparametric Statistics, 3rd edition, section 3.4.
    """
    from scipy.stats import t

    truth, before, after, of = (np.asarray(each, dtype=object) for each in (true, now, new, media))
    gain = workflow.gain(truth, before, after)
    difference = (after == truth).astype(float) - (before == truth).astype(float)
    classes = sorted(set(truth.tolist()))
    summed = np.zeros(len(truth))
    for name in classes:
        of_class = truth == name
        summed[of_class] = (difference[of_class] - difference[of_class].mean()) / (len(classes) * of_class.sum())
    names, at = np.unique(of.astype(str), return_inverse=True)
    by_medium = np.bincount(at, weights=summed)
    m = len(names)
    clustered = math.sqrt(m / (m - 1) * float((by_medium**2).sum())) if m > 1 else math.inf
    half = float(t.ppf((1 + LEVEL) / 2, max(m - 1, 1))) * max(gain.error, clustered, _matched(difference))
    signs = np.bincount(at, weights=difference)
    return Comparison(
        now=_balanced(truth, before),
        new=_balanced(truth, after),
        gain=gain.value,
        low=max(-1.0, gain.value - half),
        high=min(1.0, gain.value + half),
        p=_sign_test(int((signs > 0).sum()), int((signs < 0).sum())),
        items=len(truth),
        media=m,
    )


def _matched(difference: NDArray[np.float64]) -> float:
    """Standard error of a difference of paired proportions after Agresti and Min, from the n differences of right and wrong."""
    n = len(difference) + 2
    up, down = ((difference > 0).sum() + 0.5) / n, ((difference < 0).sum() + 0.5) / n
    return math.sqrt((up + down - (up - down) ** 2) / n)


def _balanced(true: NDArray[np.object_], said: NDArray[np.object_]) -> float:
    return float(np.mean([(said[true == name] == name).mean() for name in sorted(set(true.tolist()))]))


def _sign_test(better: int, worse: int) -> float:
    n = better + worse
    return float(sum(math.comb(n, k) for k in range(better, n + 1)) / 2**n)
