"""What an annotation outlines, cut out of its medium: pictures for a model to look at, and small ones for people."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels import settings
from imagine_kernels.assistance.items import Item, content_of
from imagine_kernels.errors import DataError, DataNotFound, ImagineError
from imagine_kernels.media.viewing import Viewing
from imagine_kernels.records import Medium, Problem, Sample, Shape

if TYPE_CHECKING:
    from imagine_kernels.media.pictures import Picture
    from imagine_kernels.media.spectrograms import Spectrogram
    from imagine_kernels.media.videos import Video

    View = Picture | Video | Spectrogram
Shown = NDArray[np.uint8]
Box = tuple[float, float, float, float]

#: Rim around a shape, as a share of its longer side, and the least that is cut around a point, px.
MARGIN, LEAST_PX = 0.1, 64
#: What is longer is halved until it is not, px.
MOST_PX = 2048
#: Pictures that are media as a whole and no larger than this are looked at as they are (sides that vignettes may have, px).
_AS_THEY_ARE_PX = 8000
_AS_THEY_ARE = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
#: Crops that are kept, bytes; those that were not used for longest go first.
MOST_BYTES = 2 << 30
#: Goes up where the same shape is cut in another way.
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of an item.

    Attributes
    ----------
    file : Path
        Where it lies; not to be changed.
    pixel_size_m : float or None
        Side of a pixel in the plane of what is seen, m, where the medium says it.
    """

    file: Path
    pixel_size_m: float | None


