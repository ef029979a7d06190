"""Videos frame by frame: every frame has a number, and the exact time at which it is shown, also where the frame rate varies.

The times are found by reading the packets of the file without decoding them, which happens in the background.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound, ImageError
from imagine_kernels.media.tiles import Shown, encode

#: Frames of more px than this are refused.
MAX_PIXELS = 100_000_000
#: Most frames that are given at a time.
MOST_FRAMES = 120
#: Packets are stored in another order than they are shown, but no further apart than this.
_APART = 64
#: Sooner than this many frames ahead is decoded, further is sought.
_NEAR = 24
_QUALITY = 85
_WAIT_S = 60.0
_log = logging.getLogger(__name__)


class Video:
    """A video that is looked at.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    width, height : int
        In px.
    frame_rate_hz : float
        The mean one, as the file says.
    duration_s : float
        As the file says; exact as soon as all frames are counted.

    Raises
    ------
    DataNotFound
        There is no such file.
    ImageError
        It is no video that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._stamps: list[int] = []
        self._keys: list[int] = []
        self._shown: NDArray[np.int64] | None = None
        self._starts: NDArray[np.int64] | None = None
        with _opened(path) as container:
            stream = container.streams.video[0]
            self.width, self.height = int(stream.codec_context.width), int(stream.codec_context.height)
            self._base = float(stream.time_base)
            self.frame_rate_hz = float(stream.average_rate or stream.base_rate or 0) or 25.0
            length = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
            self.duration_s = length or stream.frames / self.frame_rate_hz
            # An AVI says nothing of the order in which frames are shown, and what is guessed for H.264 is wrong at times.
            in_order = container.format.name == "avi" and stream.codec_context.name == "h264"
            self._said = int(stream.frames) or round(self.duration_s * self.frame_rate_hz)
        if not 0 < self.width * self.height <= MAX_PIXELS:
            raise ImageError(f"{path.name} has frames of {self.width} × {self.height} px, which cannot be shown: convert it.")
        self._frames = _Frames(path, in_order=in_order)
        self._counter: threading.Thread | None = None
        self._encoders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="imagine-frames")

    @property
    def counted(self) -> bool:
        """Whether all frames are counted."""
        return self._shown is not None

    @property
    def n_frames(self) -> int:
        """How many frames there are; before they are counted what the file says."""
        return self._said if self._shown is None else len(self._shown)

    def count(self, *, wait_s: float = 0.0) -> bool:
        """Begin to count the frames and wait so long for it; whether it is done."""
        with self._news:
            if self._counter is None:
                self._counter = threading.Thread(target=self._count, name="imagine-count", daemon=True)
                self._counter.start()
            self._news.wait_for(lambda: self.counted, timeout=wait_s)
        return self.counted

    def times(self) -> NDArray[np.float64]:
        """(n_frames,) float64, when each frame is shown, in s from the first one; waits until they are counted."""
        if not self.count(wait_s=10 * _WAIT_S):
            raise DataError(f"The frames of {self.path.name} are not counted yet: wait a moment.")
        assert self._shown is not None  # it is counted
        return np.asarray((self._shown - self._shown[0]) * self._base)

    def frames(self, first: int, n: int, side: int) -> tuple[list[float], list[bytes]]:
        """Some frames in a row as JPEG, shrunk where their longest side exceeds `side` px, and when each is shown, in s.

        Raises
        ------
        DataError
            There is no such frame.
        ImageError
            The file is damaged there; frames before that are given without an error.
        """
        if not 1 <= n <= MOST_FRAMES or side < 16:
            raise DataError(f"Ask for 1 to {MOST_FRAMES} frames of 16 px or more, not for {n} of {side} px.")
        shown = self._known(first + n)
        if not 0 <= first < len(shown):
            raise DataError(f"There is no frame {first} in {self.path.name}: it has {len(shown)}, counted from 0.")
        wanted = [int(stamp) for stamp in shown[first : first + n]]
        size = self._size(side)
        waiting: deque[Future[bytes]] = deque()
        with self._lock:
            for picture in self._decoded(wanted, first, shown, size):
                waiting.append(self._encoders.submit(encode, picture, quality=_QUALITY, fine=False))
        made = [each.result() for each in waiting]
        times = [(stamp - int(shown[0])) * self._base for stamp in wanted[: len(made)]]
        return times, made

    def frame(self, number: int) -> Shown:
        """One frame in full size, (H, W, 3) uint8."""
        shown = self._known(number + 1)
        if not 0 <= number < len(shown):
            raise DataError(f"There is no frame {number} in {self.path.name}: it has {len(shown)}, counted from 0.")
        with self._lock:
            return next(self._decoded([int(shown[number])], number, shown, (self.width, self.height)))

    def close(self) -> None:
        """Let go of the file."""
        self._stop.set()
        if self._counter is not None:
            self._counter.join(timeout=10)
        with self._lock:
            self._frames.close()
        self._encoders.shutdown(wait=False)

    def _size(self, side: int) -> tuple[int, int]:
        scale = min(1.0, side / max(self.width, self.height))
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))

    def _known(self, n: int) -> NDArray[np.int64]:
        """When frames are shown, in units of the file, at least up to the n-th."""
        self.count()
        with self._news:
            self._news.wait_for(lambda: self.counted or len(self._stamps) > n + _APART, timeout=_WAIT_S)
            if self._shown is not None:
                return self._shown
            # What lies beyond the reordering of the last packets stays as it is.
            return np.array(sorted(self._stamps)[:-_APART] if len(self._stamps) > _APART else [], dtype=np.int64)

    def _decoded(self, wanted: list[int], first: int, shown: NDArray[np.int64], size: tuple[int, int]) -> Iterator[Shown]:
        for i, stamp in enumerate(wanted):
            try:
                frame = self._frames.at(stamp, self._start_before(stamp), shown, near=self._near(stamp, shown))
            except (OSError, ValueError, EOFError, MemoryError):
                frame = None
            if frame is None:
                if i:
                    return
                raise ImageError(f"{self.path.name} is damaged at frame {first} and cannot be decoded there: go on after it.")
            yield self._frames.picture(frame, size)

    def _near(self, stamp: int, shown: NDArray[np.int64]) -> bool:
        last = self._frames.last
        if last is None:
            return False
        ahead = int(np.searchsorted(shown, stamp)) - int(np.searchsorted(shown, last))
        return 0 < ahead <= _NEAR or (ahead > 0 and self._start_before(stamp) <= last)

    def _start_before(self, stamp: int) -> int:
        """The last frame up to there from which decoding can begin."""
        keys = self._starts if self._starts is not None else np.array(sorted(self._keys), dtype=np.int64)
        place = int(np.searchsorted(keys, stamp, side="right")) - 1
        return int(keys[max(place, 0)]) if len(keys) else stamp

    def _count(self) -> None:
        stamps: list[int] = []
        keys: list[int] = []
        try:
            with _opened(self.path) as container:
                for packet in container.demux(video=0):
                    stamp = packet.pts if packet.pts is not None else packet.dts
                    if stamp is None or packet.size == 0 or packet.is_discard:
                        continue
                    stamps.append(stamp)
                    if packet.is_keyframe:
                        keys.append(stamp)
                    if len(stamps) >= 256:
                        self._more(stamps, keys)
                        stamps, keys = [], []
                    if self._stop.is_set():
                        return
        except (OSError, ValueError, MemoryError, ImageError) as error:
            _log.warning("The frames of %s could not be counted to the end: %s", self.path.name, error)
        self._more(stamps, keys)
        with self._news:
            self._starts = np.unique(np.array(self._keys, dtype=np.int64))
            self._shown = np.unique(np.array(self._stamps, dtype=np.int64))
            if len(self._shown):
                last = float(self._shown[-1] - self._shown[0]) * self._base
                self.duration_s = last + 1 / self.frame_rate_hz
            self._news.notify_all()

    def _more(self, stamps: list[int], keys: list[int]) -> None:
        with self._news:
            self._stamps += stamps
            self._keys += keys
            self._news.notify_all()


