"""Pictures in which things are looked for, read a part at a time: photographs, frames, radar scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import Sample


class Source(Protocol):
    """One picture, open.

    Attributes
    ----------
    width, height : int
        In px.
    channels : int
        1 for grey, 3 for red, green and blue.
    """

    width: int
    height: int
    channels: int

    def read(self, box: Box) -> NDArray[np.uint8]:
        """A part that lies within the picture, as people and models see it: (H, W) or (H, W, 3) uint8; raises `ImageError`."""
        ...


#: Opens a picture of a sample by its file; raises `ImageError` where it cannot be read.
Sources = Callable[[str], AbstractContextManager[Source]]
#: What opens a picture, by `Sample.cut_from`: called with the files, the name of the picture and the settings, for a ``with``.
OPENERS = {
    "photograph": ("imagine_kernels.media.sources", "photograph"),
    "radar scene": ("imagine_kernels.media.sar_views", "radar_view"),
}
#: Rim that is shown around a thing: this share of its longer side, and so many px at least.
_RIM, _LEAST_RIM = 0.25, 8


class Held:
    """A picture in memory.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3) ndarray of uint8
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        self.channels = 1 if pixels.ndim == 2 else int(pixels.shape[2])

    def read(self, box: Box) -> NDArray[np.uint8]:
        """A part of it, (H, W) or (H, W, 3) uint8."""
        return self.pixels[box.y : box.y + box.height, box.x : box.x + box.width]


@contextmanager
def photograph(files: Files, name: str, settings: Mapping[str, Any]) -> Iterator[Source]:
    """A picture of a camera, decoded whole, in colour."""
    from imagine_kernels.media.decoding import decode

    yield Held(decode(files.read(name), name=name, colour=True))


@contextmanager
def sources(sample: Sample) -> Iterator[Sources]:
    """What opens the pictures of a sample."""
    opener = _opener(sample.cut_from)
    with Files(sample.source) as files:
        yield lambda name: opener(files, name, sample.settings)


def _opener(kind: str) -> Callable[[Files, str, Mapping[str, Any]], AbstractContextManager[Source]]:
    module, name = OPENERS[kind]
    found: Callable[[Files, str, Mapping[str, Any]], AbstractContextManager[Source]] = getattr(import_module(module), name)
    return found


class ThingCutter:
    """Cuts things out of a picture with a rim around them; see `imagine_kernels.media.objects.Cutter`.

    Parameters
    ----------
    kind : str
        One of `OPENERS`.
    files : Files
    name : str
        Of the picture.
    settings : mapping
    """

    def __init__(self, kind: str, files: Files, name: str, settings: Mapping[str, Any]) -> None:
        self._name = name
        self._opened = _opener(kind)(files, name, settings)
        self._source = self._opened.__enter__()

    def crop(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The picture of a thing as it is, (H, W) or (H, W, 3) uint8.

        Raises
        ------
        ImageError
            It lies outside of the picture.
        """
        x, y, width, height = (float(row[f"object_{name}"]) for name in ("bx", "by", "width", "height"))
        rim = max(_LEAST_RIM, _RIM * max(width, height))
        left, top = max(0, int(x - rim)), max(0, int(y - rim))
        right, bottom = (
            min(self._source.width, int(np.ceil(x + width + rim))),
            min(self._source.height, int(np.ceil(y + height + rim))),
        )
        if right <= left or bottom <= top:
            raise ImageError(f"{row['object_id']} lies outside of {self._name}: look for things anew.")
        return self._source.read(Box(left, top, right - left, bottom - top))

    def cut(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The same grey (H, W) uint8."""
        import cv2

        found = self.crop(row)
        return found if found.ndim == 2 else np.asarray(cv2.cvtColor(found, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
