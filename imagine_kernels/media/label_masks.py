"""Masks beside pictures that say what each pixel is: which belongs to which, and what is marked in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.regions import BAND_ROWS, Region, regions

#: A grey mask of one class: what is at least as light is marked, as edges of masks are often blurred.
LIGHT = 128
#: A mask with no larger number holds class indices.
_MOST_CLASSES = 32
_FOLDERS = ("masks", "mask", "labels", "labels_1d", "annotations")
_ENDS = ("_mask", "_label", "_gt", "-mask")
#: What names of pictures end in where those of their masks end in something else.
_PICTURE_ENDS = ("_sat", "_image", "_img")


def find_masks(pictures: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The mask of each picture that has one: beside it under the name with ``_mask``, or in a folder of masks under its own name.

    Parameters
    ----------
    pictures : sequence of str
    names : sequence of str
        All files with the endings of pictures.
    """
    taken = set(pictures)
    by_key: dict[str, list[str]] = {}
    for name in names:
        if name not in taken:
            by_key.setdefault(_key(name, _ENDS), []).append(name)
    found = {}
    for picture in pictures:
        candidates = by_key.get(_key(picture, _PICTURE_ENDS), [])
        if candidates:
            # Of several the one that lies nearest.
            found[picture] = max(candidates, key=lambda name: (_shared(name, picture), name))
    return found


def _key(name: str, ends: Sequence[str]) -> str:
    stem = PurePosixPath(name).stem.lower()
    for end in ends:
        stem = stem.removesuffix(end)
    return stem


def _shared(name: str, other: str) -> int:
    """How many folders two names share from the top, folders of masks aside."""
    first, second = ([part for part in PurePosixPath(each).parts[:-1] if part.lower() not in _FOLDERS] for each in (name, other))
    return sum(1 for a, b in zip(first, second, strict=False) if a == b)


def mask_regions(
    files: Files, name: str, labels: Mapping[int, str], *, size: tuple[int, int], min_area_px: int = 1
) -> list[tuple[Region, str]]:
    """The regions that a mask marks, each with its label.

    A mask with numbers up to 32 holds class indices, of which those in `labels` count. Any other is a grey mask of the first label, which is
    marked where it is at least `LIGHT`.

    Parameters
    ----------
    files : Files
    name : str
        Of the mask.
    labels : mapping of int to str
    size : (int, int)
        Width and height of the picture, which the mask must have too.
    min_area_px : int
        Smaller regions are left out.

    Raises
    ------
    ImageError
        It is damaged, or of another size than the picture.
    """
    with _opened(files, name) as mask:
        if (mask.width, mask.height) != size:
            raise ImageError(
                f"{name} measures {mask.width} × {mask.height} px, its picture {size[0]} × {size[1]}: give masks of the same size."
            )
        grey = max((int(band.max()) for _, band in _bands(mask)), default=0) > _MOST_CLASSES
        known = {1: next(iter(labels.values()))} if grey else dict(labels)

        def told() -> Iterator[tuple[int, NDArray[np.uint8]]]:
            for top, band in _bands(mask):
                kept = (
                    (band >= LIGHT).astype(np.uint8) if grey else np.where(np.isin(band, list(known)), band, 0).astype(np.uint8)
                )
                yield top, kept

        return [(region, known[region.class_index]) for region in regions(told(), min_area_px=min_area_px)]


def _bands(mask: Any) -> Iterator[tuple[int, NDArray[Any]]]:
    from rasterio.windows import Window

    for top in range(0, mask.height, BAND_ROWS):
        yield top, mask.read(1, window=Window(0, top, mask.width, min(BAND_ROWS, mask.height - top)))


@contextmanager
def _opened(files: Files, name: str) -> Iterator[Any]:
    """The mask as a dataset of rasterio; raises `ImageError`."""
    import rasterio
    from rasterio.errors import RasterioError

    from imagine_kernels.media.rasters import gdal

    try:
        with gdal(), rasterio.MemoryFile(files.read(name)) as memory, memory.open() as mask:
            yield mask
    except RasterioError:
        raise ImageError(f"{name} is no mask that can be read (PNG, TIFF …), or is damaged: save it again.") from None
