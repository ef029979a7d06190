"""Vignettes: pictures of one object each, decoded to grey, without the scale bar that ZooProcess puts under them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.decoding import decode
from imagine_kernels.records import Problem, Sample

__all__ = [
    "ScaleBar",
    "crop_scale_bar",
    "decode",
    "find_scale_bar",
    "load",
    "pixel_size_from_scale_bar",
]

#: Height in px of the strip that ZooProcess puts under a vignette.
SCALE_BAR_PX = 31

#: The strip is white, give or take what JPEG leaves of it; bar and text are black.
_WHITE, _BLACK = 190, 110
#: A bar of 1 mm is longer than this at 600 dpi and more; shorter ones stand for 100 µm or the like.
_MIN_MM_PX, _MIN_PX = 20, 6
_MAX_THICKNESS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleBar:
    """The scale bar under a vignette.

    Attributes
    ----------
    top_row : int
        First row of the strip, counted from the top of the picture.
    length_px : int
        Length of the bar. ZooProcess draws it with a pen of 2 px, whose ends stick out by half its width each; they are not counted.
    length_mm : float
        What it stands for; NaN where the bar is too short to be 1 mm.
    """

    top_row: int
    length_px: int
    length_mm: float = 1.0

    @property
    def mm_per_px(self) -> float:
        """Size of a pixel in mm."""
        return self.length_mm / self.length_px


def find_scale_bar(picture: NDArray[np.uint8], *, height_px: int = SCALE_BAR_PX) -> ScaleBar | None:
    """The scale bar in the lowest rows, or None.

    The strip must be white but for one sharp black horizontal line, with nothing beside or below it, and at most a text above.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray
    height_px : int
        Height of the strip.
    """
    height = picture.shape[0]
    if height_px < 8 or height <= height_px + 2:
        return None
    strip = picture[height - height_px :]
    # A cheap look first: most pictures of other instruments are not white in the corners of the strip.
    if strip[0, 0] < _WHITE or strip[-1, -1] < _WHITE or strip[-1, 0] < _WHITE:
        return None
    dark = strip < _BLACK
    counts = dark.sum(axis=1)
    lowest = np.flatnonzero(counts)
    if not lowest.size:
        return None
    bar = int(lowest[-1])
    run = int(counts[bar])
    if run < _MIN_PX:
        return None
    first = int(dark[bar].argmax())
    last = first + run
    if not dark[bar, first:last].all():
        return None
    rows = _bar_rows(dark, bar, first, last)
    thickness = rows.stop - rows.start
    above, below = strip[: rows.start], strip[rows.stop :]
    beside = np.concatenate((strip[rows, : max(first - 1, 0)], strip[rows, last + 1 :]), axis=1)
    sharp = rows.start > 0 and above[-1].min() >= _WHITE and below.size > 0 and below.min() >= _WHITE
    if thickness > _MAX_THICKNESS or not sharp or (beside.size and beside.min() < _WHITE):
        return None
    if above[: height_px // 4].min() < _WHITE:
        return None
    text = (above < _BLACK).mean()
    if text > 0.2:
        return None
    length = max(run - thickness, 1)
    if run >= _MIN_MM_PX:
        return ScaleBar(top_row=height - height_px, length_px=length)
    # So short a line may be anything; with a text above it, it is a bar.
    return ScaleBar(top_row=height - height_px, length_px=length, length_mm=float("nan")) if text > 0 else None


def _bar_rows(dark: NDArray[np.bool_], bar: int, first: int, last: int) -> slice:
    """The rows of the line: those that are black over its whole length, but for its ends."""
    whole: NDArray[np.bool_] = np.all(dark[:, first + 1 : last - 1], axis=1)
    start = stop = bar
    while start > 0 and whole[start - 1]:
        start -= 1
    while stop + 1 < len(whole) and whole[stop + 1]:
        stop += 1
    return slice(start, stop + 1)


def crop_scale_bar(picture: NDArray[np.uint8], *, height_px: int = SCALE_BAR_PX) -> NDArray[np.uint8]:
    """The picture without its strip where a scale bar is recognised, else the picture as it is.

    Parameters
    ----------
    picture : (H, W) uint8 ndarray
    height_px : int
        Height of the strip; 0 never crops.

    Returns
    -------
    (H - height_px, W) or (H, W) uint8 ndarray
    """
    bar = find_scale_bar(picture, height_px=height_px) if height_px else None
    return picture if bar is None else picture[: bar.top_row]


def load(files: Files, name: str, *, scale_bar_px: int = SCALE_BAR_PX) -> NDArray[np.uint8]:
    """One vignette, grey, without scale bar.

    Parameters
    ----------
    files : Files
    name : str
        Path inside.
    scale_bar_px : int
        Height of the strip with the scale bar; 0 keeps everything.

    Returns
    -------
    (H, W) uint8 ndarray

    Raises
    ------
    ImageError
        There is no such file, it may not be read, or it is no picture that can be decoded.
    """
    try:
        data = files.read(name)
    except DataError as error:
        raise ImageError(str(error)) from None
    return crop_scale_bar(decode(data, name=name), height_px=scale_bar_px)


def pixel_size_from_scale_bar(sample: Sample, *, n: int = 20) -> tuple[float, Problem] | None:
    """The size of a pixel from the scale bars of up to `n` pictures, for samples that do not say it.

    Parameters
    ----------
    sample : Sample
    n : int
        Pictures to look at, evenly over the sample.

    Returns
    -------
    mm_per_px : float
        Median over the recognised bars of 1 mm.
    problem : Problem
        A warning that says so.

    None where no bar of 1 mm is recognised.
    """
    names = [name for name in sample.objects["file"].tolist() if name]
    height = int(sample.settings.get("scale_bar_px", SCALE_BAR_PX))
    if not names or not height:
        return None
    chosen = [names[at] for at in np.unique(np.linspace(0, len(names) - 1, min(n, len(names))).astype(int))]
    sizes = []
    with Files(sample.source) as files:
        for name in chosen:
            with suppress(ImageError):
                bar = find_scale_bar(load(files, name, scale_bar_px=0), height_px=height)
                if bar is not None and not np.isnan(bar.length_mm):
                    sizes.append(bar.mm_per_px)
    if not sizes:
        return None
    size = float(np.median(sizes))
    problem = Problem(
        item=PurePosixPath(sample.source).name,
        what=f"the data do not say the pixel size; {size:.5f} mm was measured on the scale bars of {len(sizes)} pictures",
        remedy="set pixel_size_mm or dpi if you know it",
        severity="warning",
    )
    return size, problem