class _Frames:
    """Decodes frames, in a row or from the key frame before one; `in_order` counts them rather than to trust their times."""

    def __init__(self, path: Path, *, in_order: bool) -> None:
        self._path, self._in_order = path, in_order
        self._next = 0
        self._container: Any = None
        self._scaling: Any = None
        self._decoding: Iterator[Any] = iter(())
        #: When the frame that was decoded last is shown.
        self.last: int | None = None

    def at(self, stamp: int, start: int, shown: NDArray[np.int64], *, near: bool) -> Any:
        """The frame that is shown at `stamp`; decoding begins at the key frame at `start`, or goes on where it is `near`."""
        if self._container is None or not near:
            self._seek(start)
            self._next = int(np.searchsorted(shown, start))
        for again in (False, True):
            for frame in self._decoding:
                self.last = frame.pts if frame.pts is not None else frame.dts
                if self._in_order and self._next < len(shown):
                    self.last = int(shown[self._next])
                self._next += 1
                if self.last is None or self.last >= stamp:
                    if self.last == stamp or again:
                        return frame
                    break
            # It began behind the frame, or came past it: some files say wrongly where one may begin. Then from the very beginning.
            if not again:
                self.close()
                self._seek(None)
                self._next = 0
        return None

    def picture(self, frame: Any, size: tuple[int, int]) -> Shown:
        """A frame in red, green and blue."""
        from av.video.reformatter import VideoReformatter

        if self._scaling is None:
            # Kept: to set one up takes ten times as long as to use it.
            self._scaling = VideoReformatter()
        scaled = self._scaling.reformat(frame, size[0], size[1], "rgb24", interpolation="AREA")
        return np.asarray(scaled.to_ndarray(), dtype=np.uint8)

    def close(self) -> None:
        """Let go of the file."""
        if self._container is not None:
            self._container.close()
        self._container, self.last = None, None

    def _seek(self, start: int | None) -> None:
        if self._container is None:
            self._container = _opened(self._path)
            self._container.streams.video[0].thread_type = "AUTO"
        stream = self._container.streams.video[0]
        if start is not None:
            self._container.seek(start, stream=stream, backward=True, any_frame=False)
        self.last = None
        self._decoding = _tolerant(self._container, stream)


def _tolerant(container: Any, stream: Any) -> Iterator[Any]:
    """Frames; packets that cannot be decoded are passed over."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _opened(path: Path) -> Any:
    import av

    if not path.is_file():
        raise DataNotFound(f"There is no file {path}: find the media of the project again.")
    try:
        # Only the file itself: some formats name other files and addresses.
        container = av.open(str(path.resolve()), options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError):
        raise ImageError(f"{path.name} is not a video that can be read, or its beginning is damaged: check the file.") from None
    # Without a context the file names a kind of video for which there is no decoder.
    if not container.streams.video or container.streams.video[0].codec_context is None:
        container.close()
        raise ImageError(f"{path.name} holds no video that can be decoded: check the file, or convert it.")
    return container
