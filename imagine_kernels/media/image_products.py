"""What fixed cameras make of minutes of frames: snapshot, timex, variance, brightest, darkest, and timestacks.

Sums of 8- and 16-bit frames are kept as whole numbers, so that mean and variance are exact however many frames there are; of other kinds Welford's
recurrence is used. The memory is that of a few frames.

References
----------
Holman, R. A. and Stanley, J. (2007): The history and technical capabilities of Argus. Coastal Engineering 54, 477-491.
doi:10.1016/j.coastaleng.2007.01.003
Welford, B. P. (1962): Note on a method for calculating corrected sums of squares and products. Technometrics 4, 419-420.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.media.rectifying import remapped
from imagine_kernels.records.camera import Camera

Picture = NDArray[Any]
Numbers = NDArray[np.float64]
#: So many frames of 16 bits can be summed without overflow of the squares; far more than a year at 7.5 Hz.
_MOST_FRAMES = 2**31


@dataclass(frozen=True, eq=False)
class ImageProducts:
    """The products of some frames.

    Attributes
    ----------
    n_frames : int
    snapshot : (H, W[, C]) ndarray
        The first frame.
    mean : (H, W[, C]) float64 ndarray
        In the values of the frames.
    variance : (H, W[, C]) float64 ndarray
        Over the frames, divided by their number, in squared values.
    brightest, darkest : (H, W[, C]) ndarrays
        The largest and smallest value at each pixel and channel.
    """

    n_frames: int
    snapshot: Picture
    mean: Numbers
    variance: Numbers
    brightest: Picture
    darkest: Picture

    @property
    def timex(self) -> Picture:
        """The mean in the type of the frames, rounded."""
        whole = np.issubdtype(self.snapshot.dtype, np.integer)
        return (np.rint(self.mean) if whole else self.mean).astype(self.snapshot.dtype)

    @property
    def deviation(self) -> Numbers:
        """Standard deviation, which Argus writes as its variance image, in values of the frames."""
        return np.sqrt(self.variance)

    def pictures(self) -> dict[str, Picture]:
        """Product → picture in the type of the frames; the variance as standard deviation stretched to the full range."""
        top = float(np.iinfo(self.snapshot.dtype).max) if np.issubdtype(self.snapshot.dtype, np.integer) else 1.0
        spread = self.deviation
        stretched = spread * (top / spread.max()) if spread.max() > 0 else spread
        return {
            "snapshot": self.snapshot,
            "timex": self.timex,
            "variance": (np.rint(stretched) if top > 1 else stretched).astype(self.snapshot.dtype),
            "brightest": self.brightest,
            "darkest": self.darkest,
        }


def image_products(frames: Iterable[Picture]) -> ImageProducts:
    """Go through frames once.

    Parameters
    ----------
    frames : iterable of (H, W[, C]) ndarrays
        All of one size and type.

    Raises
    ------
    DataError
        There is no frame, or one has another size or type than the first.
    """
    first: Picture | None = None
    n = 0
    for frame in frames:
        if first is None:
            first = frame.copy()
            brightest, darkest = first.copy(), first.copy()
            exact = first.dtype in (np.uint8, np.uint16)
            total: Any = np.zeros(first.shape, dtype=np.uint64 if exact else np.float64)
            squares: Any = np.zeros_like(total)
        elif frame.shape != first.shape or frame.dtype != first.dtype:
            raise DataError(
                f"Frame {n + 1} is {frame.shape} of {frame.dtype}, the first {first.shape} of {first.dtype}: give frames of one camera."
            )
        n += 1
        if exact:
            wide = frame.astype(np.uint32)
            total += wide
            squares += wide * wide
        else:
            before = frame - total
            total += before / n
            squares += before * (frame - total)
        np.maximum(brightest, frame, out=brightest)
        np.minimum(darkest, frame, out=darkest)
    if first is None:
        raise DataError("There are no frames: give one at least.")
    if not exact:
        return ImageProducts(n, first, total, squares / n, brightest, darkest)
    if n > _MOST_FRAMES:
        raise DataError(f"{n} frames are too many for exact sums: give fewer at a time.")
    # Σ (x − m)² about the whole part m of the mean is a whole number too: only the last division rounds.
    mean = total // np.uint64(n)
    rest = total - mean * np.uint64(n)
    spread = squares - np.uint64(2) * mean * total + np.uint64(n) * mean * mean
    share = rest.astype(np.float64) / n
    variance = np.maximum(spread.astype(np.float64) / n - share**2, 0.0)
    return ImageProducts(n, first, mean.astype(np.float64) + share, variance, brightest, darkest)


def timestack(frames: Iterable[Picture], x_px: NDArray[Any], y_px: NDArray[Any]) -> Picture:
    """The values of each frame along a line of pixels, one row per frame.

    Parameters
    ----------
    frames : iterable of (H, W[, C]) ndarrays
    x_px, y_px : (n,) ndarrays
        Positions, px; values are taken between the pixels (bilinear).

    Returns
    -------
    (frames, n[, C]) ndarray
        Of the type of the frames; 0 where the line leaves the picture.

    Raises
    ------
    DataError
        There are no frames, or they differ.
    """
    x, y = (np.asarray(each, dtype=np.float32)[None, :] for each in (x_px, y_px))
    rows: list[Picture] = []
    shape: tuple[int, ...] = ()
    for frame in frames:
        if rows and frame.shape != shape:
            raise DataError(f"Frame {len(rows) + 1} is {frame.shape}, the first {shape}: give frames of one camera.")
        shape = frame.shape
        known = (x >= 0) & (y >= 0) & (x <= shape[1]) & (y <= shape[0])
        row = remapped(frame, np.where(known, x - 0.5, 0), np.where(known, y - 0.5, 0))[0]
        row[~known[0]] = 0
        rows.append(row)
    if not rows:
        raise DataError("There are no frames: give one at least.")
    return np.stack(rows)


def transect_pixels(
    camera: Camera, begin_m: tuple[float, float], end_m: tuple[float, float], z_m: float, *, spacing_m: float
) -> tuple[Numbers, Numbers, Numbers]:
    """Where a camera sees a line on the ground, for `timestack`.

    Parameters
    ----------
    camera : Camera
    begin_m, end_m : (float, float)
        East and north, m.
    z_m : float
        Level, m.
    spacing_m : float

    Returns
    -------
    along_m, x_px, y_px : (n,) float64 ndarrays
        Metres from the begin, and positions in the picture; NaN where it is not seen.

    Raises
    ------
    DataError
        The line has no length, or not one of its points is in the picture.
    """
    (x0, y0), (x1, y1) = begin_m, end_m
    length = float(np.hypot(x1 - x0, y1 - y0))
    if not (length > 0 and spacing_m > 0 and length / spacing_m < 1e6):
        raise DataError("A timestack needs a line with a length and a spacing above 0 m.")
    along = np.arange(0.0, length + 1e-9, spacing_m)
    x, y = camera.pixels(x0 + along / length * (x1 - x0), y0 + along / length * (y1 - y0), z_m)
    inside = np.isfinite(x) & camera.inside(x, y)
    if not inside.any():
        raise DataError("The camera does not see this line: check its place, its level and the coordinate system.")
    return along, np.where(inside, x, np.nan), np.where(inside, y, np.nan)
