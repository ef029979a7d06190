"""Where things lie: outlines on the earth, without any tiles from the net."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.figures.drawing import BORDER, SERIES, TEXT, TEXT_2, Drawing, fitted, new_figure, short, style

if TYPE_CHECKING:
    import pandas as pd
    import shapely
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Panels drawn in one figure.
MAX_PANELS = 12
#: Outlines that are drawn in one panel, the largest ones; more would make a page that nobody can open.
MAX_OUTLINES = 2000
#: Corners of an outline that are drawn, in thousandths of the longer side of the panel: what is nearer to the line cannot be seen.
_FINEST = 1 / 1000
#: Metres of a degree of latitude, on a sphere of the mean radius of the earth: for the aspect and the bar of scale of a drawing.
_DEGREE_M = 6371008.8 * math.pi / 180
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\")

Frame = tuple[float, float, float, float]


def outline_map(
    table: pd.DataFrame,
    *,
    by: str = "file",
    label: str = "label",
    polygon: str = "polygon",
    frames: Mapping[str, Frame] | None = None,
    land: Sequence[Any] = (),
    noun: str = "outline",
) -> Drawing:
    """Outlines on the earth coloured by label, one panel for each scene, with land where it is known.

    A degree of longitude is drawn as much shorter than one of latitude as it is in the middle of the panel.

    Parameters
    ----------
    table : DataFrame, n rows
        With the columns `by`, `label` and `polygon`: shapely polygons in longitude and latitude (degrees, WGS 84); rows without one are
        left out.
    by, label, polygon : str
        Names of these columns.
    frames : mapping of str to (west, south, east, north), optional
        What each scene covers, degrees: scenes with no outline at all have a panel too. Panels without a frame show what their outlines cover.
    land : sequence of shapely polygons
        In longitude and latitude.
    noun : str
        What one outline is.

    Raises
    ------
    DataError
        There is nothing that lies on the earth: neither an outline nor a frame.
    """
    import shapely

    placed = table[[each is not None and not each.is_empty for each in table[polygon]]]
    covers = {name: box for name, box in (frames or {}).items() if all(math.isfinite(value) for value in box)}
    names = list(dict.fromkeys([*covers, *placed[by].tolist()]))
    if not names:
        raise DataError("Nothing here has a place on the earth, so there is no map: give pictures with a georeference.")
    shown, labels = names[:MAX_PANELS], sorted(set(placed[label].tolist()))
    parts = {name: placed[placed[by] == name] for name in shown}
    ashore = shapely.STRtree(list(land))
    boxes = {name: _frame(covers.get(name), parts[name][polygon].tolist()) for name in shown}
    with style():
        columns = min(len(shown), 1 if len(shown) == 1 else 2 if len(shown) <= 4 else 3)
        lines = -(-len(shown) // columns)
        width = 9.2 if columns > 1 else 7.2
        side = (width - 0.5) / columns - 0.5
        # Wide and flat, or narrow and high: as the tallest of the panels.
        tallest = min(2.0, max(0.35, *(_height(box) for box in boxes.values())))
        figure = new_figure(width=width, height=lines * (side * tallest + 0.5) + 0.6)
        names_of = {name: str(name).rsplit("/", 1)[-1] for name in shown}
        size, most = fitted(names_of.values(), side)
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for axis, name in zip(axes, shown, strict=False):
            _panel(axis, boxes[name], parts[name], labels, label=label, polygon=polygon, land=ashore)
            axis.set_title(short(names_of[name], most), fontsize=size)
        for axis in axes[len(shown) :]:
            axis.set_visible(False)
        figure.supxlabel("longitude, °E", fontsize=10, color=TEXT_2)
        figure.supylabel("latitude, °N", fontsize=10, color=TEXT_2)
        _legend(figure, labels, with_land=bool(len(land)))
    counts = ", ".join(f"{(placed[label] == each).sum()} {each}" for each in labels) or f"no {noun}"
    left = f" The first {len(shown)} of {len(names)} scenes are drawn." if len(names) > len(shown) else ""
    return Drawing(figure, f"Map of {len(placed)} {noun}s on {len(names)} scenes: {counts}.{left}")


def _frame(given: Frame | None, polygons: list[Any]) -> Frame:
    """What a panel shows: the scene, or the outlines with a rim."""
    import shapely

    if given is not None:
        west, south, east, north = given
        # The corners of a scene across longitude 180° lie at both ends of the range; it is drawn as wide as its outlines.
        if east - west < 180 or not polygons:
            return given
    west, south, east, north = (float(each) for each in shapely.total_bounds(np.array(polygons, dtype=object)))
    rim = max(0.05 * max(east - west, north - south), 1e-4)
    return west - rim, south - rim, east + rim, north + rim


def _height(box: Frame) -> float:
    """The height of a panel that is one wide."""
    west, south, east, north = box
    return (north - south) / max((east - west) * _shrink(box), 1e-9)


def _shrink(box: Frame) -> float:
    """How long a degree of longitude is beside one of latitude."""
    return max(math.cos(math.radians((box[1] + box[3]) / 2)), 0.01)


def _panel(
    axis: Axes, box: Frame, rows: pd.DataFrame, labels: list[str], *, label: str, polygon: str, land: shapely.STRtree
) -> None:
    import shapely
    from matplotlib.patches import PathPatch

    west, south, east, north = box
    frame = shapely.box(*box)
    finest = _FINEST * max(east - west, north - south)
    for k in land.query(frame, predicate="intersects"):
        # Only what is seen: the outline of a continent has a million points.
        seen = shapely.clip_by_rect(land.geometries[k], west, south, east, north)
        if not seen.is_empty:
            axis.add_patch(PathPatch(_path(seen, finest), facecolor=BORDER, edgecolor=BORDER, alpha=0.45, linewidth=0.6))
    area = shapely.area(np.array(rows[polygon].tolist(), dtype=object)) if len(rows) else np.empty(0)
    # The largest ones first, so that small ones within them lie on top.
    for k in np.argsort(-area, kind="stable")[:MAX_OUTLINES]:
        number = labels.index(rows[label].iloc[k])
        colour, hatch = SERIES[number % len(SERIES)], _HATCHES[number % len(_HATCHES)]
        path = _path(rows[polygon].iloc[k], finest)
        axis.add_patch(PathPatch(path, facecolor=colour, edgecolor="none", alpha=0.35, linewidth=0))
        axis.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, hatch=hatch or None, linewidth=0.9))
    axis.set(xlim=(west, east), ylim=(south, north), aspect=1 / _shrink(box))
    axis.locator_params(nbins=4)
    axis.ticklabel_format(useOffset=False, style="plain")
    _scale_bar(axis, box)


def _path(shape: Any, finest: float) -> Any:
    """The outline of a polygon with its holes, as Matplotlib fills it."""
    import shapely
    from matplotlib.path import Path

    simple = shapely.simplify(shape, finest)
    parts = [each for each in shapely.get_parts(simple if not simple.is_empty else shape) if each.geom_type == "Polygon"]
    rings: list[NDArray[np.float64]] = [
        shapely.get_coordinates(ring)
        for part in shapely.orient_polygons(np.array(parts, dtype=object))
        for ring in (part.exterior, *part.interiors)
    ]
    if not rings:
        return Path(np.zeros((1, 2)))
    return Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))


def _scale_bar(axis: Axes, box: Frame) -> None:
    """A bar of a round length, a fifth of the panel or so, and its length in words."""
    west, south, east, north = box
    width = (east - west) * _shrink(box) * _DEGREE_M
    if not width > 0:
        return
    power = 10 ** math.floor(math.log10(width / 5))
    length = max(step * power for step in (1, 2, 5) if step * power <= width / 5 or step == 1)
    left, low = west + 0.04 * (east - west), south + 0.05 * (north - south)
    axis.plot([left, left + length / (_DEGREE_M * _shrink(box))], [low, low], color=TEXT, linewidth=2.4, solid_capstyle="butt")
    said = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axis.text(left, low + 0.02 * (north - south), said, fontsize=8, color=TEXT)


def _legend(figure: Figure, labels: list[str], *, with_land: bool) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(
            facecolor="none",
            edgecolor=SERIES[k % len(SERIES)],
            hatch=_HATCHES[k % len(_HATCHES)] or None,
            label=short(each, 40),
        )
        for k, each in enumerate(labels)
    ]
    if with_land:
        handles.append(Patch(facecolor=BORDER, edgecolor=BORDER, alpha=0.45, label="land"))
    if handles:
        figure.legend(handles=handles, loc="outside upper right", ncols=min(len(handles), 5))
