"""Media as arrays of which only what is looked at is decoded: levels of a picture, frames of a video, levels of a spectrogram."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels import settings
from imagine_kernels.apps.desktop.geometry import Axes, frequency_unit
from imagine_kernels.errors import DataError, ImagineError

if TYPE_CHECKING:
    from imagine_kernels.media.pictures import Picture
    from imagine_kernels.media.spectrograms import Spectrogram
    from imagine_kernels.media.videos import Video
    from imagine_kernels.records import Medium

#: What is kept of the tiles of a picture, and of the frames of a video, bytes.
_KEPT_BYTES = 256 * 1024**2
#: So long the window waits for the tiles of one view; later ones come by themselves, s.
WAIT_S = 0.4

Values = NDArray[Any]
Key = tuple[int, int, int]


@dataclass(kw_only=True)
class Opened:
    """A medium as napari takes it.

    Attributes
    ----------
    levels : list of arrays
        From the largest to the smallest; of a video the frames, (n, height, width, 3).
    rgb : bool
    pixel : (float, float)
        How much of x and of y in the store is a pixel: 1, or s and Hz.
    axes : Axes
        In what shapes are drawn over it.
    units : (float, str) or None
        Of a spectrogram: how many Hz are 1 of napari, and what that is called.
    contrast : (float, float) or None
        What is black and white at first.
    full : (float, float) or None
        What can be black and white.
    times : (n,) ndarray or None
        Of a video, when each frame is shown, s.
    unit : str
        Of the values, where they have one.
    news : Event
        Set where something can be had better than it was given before.
    """

    levels: list[Any]
    rgb: bool
    pixel: tuple[float, float] = (1.0, 1.0)
    axes: Axes = field(default_factory=Axes)
    units: tuple[float, str] | None = None
    contrast: tuple[float, float] | None = None
    full: tuple[float, float] | None = None
    times: NDArray[np.float64] | None = None
    unit: str = ""
    news: threading.Event = field(default_factory=threading.Event)
    close: Callable[[], None] = lambda: None

    @property
    def upwards(self) -> bool:
        """Whether the first row is the lowest: a spectrogram."""
        return self.units is not None

    @property
    def height(self) -> int:
        """Of the full size, px."""
        return int(self.levels[0].shape[0 if self.times is None else 1])

    @property
    def width(self) -> int:
        """Of the full size, px."""
        return int(self.levels[0].shape[1 if self.times is None else 2])


class Level:
    """One size of a picture: what napari asks of an array, decoded when it asks.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    read : callable ``(top, bottom, left, right)``
        Gives that part.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, read: Callable[[int, int, int, int], Values]) -> None:
        self.shape, self.dtype, self._read = shape, np.dtype(dtype), read
        self.ndim = len(shape)
        self.size = int(np.prod(shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Values:
        return np.asarray(self[()], dtype=dtype)

    def __getitem__(self, key: Any) -> Values:
        rows, columns, *rest = _whole_key(key, self.ndim)
        (top, bottom), (left, right) = _span(rows, self.shape[0]), _span(columns, self.shape[1])
        if bottom <= top or right <= left:
            part: Values = np.zeros((max(0, bottom - top), max(0, right - left), *self.shape[2:]), self.dtype)
        else:
            part = self._read(top, bottom, left, right)
        found: Values = part[(_within(rows), _within(columns), *rest)]
        return found


class Frames:
    """The frames of a video as one array, (n, height, width, 3)."""

    def __init__(self, video: Video, n: int) -> None:
        self._video = video
        self.shape, self.ndim, self.dtype = (n, video.height, video.width, 3), 4, np.dtype(np.uint8)
        self.size = int(np.prod(self.shape))
        self._kept: OrderedDict[int, Values] = OrderedDict()
        self._most = max(2, _KEPT_BYTES // max(1, video.height * video.width * 3))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Values:
        first, *rest = _whole_key(key, self.ndim)
        if isinstance(first, slice):
            picked = [self.frame(number)[tuple(rest)] for number in range(*first.indices(len(self)))]
            return np.stack(picked) if picked else np.zeros((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        found: Values = self.frame(int(first))[tuple(rest)]
        return found

    def frame(self, number: int) -> Values:
        """One frame, (height, width, 3) uint8; black where the file is damaged."""
        number = range(len(self))[number]
        if number not in self._kept:
            try:
                self._kept[number] = self._video.frame(number)
            except ImagineError:
                return np.zeros(self.shape[1:], self.dtype)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]


class Tiles:
    """The tiles of a picture, decoded beside the window, and kept for a while.

    Parameters
    ----------
    picture : Picture
    news : Event
    wait_s : float or None
        How long to wait for what is not there yet; what comes later is given blurred at first. None waits for all.
    """

    def __init__(self, picture: Picture, news: threading.Event, wait_s: float | None) -> None:
        self._picture, self._news, self._wait_s = picture, news, wait_s
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="imagine-tiles")
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Values] = OrderedDict()
        self._bytes = 0
        self._coming: dict[Key, Future[None]] = {}

    def levels(self) -> list[Level]:
        """From the largest to the smallest."""
        grid, raster = self._picture.grid, self._picture.raster
        found = []
        for level in reversed(range(grid.levels)):
            width, height = grid.size(level)
            shape = (height, width, 3) if raster.colour else (height, width)
            found.append(Level(shape, raster.dtype, lambda *part, level=level: self.part(level, *part)))
        return found

    def part(self, level: int, top: int, bottom: int, left: int, right: int) -> Values:
        """Rows `top` to `bottom` and columns `left` to `right` of a level."""
        from imagine_kernels.media.tiles import TILE

        wanted = [(level, x, y) for y in range(top // TILE, -(-bottom // TILE)) for x in range(left // TILE, -(-right // TILE))]
        until = None if self._wait_s is None else time.monotonic() + self._wait_s
        for each in [self._ask(key) for key in wanted]:
            if each is not None:
                with suppress(TimeoutError):
                    each.result(None if until is None else max(0.0, until - time.monotonic()))
        raster = self._picture.raster
        found: Values = np.zeros((bottom - top, right - left, *((3,) if raster.colour else ())), raster.dtype)
        for key in wanted:
            box = self._picture.grid.box(*key)
            y0, x0 = max(top, box.y), max(left, box.x)
            y1, x1 = min(bottom, box.y + box.height), min(right, box.x + box.width)
            with self._lock:
                tile = self._kept.get(key)
            place = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
            if tile is None:
                found[place] = self._blurred(level, (y0, y1, x0, x1))
            else:
                found[place] = tile[y0 - box.y : y1 - box.y, x0 - box.x : x1 - box.x]
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._picture.close()

    def _ask(self, key: Key) -> Future[None] | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return None
            if key not in self._coming:
                self._coming[key] = self._pool.submit(self._decode, key)
            return self._coming[key]

    def _decode(self, key: Key) -> None:
        values = None
        try:
            values, sharp = self._picture._values(key[0], self._picture.grid.box(*key))
        except ImagineError:
            # A damaged part stays blurred; it is not tried again and again.
            sharp = False
        with self._lock:
            self._coming.pop(key, None)
            if values is not None and sharp:
                self._kept[key] = values
                self._bytes += values.nbytes
                while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                    self._bytes -= self._kept.popitem(last=False)[1].nbytes
        if sharp:
            self._news.set()

    def _blurred(self, level: int, part: tuple[int, int, int, int]) -> Values:
        """A part from the small copy, the nearest px of it."""
        overview, (width, height) = self._picture.overview(), self._picture.grid.size(level)
        rows = (np.arange(part[0], part[1]) * overview.shape[0] // height).clip(0, overview.shape[0] - 1)
        columns = (np.arange(part[2], part[3]) * overview.shape[1] // width).clip(0, overview.shape[1] - 1)
        found: Values = overview[np.ix_(rows, columns)]
        return found


def open_medium(path: Path, medium: Medium | None = None, *, wait_s: float | None = WAIT_S) -> Opened:
    """A picture, video or recording as napari takes it; nothing of it is loaded as a whole.

    Raises
    ------
    DataError
        It is none of the three, or damaged.
    """
    from imagine_kernels.media.viewing import kind_of

    kind = kind_of(path.name)
    if kind == "picture":
        return _open_picture(path, wait_s)
    if kind == "video":
        from imagine_kernels.media.videos import Video

        video = Video(path)
        times = video.times()
        if not len(times):
            video.close()
            raise DataError(f"{path.name} holds no frame that can be shown: check the file.")
        return Opened(levels=[Frames(video, len(times))], rgb=True, times=times, close=video.close)
    if kind == "sound":
        return _open_recording(path, medium.attributes if medium else {})
    raise DataError(f"{path.name} is no picture, video or recording that is known here: leave it out.")


def _pyramids() -> Any:
    from imagine_kernels.media.pyramids import Pyramids

    return Pyramids(settings.home() / "pyramids")


def _open_picture(path: Path, wait_s: float | None) -> Opened:
    from imagine_kernels.media.pictures import Picture

    news = threading.Event()
    picture: Picture = Picture(path, _pyramids(), news.set)
    tiles = Tiles(picture, news, wait_s)
    try:
        full, contrast = picture.full, None
        if picture.raster.dtype != np.uint8:
            span = full[1] - full[0]
            low, high = picture.percentiles(0.1, 99.9)
            contrast = (full[0] + low * span, full[0] + high * span) if high > low else full
    except ImagineError:
        tiles.close()
        raise
    colour = picture.raster.colour
    return Opened(levels=list(tiles.levels()), rgb=colour, contrast=contrast or full, full=full, news=news, close=tiles.close)


def _open_recording(path: Path, attributes: Mapping[str, Any]) -> Opened:
    from imagine_kernels.media.recordings import Recording
    from imagine_kernels.media.spectrograms import Spectrogram, calibrated

    news = threading.Event()
    sound: Spectrogram = Spectrogram(Recording(path), _pyramids(), calibrated(attributes), news.set)
    try:
        full = sound.range
    except ImagineError:
        sound.close()
        raise
    levels: list[Level] = []
    for level in reversed(range(sound.flat.levels)):
        factor, (width, height) = sound.flat.factor(level), sound.flat.size(level)

        def read(top: int, bottom: int, left: int, right: int, factor: int = factor) -> Values:
            power = sound._columns(left, right - left, factor)[0]
            return sound._db(power)[:, top:bottom].T

        levels.append(Level((height, width), np.float32, read))
    s, hz = sound.second_per_px, sound.hertz_per_px
    step, name = frequency_unit(sound.width * s, sound.height * hz)
    axes = Axes(1.0, step, left=s / 2, top=hz / step / 2)
    held = Opened(
        levels=list(levels), rgb=False, contrast=full, full=full, pixel=(s, hz), axes=axes, news=news, close=sound.close
    )
    held.units, held.unit = (step, name), sound.unit
    return held


def _whole_key(key: Any, ndim: int) -> tuple[Any, ...]:
    given = key if isinstance(key, tuple) else (key,)
    if Ellipsis in [each for each in given if each is Ellipsis]:
        at = next(i for i, each in enumerate(given) if each is Ellipsis)
        given = (*given[:at], *[slice(None)] * (ndim - len(given) + 1), *given[at + 1 :])
    return (*given, *[slice(None)] * (ndim - len(given)))


def _span(key: Any, length: int) -> tuple[int, int]:
    """First and last of what is asked for, and one more."""
    if isinstance(key, slice):
        asked = range(*key.indices(length))
        return (min(asked[0], asked[-1]), max(asked[0], asked[-1]) + 1) if asked else (0, 0)
    at = range(length)[int(key)]
    return at, at + 1


def _within(key: Any) -> Any:
    """What is asked for, of the part that was read."""
    if not isinstance(key, slice):
        return 0
    return slice(None, None, key.step)
