"""Radar scenes: Sentinel-1 GRD products, GeoTIFFs of σ⁰, and plain pictures, read in windows of any size.

``power`` gives σ⁰ as a ratio (linear), float32. Of products the thermal noise is taken away, and what becomes negative by that **stays
negative**: cut off at 0, the mean of a dark slick would be too high and its damping too small. Decibels for people and for networks come
from `to_db`, which has a floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataNotFound, SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import Georeference, Problem

Power = NDArray[np.float32]

_PICTURES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
_MASKS = ("mask", "masks", "labels", "label")


class Source(Protocol):
    """Where the values of a scene come from."""

    def power(self, box: Box) -> Power:
        """σ⁰ as a ratio, or relative power, (height, width); NaN where nothing was taken."""
        ...

    def noise_floor(self, box: Box) -> Power | None:
        """σ⁰ that the thermal noise alone would have, None where it is not known."""
        ...

    def incidence_deg(self, box: Box) -> Power | None:
        """Angle of incidence, None where it is not known."""
        ...

    def overview(self, shape: tuple[int, int]) -> Power:
        """Power of so many px (rows, columns), spread evenly over the scene."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One radar picture.

    Attributes
    ----------
    name : str
    width, height : int
        In px.
    levels : {"sigma0", "amplitude"}
        Whether the power is calibrated (σ⁰), or relative.
    georeference : Georeference or None
    spacing_m : (float, float) or None
        Between px along x and along y in the middle, m; None where it is not known.
    time : datetime or None
        UTC.
    sensor, polarisation : str
        ``""`` where nobody said it.
    looks : float
        Nominal equivalent number of looks; NaN where it is not known.
    problems : tuple of Problem
        What had to be assumed.
    """

    name: str
    width: int
    height: int
    levels: Literal["sigma0", "amplitude"]
    source: Source
    georeference: Georeference | None = None
    spacing_m: tuple[float, float] | None = None
    time: datetime | None = None
    sensor: str = ""
    polarisation: str = ""
    looks: float = float("nan")
    problems: tuple[Problem, ...] = ()

    def read(self, box: Box) -> Power:
        """Power of a part of the scene, (height, width) float32; NaN where nothing was taken.

        Raises
        ------
        DataError, ImageError
            The part reaches out of the scene, or is damaged.
        """
        return self.source.power(box)

    def power(self, x: int, y: int, width: int, height: int) -> Power:
        """The same by numbers, for what knows nothing of boxes; a part that reaches out of the scene is NaN there."""
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, self.width), min(y + height, self.height)
        if left >= right or top >= bottom:
            return np.full((height, width), np.nan, dtype=np.float32)
        found = self.read(Box(left, top, right - left, bottom - top))
        if found.shape == (height, width):
            return found
        padded = np.full((height, width), np.nan, dtype=np.float32)
        padded[top - y : bottom - y, left - x : right - x] = found
        return padded

    def noise_floor(self, box: Box) -> Power | None:
        """σ⁰ that the thermal noise alone would have, as a ratio; None where it is not known."""
        return self.source.noise_floor(box)

    def incidence_deg(self, box: Box) -> Power | None:
        """Angle of incidence at the px of a part of the scene; None where it is not known."""
        return self.source.incidence_deg(box)

    def boxes(self, size: int = 256, overlap: int = 0) -> list[Box]:
        """Squares that cover the scene row by row, see `boxes_over`."""
        return boxes_over(self.width, self.height, size, overlap)

    def tiles(self, size: int = 256, overlap: int = 0) -> Iterator[tuple[Box, Power]]:
        """The same squares with their power, each line of the file read once for a row of them: for whole scenes in little memory."""
        band, start = None, -1
        for box in self.boxes(size, overlap):
            if box.y != start or band is None:
                start = box.y
                band = self.read(Box(0, box.y, self.width, box.height))
            yield box, np.ascontiguousarray(band[:, box.x : box.x + box.width])

    def overview(self, most: int = 1024) -> tuple[Power, float]:
        """A small copy with at most so many px along a side, and how many px of the scene one of it stands for."""
        step = max(1.0, max(self.width, self.height) / most)
        return self.source.overview((max(1, round(self.height / step)), max(1, round(self.width / step)))), step

    def close(self) -> None:
        """Let go of the file."""
        self.source.close()


def boxes_over(width: int, height: int, size: int, overlap: int = 0) -> list[Box]:
    """Squares of `size` px that cover a picture row by row; those at the right and the lower end are moved inwards, so that all are whole.

    A picture that is smaller than that has one box of its own size.

    Raises
    ------
    SettingError
        The squares have no size, or overlap wholly.
    """
    if not 0 <= overlap < size:
        raise SettingError(
            f"Squares of {size} px cannot overlap by {overlap} px: give an overlap from 0 to less than their size."
        )
    across, down = _starts(width, size, size - overlap), _starts(height, size, size - overlap)
    return [Box(x, y, min(size, width), min(size, height)) for y in down for x in across]


def _starts(length: int, size: int, step: int) -> list[int]:
    return [*range(0, max(length - size, 0), step), max(length - size, 0)]


def find_scenes(files: Files) -> list[str]:
    """The scenes in a folder, a zip or a file: products by their folder, other pictures by their path; masks beside them are none."""
    products = product_roots(files)
    others = [
        name
        for name in files.names(*_PICTURES)
        if not any(not root or name.startswith(f"{root}/") for root in products) and not _is_mask(name)
    ]
    return [*(root or files.path.name for root in products), *others]


def product_roots(files: Files) -> list[str]:
    """The folders of products, ``""`` for the opened folder itself: those with a measurement and an annotation."""
    annotated = {
        "/".join(parts[:-2]) for name in files.names(".xml") if (parts := PurePosixPath(name).parts)[-2:-1] == ("annotation",)
    }
    measured = {
        "/".join(parts[:-2])
        for name in files.names(".tiff", ".tif")
        if (parts := PurePosixPath(name).parts)[-2:-1] == ("measurement",)
    }
    return sorted(annotated & measured)


def open_scene(
    files: Files,
    name: str | None = None,
    *,
    polarisation: str = "VV",
    stored: str = "auto",
    standard_error_m: float | None = None,
) -> Scene:
    """Open one scene.

    Parameters
    ----------
    files : Files
    name : str, optional
        As `find_scenes` gives it; else the first.
    polarisation : str
        Taken where there are several channels; else another one is, with a problem that says so.
    stored : str
        What the numbers of a GeoTIFF or picture are, see `stored_as`.
    standard_error_m : float, optional
        Of positions along one direction, where the user knows better than the file.

    Raises
    ------
    DataNotFound
        There is no scene, or none of that name.
    FormatError, ImageError, SettingError
        The product is not whole or not of a kind that can be used, the picture is damaged, or a setting cannot be taken.
    DataError
        The coordinate system of the picture is not known.
    """
    from imagine_kernels.media.sar_pictures import open_picture
    from imagine_kernels.media.sar_products import open_product

    if standard_error_m is not None and not 0 <= standard_error_m < 1e5:
        raise SettingError(f"Positions cannot have a standard error of {standard_error_m:g} m: give metres.")
    scenes = find_scenes(files)
    if not scenes:
        raise DataNotFound.empty(files.path, "a Sentinel-1 product (SAFE), a GeoTIFF or a picture")
    name = scenes[0] if name is None else name
    if name not in scenes:
        raise DataNotFound(
            f"{files.path.name} holds no scene {name}: it has {', '.join(scenes[:5])}{' …' if len(scenes) > 5 else ''}."
        )
    roots = product_roots(files)
    if name in roots or ("" in roots and name == files.path.name):
        return open_product(files, name if name in roots else "", polarisation=polarisation, standard_error_m=standard_error_m)
    return open_picture(files, name, polarisation=polarisation, stored=stored, standard_error_m=standard_error_m)


def warning(item: str, what: str, remedy: str) -> Problem:
    """A problem of something that was used all the same."""
    return Problem(item=item, what=what, remedy=remedy, severity="warning")


def _is_mask(name: str) -> bool:
    path = PurePosixPath(name.lower())
    return path.stem.endswith("_mask") or any(part in _MASKS for part in path.parts[:-1])
