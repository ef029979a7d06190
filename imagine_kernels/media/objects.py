"""The pictures of the objects of a sample: files of their own, or parts of a scan, a collage or a micrograph."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.sources import OPENERS, ThingCutter
from imagine_kernels.media.vignettes import SCALE_BAR_PX, load
from imagine_kernels.records import Problem, Progress, Sample


class Cutter(Protocol):
    """Cuts objects out of one picture; called from several threads at once.

    A cutter whose pictures may be in colour has ``crop`` besides, which gives them as they are, (H, W) or (H, W, 3) uint8: that is what people
    and other programs get, while a model sees what ``cut`` gives.
    """

    def cut(self, row: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The picture of the object with these columns of `Sample.objects`, (H, W) uint8, dark on light; raises `ImageError`."""
        ...


#: What cuts objects out of a picture, by `Sample.cut_from`, where `imagine_kernels.media.sources.ThingCutter` does not; called with the files,
#: the name of the picture, and the settings.
CUTTERS = {
    "scan": ("imagine_kernels.media.scan_parts", "PartCutter"),
    "collage": ("imagine_kernels.media.collages", "CollageCutter"),
    "micrograph": ("imagine_kernels.media.micrographs", "ValveCutter"),
}
#: Pictures that are kept open while objects are cut out of them.
_KEPT = 4
_LOOK_AHEAD = 8


class Pictures:
    """The pictures of the objects of a sample, by row; to be used in a ``with``.

    Parameters
    ----------
    sample : Sample
    scale_bar_px : int, optional
        Height of the strip with the scale bar that is cropped from files of one object; 0 keeps everything; the setting of the sample
        without it.

    Raises
    ------
    DataNotFound, FormatError, UnsafeArchive
        The source is not there any more, or cannot be read.
    """

    def __init__(self, sample: Sample, *, scale_bar_px: int | None = None) -> None:
        given = sample.settings.get("scale_bar_px") if scale_bar_px is None else scale_bar_px
        self._scale_bar_px = SCALE_BAR_PX if given is None else int(given)
        self._sample = sample
        self._columns: dict[str, NDArray[Any]] = {str(name): sample.objects[name].to_numpy() for name in sample.objects}
        self._names: list[str] = sample.objects["file"].tolist()
        self._files = Files(sample.source)
        self._open: OrderedDict[str, Cutter | ImageError] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.clear()
        self._files.close()

    def name(self, row: int) -> str:
        """The file of an object, and which object of the file it is where there are several."""
        name = self._names[row]
        return f"{name}, {self._columns['object_id'][row]}" if self._sample.cut_from else name

    def load(self, row: int) -> NDArray[np.uint8]:
        """The picture of one object, grey, without scale bar.

        Returns
        -------
        (H, W) uint8 ndarray

        Raises
        ------
        ImageError
            There is no such file, it may not be read, it is no picture that can be decoded, or the object lies outside of it.
        """
        if not self._sample.cut_from:
            return load(self._files, self._names[row], scale_bar_px=self._scale_bar_px)
        return self._cutter(self._names[row]).cut(_Row(self._columns, row))

    def data(self, row: int) -> bytes:
        """The picture of one object as a file: as it lies there, or cut out, as PNG, in colour where it is.

        Raises
        ------
        DataError
            As `load`.
        """
        if not self._sample.cut_from:
            return self._files.read(self._names[row])
        cutter = self._cutter(self._names[row])
        return as_png(getattr(cutter, "crop", cutter.cut)(_Row(self._columns, row)))

    def many(
        self, rows: Sequence[int] | None = None, *, workers: int | None = None
    ) -> Generator[tuple[int, NDArray[np.uint8] | ImageError], None, None]:
        """Many pictures, decoded in parallel, in order; a few are decoded ahead of the one that is asked for.

        Parameters
        ----------
        rows : sequence of int, optional
            All objects without it.
        workers : int, optional
            Threads; default is one per processor.

        Yields
        ------
        row : int
        picture : (H, W) uint8 ndarray or ImageError
            The error of a picture that cannot be had; the others go on.
        """
        wanted = range(len(self._names)) if rows is None else rows
        count = workers or min(_processors(), 16)

        def one(row: int) -> NDArray[np.uint8] | ImageError:
            try:
                return self.load(row)
            except ImageError as error:
                return error

        pool = ThreadPoolExecutor(count, thread_name_prefix="decode")
        try:
            waiting: deque[tuple[int, Future[Any]]] = deque()
            for row in wanted:
                waiting.append((row, pool.submit(one, row)))
                if len(waiting) > count * _LOOK_AHEAD:
                    first, found = waiting.popleft()
                    yield first, found.result()
            while waiting:
                first, found = waiting.popleft()
                yield first, found.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _cutter(self, name: str) -> Cutter:
        # Held while a picture is opened: whoever waits would open the same one.
        with self._lock:
            found = self._open.get(name)
            if found is None:
                found = self._open[name] = self._opened(name)
                while len(self._open) > _KEPT:
                    self._open.popitem(last=False)
            self._open.move_to_end(name)
        if isinstance(found, ImageError):
            raise found
        return found

    def _opened(self, name: str) -> Cutter | ImageError:
        given = (self._files, name, self._sample.settings)
        try:
            if self._sample.cut_from in OPENERS:
                return ThingCutter(self._sample.cut_from, *given)
            module, kind = CUTTERS[self._sample.cut_from]
            cutter: Cutter = getattr(import_module(module), kind)(*given)
        except DataError as error:
            # That of the whole picture is the error of every object in it.
            return ImageError(str(error))
        return cutter


class _Row(Mapping[str, Any]):
    """One row of columns, looked up as it is asked for."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], row: int) -> None:
        self._columns, self._row = columns, row

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self._row]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """A picture (H, W), or (H, W, 3) in RGB, as a PNG file."""
    import cv2

    return bytes(cv2.imencode(".png", picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1])


@contextmanager
def as_files(sample: Sample) -> Iterator[Callable[[int], bytes]]:
    """A function that gives the picture of the object in a row as a file, for writers of formats that carry pictures."""
    with Pictures(sample) as pictures:
        yield pictures.data


def check_pictures(sample: Sample, progress: Progress | None = None) -> list[Problem]:
    """Decode every picture of a sample and say which ones cannot be used.

    Parameters
    ----------
    sample : Sample
    progress : callable, optional
        ``progress(done, total, what)``.

    Returns
    -------
    list of Problem
    """
    rows = np.flatnonzero(sample.objects["file"].to_numpy() != "").tolist()
    problems = []
    with Pictures(sample) as pictures:
        for done, (row, picture) in enumerate(pictures.many(rows), start=1):
            if isinstance(picture, ImageError):
                problems.append(problem_of(pictures.name(row), picture))
            if progress is not None:
                progress(done, len(rows), "pictures checked")
    return problems


def problem_of(name: str, error: DataError) -> Problem:
    """The row of ``problems.csv`` for a picture that cannot be read."""
    what, _, remedy = str(error).rstrip(".").removeprefix(f"{name} ").partition(": ")
    return Problem(item=name, what=what, remedy=remedy)


def _processors() -> int:
    # What this process may use, which in a container is less than what the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
