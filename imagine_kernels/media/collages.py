"""Collages of the FlowCam: one picture that holds the particles of a part of a run side by side, on black."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.decoding import MAX_PIXELS, MAX_SIDE
from imagine_kernels.records import Problem, Progress, Sample

BOX = ("object_bx", "object_by", "object_width", "object_height")


class CollageCutter:
    """Cuts particles out of one collage, which is decoded once.

    Parameters
    ----------
    files : Files
    name : str
        Path of the collage inside.
    settings : mapping
        Not used; every cutter is called in the same way.

    Raises
    ------
    ImageError
        The collage cannot be read or decoded, or is absurdly large.
    """

    def __init__(self, files: Files, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._pixels = _decoded(files, name)

    def crop(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The particle as it is in the collage, (H, W) or, in colour, (H, W, 3) uint8: what VisualSpreadsheet exports as its picture.

        Parameters
        ----------
        row : mapping
            ``object_bx``, ``object_by``, ``object_width``, ``object_height`` in px of the collage, top-left origin.

        Raises
        ------
        ImageError
            The box is not inside the collage.
        """
        values = [float(row[column]) for column in BOX]
        if not all(np.isfinite(value) and 0 <= value <= MAX_SIDE for value in values):
            raise ImageError(f"{self._what(row)} has no box in it: export the particle list again.")
        left, top, width, height = (round(value) for value in values)
        if min(width, height) < 1 or top + height > self._pixels.shape[0] or left + width > self._pixels.shape[1]:
            size = f"{self._pixels.shape[1]} × {self._pixels.shape[0]} px"
            raise ImageError(f"{self._what(row)} lies outside of the collage of {size}: use the collages of the same run.")
        return self._pixels[top : top + height, left : left + width]

    def cut(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The same as grey, (H, W) uint8: the luminance of ITU-R 601 where the collage is in colour; raises `ImageError`."""
        found = self.crop(row)
        if found.ndim == 2:
            return np.ascontiguousarray(found)
        import cv2

        return np.asarray(cv2.cvtColor(found, cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def close(self) -> None:
        """Forget the pixels."""
        self._pixels = np.empty((0, 0), dtype=np.uint8)

    def _what(self, row: Mapping[str, Any]) -> str:
        return f"{self.name}, {row['object_id']}" if "object_id" in row else self.name


def white_background(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture of a particle with its grey background made white.

    The FlowCam photographs in transmitted light, so that a particle takes a share of the light that would have come through the water. Grey
    values are divided by the median of the rim of the picture, which is background; the noise around it, up to three times its spread (from
    the median absolute deviation), becomes white too. Then a particle looks the same whatever the flash, and a fixed threshold finds it.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray

    Returns
    -------
    (H, W) uint8 ndarray
        255 where there is nothing.
    """
    rim = np.concatenate((picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1])).astype(np.float32)
    level = max(float(np.median(rim)), 1.0)
    noise = 3 * 1.4826 * float(np.median(np.abs(rim - level))) / level
    light = picture.astype(np.float32) / level
    # A light spot is as much a deviation from the background as a dark one: a diatom is brighter than the water in places.
    dark = np.minimum(light, 2 - light)
    return np.asarray(np.where(dark >= 1 - max(noise, 0.02), 255, np.clip(np.rint(dark * 255), 0, 243)), dtype=np.uint8)


def check_collages(sample: Sample, progress: Progress | None = None) -> list[Problem]:
    """Decode every collage of a sample and cut every particle: a problem for each collage that cannot be decoded, and for each box outside.

    Parameters
    ----------
    sample : Sample
        With ``cut_from`` ``"collage"``.
    progress : callable, optional
        ``progress(done, total, what)``.
    """
    problems: list[Problem] = []
    columns = {column: sample.objects[column].to_numpy() for column in (*BOX, "object_id")}
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(sample.objects["file"].tolist()):
        # A collage that is missing was named when the sample was opened.
        if name:
            rows.setdefault(name, []).append(row)
    with Files(sample.source) as files:
        for done, (name, mine) in enumerate(rows.items(), start=1):
            try:
                cutter = CollageCutter(files, name, sample.settings)
            except ImageError as error:
                what, _, remedy = str(error).rstrip(".").removeprefix(f"{name} ").partition(": ")
                problems.append(Problem(item=name, what=f"{what}, and with it {len(mine)} particles are lost", remedy=remedy))
            else:
                problems += _outside(cutter, columns, mine)
            if progress is not None:
                progress(done, len(rows), "collages checked")
    return problems


def _outside(cutter: CollageCutter, columns: Mapping[str, NDArray[Any]], rows: list[int]) -> list[Problem]:
    problems = []
    for row in rows:
        try:
            cutter.crop({column: values[row] for column, values in columns.items()})
        except ImageError as error:
            item = f"{cutter.name}, {columns['object_id'][row]}"
            what, _, remedy = str(error).rstrip(".").removeprefix(f"{item} ").partition(": ")
            problems.append(Problem(item=item, what=what, remedy=remedy))
    return problems


def _decoded(files: Files, name: str) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        data = files.read(name)
    except DataError as error:
        raise ImageError(str(error)) from None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if max(picture.size) > MAX_SIDE or picture.width * picture.height > MAX_PIXELS:
                raise ImageError(
                    f"{name} measures {picture.width} × {picture.height} px, more than a collage can: check the file."
                )
            found = picture if picture.mode in ("L", "RGB") else picture.convert("L" if picture.mode in ("1", "I;16") else "RGB")
            return np.array(found, dtype=np.uint8)
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not a picture that can be read: copy the collage again.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{name} has more pixels than a collage can: check the file.") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError) as error:
        raise ImageError(f"{name} is damaged and cannot be decoded ({type(error).__name__}): copy the collage again.") from None