class Crops:
    """Cuts items out of their media and keeps what was cut, by content, so that nothing is cut twice.

    Parameters
    ----------
    place : callable
        Gives the file of a medium by its name; raises `DataError` where it is missing.
    folder : Path, optional
        Where crops are kept; below the person's cache without it.
    """

    def __init__(self, place: Callable[[str], Path], folder: Path | None = None) -> None:
        from imagine_kernels.media.pyramids import Pyramids

        self._place, self.folder = place, folder or settings.home() / "cache" / "crops"
        self._viewing = Viewing(Pyramids(settings.home() / "pyramids"))
        self._cutting = threading.Lock()

    def close(self) -> None:
        """Let go of all files, and of crops beyond the room that they may take."""
        self._viewing.close()
        self._prune()

    def key(self, item: Item) -> str:
        """What the picture of an item follows from, as a hash."""
        medium, shape = item.medium, item.shape
        said = content_of(medium)
        if not medium.sha256:
            with suppress(OSError, ImagineError):
                there = self._place(medium.name).stat()
                said += f":{there.st_size}:{there.st_mtime_ns}"
        numbers = [None if math.isnan(each) else each for each in _numbers(shape)]
        what = [_VERSION, said, shape.kind, numbers, list(shape.frames[:2]), str(medium.attributes.get("sensitivity_db"))]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def crop(self, item: Item) -> Crop:
        """The picture of an item, cut if need be.

        Raises
        ------
        DataError
            The file is missing or damaged, or the shape lies outside.
        """
        medium = item.medium
        path = self._place(medium.name)
        if not path.is_file():
            raise DataNotFound(f"{medium.name} is not there any more: find the files again.")
        if _is_as_it_is(item, path):
            return Crop(path, medium.pixel_size_m)
        key = self.key(item)
        target = self.folder / key[:2] / f"{key}.png"
        if target.is_file():
            os.utime(target)
        else:
            with self._cutting, self._viewing.using(path, medium.attributes) as view:
                picture, sharp = cut(view, item.shape)
            # What is still rough goes to another name, and is cut anew the next time.
            target = _write(picture, target if sharp else target.with_name(f"rough-{target.name}"))
        factor = _factor(item.shape) if medium.kind == "picture" else 1
        return Crop(target, None if medium.pixel_size_m is None else medium.pixel_size_m * factor)

    def thumbnail(self, item: Item, side: int = 128) -> bytes:
        """The picture of an item as WebP, its longest side at most `side` px.

        Raises
        ------
        DataError
            As `crop`.
        """
        import cv2

        path = self._place(item.medium.name)
        if _is_as_it_is(item, path):
            with self._cutting, self._viewing.using(path) as view:
                picture = cut(view, item.shape, most=4 * side)[0]
        else:
            found = cv2.imread(str(self.crop(item).file))
            if found is None:
                raise DataError(f"The crop of {item.medium.name} cannot be read: empty the folder {self.folder}.")
            picture = np.asarray(found[:, :, ::-1], dtype=np.uint8)
        scale = min(1.0, side / max(picture.shape[:2]))
        size = tuple(max(1, round(each * scale)) for each in picture.shape[1::-1])
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        done, data = cv2.imencode(".webp", small if small.ndim == 2 else small[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 80])
        if not done:
            raise DataError(f"{item.medium.name} cannot be shown small: open it instead.")
        return bytes(data)

    @contextmanager
    def sample(
        self, items: Sequence[Item], *, labels: Sequence[str] = (), name: str = "marks", values: Mapping[str, Any] | None = None
    ) -> Iterator[Sample]:
        """A sample of the pictures of items for a use case, as long as the ``with`` lasts.

        The object ids are the positions in `items`, and ``sample_id`` is the medium, so that data are split by medium. An item whose file
        is missing or damaged is a problem of the sample; the others are in it.

        Parameters
        ----------
        items : sequence of Item
        labels : sequence of str, optional
            What they are called; else they are not labelled.
        name : str
            For people.
        values : mapping, optional
            Settings of the use case.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        problems: list[Problem] = []
        with tempfile.TemporaryDirectory(prefix="imagine-crops-") as folder:
            for i, item in enumerate(items):
                try:
                    crop = self.crop(item)
                except ImagineError as error:
                    # The name is said anyway.
                    what, _, remedy = str(error).rstrip(".").removeprefix(item.medium.name).lstrip(": ").partition(": ")
                    problems.append(Problem(item=item.medium.name, what=what, remedy=remedy))
                    continue
                file = f"{i:07d}{crop.file.suffix.lower()}"
                (Path(folder) / file).symlink_to(crop.file.resolve())
                given = {"object_id": str(i), "file": file, "sample_id": item.medium.name}
                mm = None if crop.pixel_size_m is None else 1000 * crop.pixel_size_m
                label = labels[i] if labels else ""
                rows.append(
                    {**given, "label": label, "status": "validated" if label else "", "process_particle_pixel_size_mm": mm}
                )
            columns = ["object_id", "file", "sample_id", "label", "status", "process_particle_pixel_size_mm"]
            objects = pd.DataFrame(rows, columns=columns).astype({"process_particle_pixel_size_mm": float})
            yield Sample(
                name=name, source=Path(folder), layout="marks", objects=objects, problems=tuple(problems), settings=values or {}
            )

    def _prune(self) -> None:
        found = []
        with suppress(OSError):
            for part in os.scandir(self.folder):
                found += [(each.stat().st_mtime, each.stat().st_size, each.path) for each in os.scandir(part.path)]
        held = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if held <= MOST_BYTES:
                break
            with suppress(OSError):
                os.unlink(path)
            held -= size


def cut(view: View, shape: Shape, *, most: int = MOST_PX) -> tuple[Shown, bool]:
    """What a shape outlines, with a rim, (H, W) or (H, W, 3) uint8, and whether it is exact; only that part of a medium is read.

    Of a video it is taken from the frame of the first keyframe; of a recording it is a part of the spectrogram, the highest frequency at
    the top.

    Raises
    ------
    DataError
        The shape lies outside, or the file is damaged there.
    """
    from imagine_kernels.media.spectrograms import Spectrogram
    from imagine_kernels.media.videos import Video

    if isinstance(view, Video):
        times = view.times()
        at = shape.frames[0] if shape.frames else 0.0
        frame = view.frame(int(np.abs(times - at).argmin()))
        x0, y0, x1, y1 = _inside(_box(shape), frame.shape[1], frame.shape[0], view.path.name)
        return frame[y0:y1, x0:x1], True
    box = _box(shape)
    if isinstance(view, Spectrogram):
        box = _of_sound(shape, view)
        name = view.recording.path.name
    else:
        name = view.path.name
    inside = _inside(box, view.grid.width, view.grid.height, name)
    if isinstance(view, Spectrogram) or view.raster.in_order:
        return _from_tiles(view, inside, most)
    return _from_window(view, inside, most), True


def _numbers(shape: Shape) -> tuple[float, ...]:
    return next((each for each in shape.keyframes if each), ())


def _box(shape: Shape) -> Box | None:
    """The box of a shape with its rim; None for all of the medium."""
    from imagine_kernels.records.shapes import bounding_box

    return _with_rim(bounding_box(shape.kind, _numbers(shape)), LEAST_PX)


def _with_rim(box: Box | None, least: float) -> Box | None:
    if box is None:
        return None
    x0, y0, x1, y1 = box
    rim = MARGIN * max(x1 - x0, y1 - y0) or least / 2
    return (x0 - rim, y0 - rim, x1 + rim, y1 + rim)


def _of_sound(shape: Shape, view: Spectrogram) -> Box | None:
    """A box in s and Hz as one in px of the spectrogram, the highest frequency at the top."""
    from imagine_kernels.records.shapes import bounding_box

    box = bounding_box(shape.kind, _numbers(shape))
    if box is None:
        if len(shape.frames) < 2:
            return None
        return (shape.frames[0] / view.second_per_px, 0, shape.frames[-1] / view.second_per_px, view.grid.height)
    across, height = view.second_per_px, view.grid.height
    turned = (box[0] / across, height - box[3] / view.hertz_per_px, box[2] / across, height - box[1] / view.hertz_per_px)
    return _with_rim(turned, LEAST_PX)


def _inside(box: Box | None, width: int, height: int, name: str) -> tuple[int, int, int, int]:
    if box is None:
        return (0, 0, width, height)
    x0, y0 = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
    x1, y1 = min(width, math.ceil(box[2])), min(height, math.ceil(box[3]))
    if x0 >= x1 or y0 >= y1:
        raise DataError(f"A mark in {name} lies outside of it: move or delete it.")
    return (x0, y0, x1, y1)


def _from_tiles(view: Picture | Spectrogram, box: tuple[int, int, int, int], most: int) -> tuple[Shown, bool]:
    from imagine_kernels.media.tiles import TILE

    grid = view.grid
    level = max(0, grid.levels - 1 - _halvings(max(box[2] - box[0], box[3] - box[1]), most))
    factor, (width, height) = grid.factor(level), grid.size(level)
    x0, y0 = box[0] // factor, box[1] // factor
    x1, y1 = min(width, -(-box[2] // factor)), min(height, -(-box[3] // factor))
    rows, exact = [], True
    for down in range(y0 // TILE, (y1 - 1) // TILE + 1):
        tiles = []
        for across in range(x0 // TILE, (x1 - 1) // TILE + 1):
            tile, sharp = view.tile(level, across, down)
            tiles.append(tile)
            exact &= sharp
        rows.append(np.concatenate(tiles, axis=1))
    whole = np.concatenate(rows)
    left, top = x0 // TILE * TILE, y0 // TILE * TILE
    return np.ascontiguousarray(whole[y0 - top : y1 - top, x0 - left : x1 - left]), exact


def _from_window(view: Picture, box: tuple[int, int, int, int], most: int) -> Shown:
    """From a file of which a part can be had alone: the rest of a scan is not looked at."""
    from imagine_kernels.media.tiles import Box as Part
    from imagine_kernels.media.tiles import shown

    width, height = box[2] - box[0], box[3] - box[1]
    factor = 1 << _halvings(max(width, height), most)
    values = view.raster.read(Part(box[0], box[1], width, height), -(-width // factor), -(-height // factor))
    return shown(values, *view.full)


def _halvings(longest: float, most: int) -> int:
    return max(0, math.ceil(math.log2(max(longest, 1) / most)))


def _factor(shape: Shape) -> int:
    box = _box(shape)
    return 1 if box is None else 1 << _halvings(max(box[2] - box[0], box[3] - box[1]), MOST_PX)


def _is_as_it_is(item: Item, path: Path) -> bool:
    """Whether the file itself can be looked at: a medium as a whole that is a picture of the size of a vignette."""
    medium: Medium = item.medium
    sides = (medium.width or _AS_THEY_ARE_PX + 1, medium.height or _AS_THEY_ARE_PX + 1)
    whole = item.shape.kind == "whole" and medium.kind == "picture"
    return whole and max(sides) <= _AS_THEY_ARE_PX and path.suffix.lower() in _AS_THEY_ARE


def _write(picture: Shown, target: Path) -> Path:
    import cv2

    done, data = cv2.imencode(".png", picture if picture.ndim == 2 else picture[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise DataError(f"A crop of {picture.shape[1]} × {picture.shape[0]} px cannot be written: report it.")
    with settings.placed(target) as passing:
        passing.write_bytes(bytes(data))
    return target
