"""When to warn of a rip: boxes that stay at one place of the shore in k of n frames, above a confidence that was tuned for F2.

A missed rip costs more than a false alarm, so the threshold is the one with the largest F2, which weighs recall over precision
(van Rijsbergen 1979)::

    F_beta = (1 + beta²) · precision · recall / (beta² · precision + recall)

A box is right where its intersection over union with a labelled one that no surer box has taken is one half or more.

References
----------
van Rijsbergen, C. J. (1979): Information retrieval. Butterworths, 2nd edition, chapter 7.
Dumitriu, A., Tatui, F., Miron, F., Ralhan, A., Ionescu, R. T. and Timofte, R. (2025): RipVIS: rip currents video instance segmentation benchmark.
arXiv:2504.01128
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.oriented_boxes import SAME, oriented_iou

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]
#: Recall weighs so many times as much as precision.
BETA = 2.0


def rip_alerts(
    rips: pd.DataFrame,
    frames_utc: Sequence[Any] | pd.Series[Any],
    *,
    k: int = 3,
    n: int = 5,
    within_m: float = 20.0,
    least_confidence: float = 0.0,
) -> pd.DataFrame:
    """Warnings of one station: a rip that was seen at one place in `k` of the last `n` frames.

    Parameters
    ----------
    rips : DataFrame
        Of `imagine_kernels.measures.rips.rip_table`, with ``time_utc, alongshore_m, confidence``.
    frames_utc : sequence of times
        Of all frames that were looked at, also those without a rip.
    k, n : int
    within_m : float
        Boxes of different frames that are no further apart along the shore are the same rip.
    least_confidence : float
        Boxes below it are passed over.

    Returns
    -------
    DataFrame
        ``rip, begin_utc`` (when the k-th box was seen), ``end_utc`` (the last frame of the warning), ``first_seen_utc, alongshore_m``
        (median), ``frames_seen, frames_looked_at, confidence_max``; one row per warning.

    Raises
    ------
    DataError
        k is not between 1 and n, or a box is of a frame that was not looked at.
    """
    import pandas as pd

    if not 1 <= k <= n:
        raise DataError(f"A rip must be seen in k of n frames with 1 ≤ k ≤ n, not {k} of {n}.")
    frames = pd.DatetimeIndex(pd.to_datetime(pd.Series(list(frames_utc)), utc=True)).unique().sort_values()
    kept = rips[(rips["confidence"] >= least_confidence) & rips["alongshore_m"].notna()]
    at = frames.get_indexer(pd.DatetimeIndex(pd.to_datetime(kept["time_utc"], utc=True)))
    if (at < 0).any():
        raise DataError("A rip is of a frame that is not among those that were looked at: give the times of all frames.")
    places, sure = kept["alongshore_m"].to_numpy(dtype=np.float64), kept["confidence"].to_numpy(dtype=np.float64)
    rows: list[dict[str, Any]] = []
    for number, members in enumerate(_tracks(at, places, sure, n, within_m), start=1):
        seen = np.zeros(len(frames), dtype=bool)
        seen[at[members]] = True
        counts = np.convolve(seen, np.ones(n, dtype=int))[: len(seen)]
        on = np.concatenate([[False], counts >= k, [False]])
        begins, ends = np.flatnonzero(~on[:-1] & on[1:]), np.flatnonzero(on[:-1] & ~on[1:]) - 1
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            first = int(np.flatnonzero(seen[max(0, begin - n + 1) : begin + 1])[0]) + max(0, begin - n + 1)
            part = members[(at[members] >= first) & (at[members] <= end)]
            rows.append(
                {
                    "rip": number,
                    "begin_utc": frames[begin],
                    "end_utc": frames[end],
                    "first_seen_utc": frames[first],
                    "alongshore_m": float(np.median(places[part])),
                    "frames_seen": int(seen[first : end + 1].sum()),
                    "frames_looked_at": int(end - first + 1),
                    "confidence_max": float(sure[part].max()),
                }
            )
    columns = [
        "rip",
        "begin_utc",
        "end_utc",
        "first_seen_utc",
        "alongshore_m",
        "frames_seen",
        "frames_looked_at",
        "confidence_max",
    ]
    rows.sort(key=lambda row: (row["begin_utc"], row["rip"]))
    return pd.DataFrame(rows, columns=columns)


def _tracks(at: NDArray[np.intp], places: Numbers, sure: Numbers, n: int, within_m: float) -> list[NDArray[np.intp]]:
    """Boxes (as positions) of the same rip: near the last one in the last n frames, the nearest pairs first, one box per frame and rip."""
    tracks: list[list[int]] = []
    for frame in np.unique(at):
        boxes = np.flatnonzero(at == frame)
        open_ones = [t for t, track in enumerate(tracks) if frame - at[track[-1]] < n]
        pairs = sorted(
            (abs(float(places[box] - places[tracks[t][-1]])), -float(sure[box]), t, int(box)) for t in open_ones for box in boxes
        )
        taken: set[int] = set()
        used: set[int] = set()
        for apart, _, t, box in pairs:
            if apart <= within_m and t not in taken and box not in used:
                tracks[t].append(box)
                taken.add(t)
                used.add(box)
        tracks += [[int(box)] for box in boxes if int(box) not in used]
    return [np.array(track, dtype=np.intp) for track in tracks]


@dataclass(frozen=True, eq=False)
class TunedThreshold:
    """A threshold of the confidence.

    Attributes
    ----------
    threshold : float
        Boxes of this confidence and above are taken.
    f_beta, low, high : float
        On the labelled frames, with a 95 % bootstrap interval over frames, in which the threshold is chosen anew.
    table : DataFrame
        ``threshold, right, wrong, missed, precision, recall, f_beta``, one row for each confidence that occurs.
    """

    threshold: float
    f_beta: float
    low: float
    high: float
    table: pd.DataFrame


def tune_threshold(
    found: Mapping[str, tuple[Numbers, Numbers]],
    labelled: Mapping[str, Numbers],
    *,
    beta: float = BETA,
    least_iou: float = SAME,
    n_draws: int = 500,
    seed: int = 0,
) -> TunedThreshold:
    """Find the confidence with the largest F_beta.

    Parameters
    ----------
    found : mapping of file → ((n, 5) boxes, (n,) confidences)
        See `imagine_kernels.measures.oriented_boxes.corners_of`.
    labelled : mapping of file → (m, 5) boxes
        All files that were looked at, also those without a rip.
    beta : float
    least_iou : float
        From this intersection over union on a box is right.
    n_draws : int
        Bootstrap draws of frames.
    seed : int

    Raises
    ------
    DataError
        There is no labelled box, or a box was found in a file that was not labelled.
    """
    import pandas as pd

    files = sorted(labelled)
    unknown = sorted(set(found) - set(labelled))
    if unknown:
        raise DataError(
            f"Boxes were found in {unknown[0]}, which was not labelled: give its labels, an empty table where it has no rip."
        )
    n_labelled = np.array([len(np.asarray(labelled[name]).reshape(-1, 5)) for name in files], dtype=np.int64)
    if not n_labelled.sum():
        raise DataError("Not one rip is labelled: label some to tune the threshold.")
    frame, score, right = _judged(files, found, labelled, least_iou)
    thresholds = np.unique(score)[::-1]
    hits, boxes = (_up_to(frame, score, each, thresholds, len(files)) for each in (right, np.ones_like(right)))
    if not len(thresholds):
        raise DataError("Not one box was found: lower the threshold of the detector.")

    def curve(weights: NDArray[np.int64]) -> Numbers:
        tp, all_boxes, wanted = weights @ hits, weights @ boxes, weights @ n_labelled
        return _f_beta(tp, all_boxes - tp, wanted - tp, beta)

    whole = np.ones(len(files), dtype=np.int64)
    values = curve(whole)
    best = int(np.nanargmax(values))
    rng = np.random.default_rng(seed)
    draws = [np.bincount(rng.integers(0, len(files), len(files)), minlength=len(files)) for _ in range(n_draws)]
    tops = [float(np.nanmax(curve(draw))) for draw in draws if draw @ n_labelled]
    low, high = np.quantile(tops, [0.025, 0.975]) if tops else (np.nan, np.nan)
    tp, all_boxes = whole @ hits, whole @ boxes
    table = pd.DataFrame(
        {
            "threshold": thresholds,
            "right": tp,
            "wrong": all_boxes - tp,
            "missed": n_labelled.sum() - tp,
            "precision": tp / all_boxes,
            "recall": tp / n_labelled.sum(),
            "f_beta": values,
        }
    )
    return TunedThreshold(float(thresholds[best]), float(values[best]), float(low), float(high), table)


def _judged(
    files: Sequence[str], found: Mapping[str, tuple[Numbers, Numbers]], labelled: Mapping[str, Numbers], least_iou: float
) -> tuple[NDArray[np.int64], Numbers, NDArray[np.int64]]:
    """Of every box its file, confidence and whether it is right (1) or not (0): the surest take their label first."""
    frames, scores, rights = [], [], []
    for number, name in enumerate(files):
        boxes, confidence = found.get(name, (np.empty((0, 5)), np.empty(0)))
        boxes, confidence = np.asarray(boxes, dtype=np.float64).reshape(-1, 5), np.asarray(confidence, dtype=np.float64).ravel()
        overlap = oriented_iou(boxes, np.asarray(labelled[name], dtype=np.float64).reshape(-1, 5))
        for row in np.argsort(-confidence, kind="stable"):
            best = int(overlap[row].argmax()) if overlap.shape[1] else -1
            hit = best >= 0 and overlap[row, best] >= least_iou
            if hit:
                overlap[:, best] = -1.0
            frames.append(number)
            scores.append(confidence[row])
            rights.append(int(hit))
    return np.array(frames, dtype=np.int64), np.array(scores, dtype=np.float64), np.array(rights, dtype=np.int64)


def _up_to(
    frame: NDArray[np.int64], score: Numbers, count: NDArray[np.int64], thresholds: Numbers, n_files: int
) -> NDArray[np.int64]:
    """(files, thresholds): how many there are in each file with at least each confidence."""
    result = np.zeros((n_files, len(thresholds)), dtype=np.int64)
    np.add.at(result, (frame, np.searchsorted(-thresholds, -score)), count)
    return np.cumsum(result, axis=1)


def _f_beta(right: NDArray[Any], wrong: NDArray[Any], missed: NDArray[Any], beta: float) -> Numbers:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((1 + beta**2) * right / ((1 + beta**2) * right + beta**2 * missed + wrong), dtype=np.float64)
