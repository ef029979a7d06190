"""Normalised biovolume size spectrum (NBSS) per sample or station and taxon, with its straight line in log-log.

On a grid whose biovolume doubles from bin to bin (equivalent diameters grow by 2^(1/3), from 1 µm up, as EcoPart and PSSdb use it)::

    NB_k = Σ over objects i in bin k of  V_i · w_i / ΔV_k        mm³ per m³ per mm³ of bin width, i.e. 1/m³

with the spherical volume ``V_i`` in mm³ and ``w_i = sub_part / tot_vol`` in 1/m³. The line is ordinary least squares of ``log10 NB`` on
``log10`` of the geometric middle of the bin, in mm³.

Bins that would bend the line are kept in the table and left out of it; the table says why (after PSSdb, Dugenne et al. 2024, First release of
the Pelagic Size Structure database, Earth Syst. Sci. Data 16, 2971-2999, doi 10.5194/essd-16-2971-2024):

- smaller than the bin with the largest NB: nets and scanners undersample there;
- beyond three empty bins in a row;
- Poisson uncertainty of the count, 1/√n, of 20 % or more, i.e. up to 25 objects;
- uncertainty of the size, one pixel over the diameter, of 20 % or more.

The intervals of slope and intercept are those of least squares: they hold the scatter of the bins about the line, and neither their unequal counting
errors nor the choice of bins. On random samples of 3000 objects from an exact power law they held the true slope in 76 % of the draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.intervals import LEVEL, weighted_poisson

if TYPE_CHECKING:
    import pandas as pd

#: The taxon of the rows that hold all objects, and the sample of the rows that hold the mean over samples.
ALL_OBJECTS, ALL_SAMPLES = "all objects", "all samples"
#: Limits of the bins: equivalent spherical diameter in mm, 1 µm to 131 mm.
ESD_LIMITS_MM: NDArray[np.float64] = 1e-3 * 2 ** (np.arange(0, 52) / 3)
MAX_UNCERTAINTY = 0.20
MIN_BINS = 3

_KEPT, _PEAK, _GAP, _COUNT, _SIZE, _EMPTY, _WEIGHT = range(7)
_REASONS = np.array(
    [
        "",
        "smaller than the peak",
        "beyond three empty bins",
        "25 objects or fewer",
        "smaller than 5 pixels",
        "empty",
        "volume of water or splitting not known",
    ],
    dtype=object,
)


def nbss(
    sample: NDArray[Any], taxon: NDArray[Any], volume: NDArray[Any], weight: NDArray[Any], pixel_size: NDArray[Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Size spectra and their lines, per sample and taxon, per sample, and for the mean over all samples.

    Parameters
    ----------
    sample, taxon : (n,) ndarrays of str
    volume : (n,) float ndarray
        mm³; objects without one (NaN) are left out.
    weight : (n,) float ndarray
        Individuals per m³ that an object stands for.
    pixel_size : (n,) float ndarray
        mm.

    Returns
    -------
    bins : DataFrame
        ``sample_id``, ``taxon``, ``esd_low_mm``, ``esd_high_mm``, ``biovolume_mid_mm3``, ``n_counted``, ``nbss_m3`` with ``_low`` and
        ``_high`` (95 %, counting error), ``psd_m3_mm`` (individuals per m³ and mm of diameter), ``in_fit``, ``left_out_because``. From the
        first to the last occupied bin.
    fits : DataFrame
        ``sample_id``, ``taxon``, ``n_bins``, ``slope``, ``slope_low``, ``slope_high`` (95 %), ``intercept_log10_m3``, ``intercept_log10_low_m3``,
        ``intercept_log10_high_m3`` (95 %; at 1 mm³), ``r2``, ``rmse_log10``; NaN with fewer than three bins.
    """
    import pandas as pd

    volume, weight = np.asarray(volume, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    esd = np.cbrt(6 * volume / np.pi)
    usable = (esd >= ESD_LIMITS_MM[0]) & (esd < ESD_LIMITS_MM[-1])
    samples, sample_at = np.unique(np.asarray(sample).astype(str)[usable], return_inverse=True)
    taxa, taxon_at = np.unique(np.asarray(taxon).astype(str)[usable], return_inverse=True)
    bin_at = np.searchsorted(ESD_LIMITS_MM, esd[usable], side="right") - 1
    shape = (len(samples), len(taxa), len(ESD_LIMITS_MM) - 1)
    cell = (sample_at * shape[1] + taxon_at) * shape[2] + bin_at
    volume, weight, px = volume[usable], weight[usable], np.asarray(pixel_size, dtype=np.float64)[usable]

    def total(what: NDArray[np.float64]) -> NDArray[np.float64]:
        return _margins(np.bincount(cell, weights=what, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64))

    n = total(np.ones(len(cell)))
    limits = np.pi / 6 * ESD_LIMITS_MM**3
    width = np.diff(limits)
    sums, squares = total(weight * volume), total((weight * volume) ** 2)
    numbers = total(weight)
    # The mean over samples, not their sum; variances go with the square.
    sums[-1], numbers[-1] = (table[-1] / max(shape[0], 1) for table in (sums, numbers))
    squares[-1] /= max(shape[0], 1) ** 2
    heaviest = np.zeros(shape)
    np.maximum.at(heaviest.reshape(-1), cell, np.nan_to_num(weight * volume))
    largest = np.maximum(_margins(heaviest, np.max), 1e-300)
    largest[-1] /= max(shape[0], 1)
    low, high = weighted_poisson(sums, squares, largest)
    coarsest = np.nanmax(px) if len(px) and not np.isnan(px).all() else 0.0
    reason = _reasons(n, sums / width, ESD_LIMITS_MM[:-1], float(coarsest))

    middle = np.sqrt(limits[1:] * limits[:-1])
    if len(samples) < 2:
        # The mean of one sample is that sample.
        n[-1] = 0
    group, at = np.nonzero(_occupied_range(n.reshape(-1, shape[2])))
    names = np.array([[s, t] for s in (*samples, ALL_SAMPLES) for t in (*taxa, ALL_OBJECTS)], dtype=object).reshape(-1, 2)
    reasons = reason.reshape(-1, shape[2])[group, at]

    def flat(table: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(table.reshape(-1, shape[2])[group, at])

    bins = pd.DataFrame(
        {
            "sample_id": names[group, 0],
            "taxon": names[group, 1],
            "esd_low_mm": ESD_LIMITS_MM[at],
            "esd_high_mm": ESD_LIMITS_MM[at + 1],
            "biovolume_mid_mm3": middle[at],
            "n_counted": flat(n).astype(np.int64),
            "nbss_m3": flat(sums) / width[at],
            "nbss_low_m3": flat(low) / width[at],
            "nbss_high_m3": np.where(flat(n) > 0, flat(high) / width[at], np.nan),
            "psd_m3_mm": flat(numbers) / np.diff(ESD_LIMITS_MM)[at],
            "in_fit": reasons == _KEPT,
            "left_out_because": _REASONS[reasons],
        }
    )
    fits = _fits(np.log10(middle), sums.reshape(-1, shape[2]) / width, reason.reshape(-1, shape[2]) == _KEPT)
    table = pd.DataFrame({"sample_id": names[:, 0], "taxon": names[:, 1], **fits})
    return bins, table[n.reshape(-1, shape[2]).sum(axis=1) > 0].reset_index(drop=True)


def _margins(table: NDArray[np.float64], over: Any = np.sum) -> NDArray[np.float64]:
    """(s, t, b) → (s + 1, t + 1, b): all taxa of a sample, all samples."""
    table = np.concatenate([table, over(table, axis=1, keepdims=True, initial=0)], axis=1)
    return np.concatenate([table, over(table, axis=0, keepdims=True, initial=0)], axis=0)


def _occupied_range(n: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(g, b) True from the first to the last occupied bin of each group."""
    some = n > 0
    return np.asarray(np.logical_or.accumulate(some, axis=1) & np.logical_or.accumulate(some[:, ::-1], axis=1)[:, ::-1])


def _reasons(
    n: NDArray[np.float64], nb: NDArray[np.float64], esd_low: NDArray[np.float64], pixel_size: float
) -> NDArray[np.int64]:
    """Why a bin is not in the line, as a position in `_REASONS`; later rules win."""
    with np.errstate(divide="ignore"):
        few = 1 / np.sqrt(n) >= MAX_UNCERTAINTY
    position = np.arange(n.shape[-1])
    peak = np.argmax(np.nan_to_num(nb), axis=-1)[..., None]
    empty = n == 0
    three = empty[..., :-2] & empty[..., 1:-1] & empty[..., 2:] & (position[:-2] > peak)
    gap = np.where(three.any(axis=-1), np.argmax(three, axis=-1), n.shape[-1])[..., None]
    reason = np.full(n.shape, _KEPT)
    reason[np.broadcast_to(pixel_size / esd_low >= MAX_UNCERTAINTY, n.shape)] = _SIZE
    reason[few] = _COUNT
    reason[position >= gap] = _GAP
    reason[position < peak] = _PEAK
    reason[np.isnan(nb)] = _WEIGHT
    reason[empty] = _EMPTY
    return reason


def _fits(x: NDArray[np.float64], nb: NDArray[np.float64], used: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Least squares of log10 NB on x (b,) for g groups at once: (g, b) → (g,) each."""
    from scipy.special import stdtrit

    n = used.sum(axis=1)
    enough = n >= MIN_BINS
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(used, np.log10(nb), 0.0)
        mean_x, mean_y = (used * x).sum(axis=1) / n, y.sum(axis=1) / n
        dx, dy = used * (x - mean_x[:, None]), used * (y - mean_y[:, None])
        sxx, sxy, syy = (dx**2).sum(axis=1), (dx * dy).sum(axis=1), (dy**2).sum(axis=1)
        slope = sxy / sxx
        residual = np.maximum(syy - slope * sxy, 0)
        half = stdtrit(n - 2.0, 0.5 + LEVEL / 2) * np.sqrt(residual / (n - 2) / sxx)
        intercept, half_intercept = mean_y - slope * mean_x, half * np.sqrt(sxx / n + mean_x**2)
        figures = {
            "slope": slope,
            "slope_low": slope - half,
            "slope_high": slope + half,
            "intercept_log10_m3": intercept,
            "intercept_log10_low_m3": intercept - half_intercept,
            "intercept_log10_high_m3": intercept + half_intercept,
            "r2": 1 - residual / syy,
            "rmse_log10": np.sqrt(residual / n),
        }
    return {"n_bins": n, **{name: np.where(enough, values, np.nan) for name, values in figures.items()}}
