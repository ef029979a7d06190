"""Beach litter against the threshold of the European Union: 20 items per 100 m.

References
----------
Van Loon, W. et al. (2020): A European Threshold Value and Assessment Method for Macro Litter on Coastlines. JRC121707, EUR 30347 EN,
doi:10.2760/54369: the 15th percentile of the surveys of 2015 and 2016; the median of the surveys of a country and subregion is compared,
at least 40 in six years; paraffin, wax, oil and other pollutants are not counted, nor what is smaller than 2.5 cm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.intervals import Figure

if TYPE_CHECKING:
    import pandas as pd

#: Items per 100 m of beach; good status is below it.
THRESHOLD_PER_100_M = 20.0
#: As many surveys are to be assessed together.
LEAST_SURVEYS = 40
#: Categories of the Joint List that are not assessed: chemicals.
NOT_ASSESSED = frozenset({"J216", "J217", "J218"})


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The median of surveys, compared with the threshold.

    Attributes
    ----------
    n_surveys : int
    median : Figure
        Items per 100 m.
    probability_above : float
        That the median of all such surveys is at the threshold or above.
    meets_threshold : bool
        The median of these surveys is below the threshold.
    notes : tuple of str
    """

    n_surveys: int
    median: Figure
    probability_above: float
    meets_threshold: bool
    notes: tuple[str, ...] = ()


def assessed_items(items: pd.DataFrame) -> pd.DataFrame:
    """The items that count for the threshold, by their ``j_code``; those without a code count."""
    return items if "j_code" not in items else items[~items["j_code"].isin(NOT_ASSESSED)]


def assess(items_per_100_m: ArrayLike, *, threshold: float = THRESHOLD_PER_100_M) -> Assessment:
    """Compare the median of surveys (n,) with the threshold.

    The interval of the median goes from one of the surveys to another, by the binomial distribution of how many lie below it (David and Nagaraja
    2003, Order Statistics, section 7.1); with fewer than six surveys none covers 95 %, and it is the whole range, with a note. The
    probability follows from the number k of surveys at the threshold or above: the share of all such surveys has the distribution
    beta(k + 1/2, n - k + 1/2) (Jeffreys), and the median is at the threshold or above where it exceeds one half.

    Raises
    ------
    DataError
        There is no survey, or a number is below 0 or not finite.
    """
    from scipy.special import betainc

    values = np.sort(np.asarray(items_per_100_m, dtype=np.float64))
    n = len(values)
    if not n:
        raise DataError("There is no survey to assess: give items per 100 m of one at least.")
    if not np.isfinite(values).all() or values[0] < 0:
        raise DataError("Items per 100 m of a survey are missing or below 0: leave these surveys out, or give their lengths.")
    above = int((values >= threshold).sum())
    probability = 1 - float(betainc(above + 0.5, n - above + 0.5, 0.5))
    low, high, covered = _median_limits(n)
    notes = []
    if not covered:
        notes.append(f"{n} surveys are too few for a 95 % interval of their median: their whole range is given.")
    if n < LEAST_SURVEYS:
        notes.append(
            f"{n} surveys are assessed; the method of the European Union asks for {LEAST_SURVEYS} in six years at least."
        )
    median = Figure(float(np.median(values)), float(values[low]), float(values[high]))
    return Assessment(
        n_surveys=n, median=median, probability_above=probability, meets_threshold=median.value < threshold, notes=tuple(notes)
    )


def _median_limits(n: int) -> tuple[int, int, bool]:
    """Ranks, from 0, of the surveys that hold the median between them in 95 of 100 cases, and whether there are such."""
    from scipy.special import bdtr

    below: NDArray[np.float64] = bdtr(np.arange(n), n, 0.5)
    # The value of rank r is above the median with the probability that r or fewer lie below it.
    rank = int((below <= 0.025).sum()) - 1
    return (rank, n - 1 - rank, True) if rank >= 0 else (0, n - 1, False)
