"""Which particles of a FlowCam run should perhaps not be counted, and after which rule.

A rule only proposes; what is done with it is a decision of a person. The rules, in the order in which they are tried:

``size``
    The ESD lies outside of the limits.
``focus``
    The particle passed outside of the depth of focus: its edge gradient is below 0.45 times the median of the run, and so low for its
    contrast too (below 0.6 times the median of the edge gradient over the spread of the grey values), as pale but sharp cells are not. A
    limit that is set replaces both.
``bubble``
    A round particle (width / length and circle fit near 1) with strong contrast inside (spread of the grey values over their mean), as the
    dark rim and the light middle of an air bubble give. Round diatoms may look so too.
``duplicate``
    In one of the two frames before there was a particle of the same size, brightness and shape, either at the same place (it sticks to the
    glass) or straight upstream (the pump was slower than the camera). The flow goes along the y axis of the frame. The first one is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError
from imagine_kernels.records import PROPOSED_REMOVAL

if TYPE_CHECKING:
    import pandas as pd

#: The rules in the order in which they are tried, each with a sentence for people.
RULES: Mapping[str, str] = {
    "size": "The ESD lies outside of the limits of the run or of the settings.",
    "focus": "The edge is blurred: the particle passed outside of the depth of focus.",
    "bubble": "Round, with a dark rim and a light middle, as air bubbles are; some round diatoms look so too.",
    "duplicate": "The same particle was there in one of the two frames before; the first one is kept.",
}
#: Column with the rule that proposes to remove a particle, empty for most, and that with the particle that it is a duplicate of.
PROPOSED, DUPLICATE_OF = PROPOSED_REMOVAL, "object_duplicate_of"

#: Shares of the medians of a run, of the edge gradient and of that over the contrast, below which a particle is out of focus.
_FOCUS, _FOCUS_FOR_CONTRAST = 0.45, 0.6
_ROUND, _CIRCLE_FIT, _CONTRAST = 0.9, 0.8, 0.2
#: Frames back in which a duplicate is looked for; relative differences of size, shape and brightness that are still the same particle.
_FRAMES, _SAME_SIZE, _SAME_GREY = 2, 0.1, 0.05
#: Distance across the flow, and from the same place, as a share of the length; and the least in px.
_SAME_PLACE, _MIN_PX = 0.5, 3.0
#: In a frame with more particles than this, nobody can tell them apart.
_CROWDED = 200


def proposed_removals(
    objects: Mapping[str, Any] | pd.DataFrame,
    *,
    min_esd_um: float | None = None,
    max_esd_um: float | None = None,
    min_edge_gradient: float | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rule that proposes to remove each of n particles.

    Parameters
    ----------
    objects : mapping or DataFrame, n rows
        ``object_id``, ``acq_id`` (the run) and what is there of ``object_esd_um``, ``object_length_um``, ``object_width_um`` [µm],
        ``object_area_abd_um2`` [µm²], ``object_edge_gradient``, ``object_circle_fit``, ``object_intensity``, ``object_sigma_intensity``,
        ``object_frame``, ``object_capture_x``, ``object_capture_y`` [px], ``process_particle_pixel_size_mm`` [mm], ``acq_min_esd_um`` and
        ``acq_max_esd_um`` [µm]. A rule whose columns are missing proposes nothing.
    min_esd_um, max_esd_um : float, optional
        In µm; by default the limits with which the run was taken.
    min_edge_gradient : float, optional

    Returns
    -------
    rule : (n,) ndarray of str
        One of `RULES`, or empty.
    duplicate_of : (n,) ndarray of str
        The ``object_id`` of the earlier particle, or empty.
    """
    n = len(objects["object_id"])
    column = _Columns(objects, n)
    rule = np.full(n, "", dtype=object)
    low = column["acq_min_esd_um"] if min_esd_um is None else np.full(n, float(min_esd_um))
    high = column["acq_max_esd_um"] if max_esd_um is None else np.full(n, float(max_esd_um))
    # VisualSpreadsheet writes four decimals; a particle at the limit is inside.
    esd = column["object_esd_um"]
    rule[(esd < low - 1e-3) | (esd > high + 1e-3)] = "size"
    runs = (
        np.unique(np.asarray(objects["acq_id"]).astype(str), return_inverse=True)[1] if "acq_id" in objects else np.zeros(n, int)
    )
    rule[(rule == "") & _blurred(column, runs, min_edge_gradient)] = "focus"
    with np.errstate(divide="ignore", invalid="ignore"):
        bubble = (
            (column["object_width_um"] / column["object_length_um"] >= _ROUND)
            & (column["object_circle_fit"] >= _CIRCLE_FIT)
            & (column["object_sigma_intensity"] / column["object_intensity"] >= _CONTRAST)
        )
    rule[(rule == "") & bubble] = "bubble"
    earlier = _earlier(column, runs)
    again = (earlier >= 0) & (rule == "")
    rule[again] = "duplicate"
    duplicate_of = np.full(n, "", dtype=object)
    duplicate_of[again] = np.asarray(objects["object_id"], dtype=object)[earlier[again]]
    return rule, duplicate_of


