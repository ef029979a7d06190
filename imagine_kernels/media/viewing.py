"""Media to look at: what kind a file is, what its header says, and pictures, videos and recordings that stay open for a while."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from imagine_kernels.errors import DataError
from imagine_kernels.records import Medium, MediumKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imagine_kernels.media.pictures import Picture
    from imagine_kernels.media.pyramids import Pyramids
    from imagine_kernels.media.recordings import Recording
    from imagine_kernels.media.spectrograms import Spectrogram
    from imagine_kernels.media.videos import Video

    View = Picture | Video | Spectrogram

_PICTURES = (".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".bmp")
_VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ts", ".mts", ".m2ts", ".ogv", ".flv", ".3gp"),
)
_SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".w64", ".rf64", ".caf")
#: How the names of the files end that can be looked at, and what they are.
KINDS: dict[str, MediumKind] = {
    **dict.fromkeys(_PICTURES, "picture"),
    **dict.fromkeys(_VIDEOS, "video"),
    **dict.fromkeys(_SOUNDS, "sound"),
}
#: How many media stay open.
_OPEN = 4


def kind_of(name: str) -> MediumKind | None:
    """What a file of that name is; None where it is none of the three."""
    return KINDS.get(PurePosixPath(name).suffix.lower())


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """To sort names as people do: frame 10 comes after frame 9."""
    parts = re.split(r"(\d+)", name.lower())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def described(path: Path, name: str) -> Medium:
    """The medium of that name as the header of its file says; nothing of it is decoded.

    Raises
    ------
    DataError
        It is no picture, video or recording that can be read.
    """
    kind = kind_of(path.name)
    if kind == "picture":
        from imagine_kernels.media.rasters import Raster

        raster = Raster(path)
        raster.close()
        return Medium(name=name, kind=kind, width=raster.width, height=raster.height)
    if kind == "video":
        from imagine_kernels.media.videos import Video

        video = Video(path)
        video.close()
        return Medium(
            name=name,
            kind=kind,
            width=video.width,
            height=video.height,
            duration_s=video.duration_s or None,
            frame_rate_hz=video.frame_rate_hz,
        )
    if kind == "sound":
        from imagine_kernels.media.recordings import Recording

        recording = Recording(path)
        recording.close()
        return Medium(name=name, kind=kind, duration_s=recording.duration_s, sample_rate_hz=float(recording.sample_rate_hz))
    raise DataError(f"{path.name} is no picture, video or recording that is known here: leave it out.")


@dataclass
class _Held:
    view: View
    users: int = 0
    #: No longer among those that are kept: who uses it last closes it.
    gone: bool = False


class Viewing:
    """The media that are looked at; the few that were used last stay open.

    Parameters
    ----------
    pyramids : Pyramids
    ready : callable ``(path)``, optional
        Called when tiles of that file can be had better than those that were given before.
    """

    def __init__(self, pyramids: Pyramids, ready: Callable[[Path], None] = lambda _: None) -> None:
        self._pyramids, self._ready = pyramids, ready
        self._held: OrderedDict[tuple[Path, float | None], _Held] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    @contextmanager
    def using(self, path: Path, attributes: Mapping[str, Any] | None = None) -> Iterator[View]:
        """A file, open as what it is; it stays open while this is in use.

        Raises
        ------
        DataError
            It is none of the three, or damaged.
        """
        from imagine_kernels.media.spectrograms import calibrated

        key = (path, calibrated(attributes or {}) if kind_of(path.name) == "sound" else None)
        held = self._take(key)
        try:
            yield held.view
        finally:
            with self._lock:
                held.users -= 1
                close = held.gone and not held.users
            if close:
                held.view.close()

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            for held in self._held.values():
                held.gone = True
            idle = [held for held in self._held.values() if not held.users]
            self._held.clear()
        for held in idle:
            held.view.close()

    def _take(self, key: tuple[Path, float | None]) -> _Held:
        found = self._found(key)
        if found is not None:
            return found
        # One at a time: several tiles of one picture are asked for at once.
        with self._opening:
            found = self._found(key)
            if found is not None:
                return found
            opened = _Held(self._opened(*key), users=1)
            with self._lock:
                self._held[key] = opened
                old = [self._held.popitem(last=False)[1] for _ in range(len(self._held) - _OPEN)]
                for each in old:
                    each.gone = True
                idle = [each for each in old if not each.users]
        for each in idle:
            each.view.close()
        return opened

    def _found(self, key: tuple[Path, float | None]) -> _Held | None:
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                held.users += 1
                self._held.move_to_end(key)
            return held

    def _opened(self, path: Path, sensitivity_db: float | None) -> View:
        kind = kind_of(path.name)
        if kind == "picture":
            from imagine_kernels.media.pictures import Picture

            return Picture(path, self._pyramids, lambda: self._ready(path))
        if kind == "video":
            from imagine_kernels.media.videos import Video

            return Video(path)
        if kind == "sound":
            from imagine_kernels.media.recordings import Recording
            from imagine_kernels.media.spectrograms import Spectrogram

            recording: Recording = Recording(path)
            return Spectrogram(recording, self._pyramids, sensitivity_db, lambda: self._ready(path))
        raise DataError(f"{path.name} is no picture, video or recording that is known here: leave it out.")
