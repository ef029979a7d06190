"""The pictures, frames and sounds of a project, as the page asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels import settings
from imagine_kernels.errors import DataError
from imagine_kernels.media.viewing import Viewing
from imagine_kernels.widgets.part import Reply

if TYPE_CHECKING:
    from imagine_kernels.media.tiles import TileCache
    from imagine_kernels.records import Medium

#: How long the frames of a video are counted before the page gets the number that the file says, s.
_COUNTING_S = 1.0


def unseen(medium: Medium) -> dict[str, Any]:
    """What the page is told of a medium whose file is not here: what the project knows, so that its marks can be listed."""
    size = {"width": medium.width or 1, "height": medium.height or 1}
    if medium.kind == "video":
        rate, duration = medium.frame_rate_hz or 1.0, medium.duration_s or 0.0
        frames = max(1, round(rate * duration))
        return {"kind": "video", **size, "frame_rate_hz": rate, "n_frames": frames, "duration_s": duration}
    tiled = {**size, "tile": 1, "levels": 1, "type": ""}
    if medium.kind == "picture":
        return {"kind": "picture", **tiled, "bits": 8, "colour": True}
    return {
        "kind": "sound",
        **tiled,
        "duration_s": medium.duration_s or 0.0,
        "sample_rate_hz": medium.sample_rate_hz or 0.0,
        "second_per_px": medium.duration_s or 1.0,
        "hertz_per_px": 1.0,
        "range": [0.0, 1.0],
        "unit": "",
        "channels": 1,
        "flat_levels": 1,
    }


class Looking:
    """Answers what has to do with the content of files.

    Parameters
    ----------
    ready : callable ``(path)``
        Called when tiles of a file can be had better than those that were given.
    """

    def __init__(self, ready: Callable[[Path], None]) -> None:
        from imagine_kernels.media.pyramids import Pyramids
        from imagine_kernels.media.tiles import TileCache

        self._viewing = Viewing(Pyramids(settings.home() / "pyramids"), ready)
        self._tiles: TileCache = TileCache()

    def close(self) -> None:
        """Let go of all files."""
        self._viewing.close()

    def view(self, path: Path, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """How the page is to show a file.

        Raises
        ------
        DataError
            It is damaged, or nothing that can be shown.
        """
        from imagine_kernels.media.pictures import Picture
        from imagine_kernels.media.tiles import TILE, TYPE
        from imagine_kernels.media.videos import Video

        with self._viewing.using(path, attributes) as view:
            if isinstance(view, Video):
                view.count(wait_s=_COUNTING_S)
                return {
                    "kind": "video",
                    "width": view.width,
                    "height": view.height,
                    "frame_rate_hz": view.frame_rate_hz,
                    "n_frames": view.n_frames,
                    "duration_s": view.duration_s,
                }
            grid = view.grid
            tiled = {"width": grid.width, "height": grid.height, "tile": TILE, "levels": grid.levels, "type": TYPE}
            if isinstance(view, Picture):
                return {"kind": "picture", **tiled, "bits": view.bits, "colour": view.raster.colour}
            return {
                "kind": "sound",
                **tiled,
                "duration_s": view.recording.duration_s,
                "sample_rate_hz": view.recording.sample_rate_hz,
                "second_per_px": view.second_per_px,
                "hertz_per_px": view.hertz_per_px,
                "range": list(view.range),
                "unit": view.unit,
                "channels": view.recording.channels,
                "flat_levels": view.flat.levels,
            }

    def tile(self, path: Path, attributes: Mapping[str, Any], given: Mapping[str, Any]) -> Reply:
        """A tile; with ``flat`` of a spectrogram that holds all frequencies at every level."""
        from imagine_kernels.media.pictures import Picture
        from imagine_kernels.media.spectrograms import Spectrogram
        from imagine_kernels.media.tiles import TYPE, encode

        level, x, y = (int(given[name]) for name in ("level", "x", "y"))
        low, high = (float(each) for each in given.get("window") or (0.0, 1.0))
        flat, final = bool(given.get("flat")), True

        def make() -> tuple[bytes, bool]:
            nonlocal final
            with self._viewing.using(path, attributes) as view:
                if isinstance(view, Picture):
                    picture, final = view.tile(level, x, y, (low, high))
                elif isinstance(view, Spectrogram):
                    picture, final = view.tile(level, x, y, (low, high), flat=flat)
                else:
                    raise DataError(f"{path.name} is a video: ask for its frames.")
            return encode(picture), final

        key = (path, str(attributes.get("sensitivity_db")), level, x, y, low, high, flat)
        data = self._tiles.get(key, make)
        return Reply({"type": TYPE, "final": final}, [data])

    def levels(self, path: Path, attributes: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, float]:
        """Percentiles of the values, in parts of the full range; `low` and `high` from 0 to 100, or from 0 to 1."""
        from imagine_kernels.media.videos import Video

        low, high = float(given["low"]), float(given["high"])
        if high <= 1:
            low, high = 100 * low, 100 * high
        given_box = given.get("box")
        box = None
        if given_box:
            x0, y0, x1, y1 = (float(each) for each in given_box)
            box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        with self._viewing.using(path, attributes) as view:
            if isinstance(view, Video):
                raise DataError(f"{path.name} is a video, whose frames are shown as they are.")
            found = view.percentiles(low, high, box)
        return {"low": found[0], "high": found[1]}

    def frames(self, path: Path, given: Mapping[str, Any]) -> Reply:
        """Some frames in a row."""
        from imagine_kernels.media.tiles import TYPE
        from imagine_kernels.media.videos import Video

        first, n, side = (int(given[name]) for name in ("first", "n", "side"))
        with self._viewing.using(path) as view:
            if not isinstance(view, Video):
                raise DataError(f"{path.name} is no video: ask for its tiles.")
            times, frames = view.frames(first, n, side)
            return Reply({"first": first, "times": times, "n_frames": view.n_frames, "type": TYPE}, frames)

    def sound(self, path: Path, attributes: Mapping[str, Any], given: Mapping[str, Any]) -> Reply:
        """A piece to listen to."""
        with self._recording(path, attributes) as view:
            band = given.get("band")
            between = (float(band[0]), float(band[1])) if band else None
            data = view.recording.piece(float(given["from_s"]), float(given["to_s"]), between)
        return Reply({"type": "audio/wav"}, [data])

    @contextmanager
    def _recording(self, path: Path, attributes: Mapping[str, Any]) -> Iterator[Any]:
        from imagine_kernels.media.spectrograms import Spectrogram

        with self._viewing.using(path, attributes) as view:
            if not isinstance(view, Spectrogram):
                raise DataError(f"{path.name} is no recording: it has no sound to listen to.")
            yield view
