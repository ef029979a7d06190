"""A medium as the picture of a napari window, in the units that are known of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from imagine_kernels.apps.desktop.arrays import Opened

#: Sides of pixels smaller than so many m are told in the unit, of which there are so many in 1 m.
_LENGTHS = ((1e-4, "µm", 1e6), (1e-2, "mm", 1e3), (math.inf, "m", 1.0))


def place_of(opened: Opened, pixel_size_m: float | None) -> dict[str, Any]:
    """``scale`` and ``units`` of rows and columns: a length where the size of a pixel is known, s and Hz for a recording."""
    if opened.units is not None:
        step, name = opened.units
        return {"scale": (opened.pixel[1] / step, opened.pixel[0]), "units": (name, "second")}
    if not pixel_size_m:
        return {"scale": (1.0, 1.0), "units": ("pixel", "pixel")}
    unit, factor = next((unit, factor) for most, unit, factor in _LENGTHS if pixel_size_m < most)
    return {"scale": (pixel_size_m * factor,) * 2, "units": (unit, unit)}


def image_of(opened: Opened, name: str, place: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The data and the options of the layer of a medium."""
    several = len(opened.levels) > 1
    options: dict[str, Any] = {"name": name, "rgb": opened.rgb, "multiscale": several, **placed(opened, place)}
    if not opened.rgb:
        options |= {"contrast_limits": opened.contrast, "colormap": "magma" if opened.upwards else "gray"}
    return opened.levels if several else opened.levels[0], options


def place_of_marks(opened: Opened, place: Mapping[str, Any]) -> dict[str, Any]:
    """The same for what is drawn over it: over a spectrogram in s and a unit of frequency itself, so that lines are even."""
    return {**place, "scale": (1.0, 1.0)} if opened.upwards else dict(place)


def placed(opened: Opened, place: Mapping[str, Any]) -> dict[str, Any]:
    """The same place with the frames before rows and columns, where it is a video."""
    if opened.times is None:
        return dict(place)
    return {"scale": (1.0, *place["scale"]), "units": ("pixel", *place["units"])}


@contextmanager
def without_warnings(opened: Opened | None) -> Iterator[None]:
    """Without what napari says at every layer: the axes of a spectrogram have different units."""
    if opened is None or not opened.upwards:
        yield
        return
    from napari.utils.notifications import notification_manager

    with notification_manager.notification_ready.blocker():
        yield


def add_medium(viewer: Any, opened: Opened, name: str, place: Mapping[str, Any]) -> None:
    """Show a medium as a layer of that name, below the others."""
    data, options = image_of(opened, name, place)
    layer = viewer.add_image(data, **options)
    if not opened.rgb and opened.full is not None:
        layer.contrast_limits_range = opened.full
    viewer.scene.camera.orientation2d = ("up" if opened.upwards else "down", "right")
    viewer.canvas.overlays.scale_bar.visible = True
