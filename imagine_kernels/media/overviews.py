"""Whole pictures in which things are looked for, made small enough to look at; read band by band, so that their size does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound
from imagine_kernels.media.objects import problem_of
from imagine_kernels.media.sources import Source, sources
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import Problem, Sample

#: Pixels of a picture that are held at once.
_AT_ONCE = 16_000_000


@dataclass(frozen=True, eq=False)
class Overview:
    """A picture of a sample, made smaller.

    Attributes
    ----------
    file : str
        The picture, as in ``sample.media``.
    pixels : (H, W) or (H, W, 3) ndarray of uint8
    factor : float
        Px of the overview per px of the picture; 1 at most.
    """

    file: str
    pixels: NDArray[np.uint8]
    factor: float


def overviews(sample: Sample, files: Sequence[str] | None = None, *, side: int = 800) -> Iterator[Overview | Problem]:
    """The pictures of a sample as people and models see them, each the mean over squares of its pixels.

    Parameters
    ----------
    sample : Sample
        With `media`.
    files : sequence of str, optional
        All of its pictures without it.
    side : int
        Px of the longer side at most.

    Yields
    ------
    Overview, or Problem
        In the order of `files`; what is wrong with a picture that cannot be read.

    Raises
    ------
    DataNotFound
        The sample has no pictures in which things are looked for, or its source is not there any more.
    """
    if sample.media is None:
        raise DataNotFound(f"{sample.name} has a picture of each object and none to look over: show those with a gallery.")
    wanted = sample.media["file"].tolist() if files is None else list(files)
    with sources(sample) as opened:
        for file in wanted:
            try:
                with opened(file) as source:
                    found: Overview | Problem = _overview(str(file), source, side)
            except DataError as error:
                found = problem_of(str(file), error)
            yield found


def _overview(file: str, source: Source, side: int) -> Overview:
    step = max(1, -(-max(source.width, source.height) // side))
    rows = max(1, _AT_ONCE // source.width // step) * step
    bands = [
        _mean(source.read(Box(0, top, source.width, min(rows, source.height - top))), step)
        for top in range(0, source.height, rows)
    ]
    return Overview(file, np.concatenate(bands), 1 / step)


def _mean(band: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """The mean over squares; those at the edge may be cut off and are the mean of what there is."""
    if step == 1:
        return band
    found: NDArray[Any] = band
    for axis in (0, 1):
        starts = np.arange(0, band.shape[axis], step)
        n = np.diff(np.append(starts, band.shape[axis])).reshape([-1 if k == axis else 1 for k in range(band.ndim)])
        found = np.add.reduceat(found, starts, axis=axis, dtype=np.float32) / n
    return np.asarray(np.rint(found), dtype=np.uint8)