def accepted(remove: str) -> frozenset[str]:
    """The rules whose proposals are followed: names divided by commas, ``all``, or nothing.

    Raises
    ------
    SettingError
        A rule is unknown.
    """
    names = {name.strip().lower() for name in str(remove or "").split(",")} - {""}
    if names == {"all"}:
        return frozenset(RULES)
    unknown = sorted(names - set(RULES))
    if unknown:
        raise SettingError(f"The setting remove does not know the rule {unknown[0]!r}: give {', '.join(RULES)}, all, or nothing.")
    return frozenset(names)


class _Columns:
    """Columns as float64, NaN throughout where there is none of that name."""

    def __init__(self, objects: Mapping[str, Any] | pd.DataFrame, n: int) -> None:
        self._objects, self._n = objects, n

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if name not in self._objects:
            return np.full(self._n, np.nan)
        values: NDArray[np.float64] = np.asarray(self._objects[name], dtype=np.float64)
        return values


def _blurred(column: _Columns, runs: NDArray[np.int64], least: float | None) -> NDArray[np.bool_]:
    """Which particles are out of focus."""
    gradient = column["object_edge_gradient"]
    if least is not None:
        return np.asarray(gradient < float(least))
    with np.errstate(divide="ignore", invalid="ignore"):
        for_contrast = gradient / column["object_sigma_intensity"]
    return (gradient < _FOCUS * _medians(gradient, runs)) & (for_contrast < _FOCUS_FOR_CONTRAST * _medians(for_contrast, runs))


def _medians(values: NDArray[np.float64], runs: NDArray[np.int64]) -> NDArray[np.float64]:
    """The median of its run for each particle, of what is known."""
    medians = np.full(len(values), np.nan)
    for run in np.unique(runs):
        known = values[(runs == run) & np.isfinite(values)]
        if len(known):
            medians[runs == run] = np.median(known)
    return medians


def _earlier(column: _Columns, runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) position of the same particle in a frame before, -1 where there is none; of several the nearest in time."""
    frame = column["object_frame"]
    found = np.full(len(frame), -1, dtype=np.int64)
    usable = np.flatnonzero(np.isfinite(frame) & (np.abs(frame) < 2**40))
    if not len(usable):
        return found
    numbers = frame[usable].astype(np.int64)
    span = int(numbers.max() - numbers.min()) + _FRAMES + 1
    key = runs[usable].astype(np.int64) * span + numbers - numbers.min()
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    for back in range(_FRAMES, 0, -1):
        first, last = np.searchsorted(ordered, key - back, "left"), np.searchsorted(ordered, key - back, "right")
        # A frame of another run is no frame before.
        counts = np.where(numbers - numbers.min() >= back, last - first, 0)
        counts = np.where(counts <= _CROWDED, counts, 0)
        now = np.repeat(np.arange(len(usable)), counts)
        offset = np.arange(len(now)) - np.repeat(np.cumsum(counts) - counts, counts)
        before = order[np.repeat(first, counts) + offset]
        same = _same(column, usable[now], usable[before])
        found[usable[now[same]]] = usable[before[same]]
    return found


def _same(column: _Columns, now: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether two particles, now and some frames before, can be one."""

    def apart(name: str) -> NDArray[np.float64]:
        values = column[name]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.abs(np.log(values[now] / values[before])))

    reach = np.fmax(column["object_length_um"] / column["process_particle_pixel_size_mm"] / 1000 * _SAME_PLACE, _MIN_PX)[now]
    x, y = column["object_capture_x"], column["object_capture_y"]
    across, along = np.abs(x[now] - x[before]), y[now] - y[before]
    alike = (
        (apart("object_area_abd_um2") <= 2 * _SAME_SIZE)
        & (apart("object_length_um") <= _SAME_SIZE)
        & (apart("object_width_um") <= 2 * _SAME_SIZE)
        & (apart("object_intensity") <= _SAME_GREY)
    )
    # At the same place, or anywhere downstream.
    return np.asarray(alike & (across <= reach) & (along >= -reach))
