"""The labelled pictures of a sample as tiles to learn from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import Cancelled, DataError, LabelError
from imagine_kernels.inference.segmenter import places, read_tile
from imagine_kernels.measures.mask_accuracy import IGNORED
from imagine_kernels.media.objects import problem_of
from imagine_kernels.media.regions import filled
from imagine_kernels.media.sources import Source, sources
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import OUTLINE, Problem, Progress, Sample
from imagine_kernels.records.outlines import outline_of
from imagine_kernels.tasks.segmentation import Segmentation

#: Outlines with their class, on one picture.
Marked = list[tuple[Any, int]]


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Labelled tiles in memory.

    Attributes
    ----------
    pixels : (n, c, s, s) ndarray of uint8
    target : (n, s, s) ndarray of uint8
        Class indices; `IGNORED` beyond the edge of a small picture.
    picture : (n,) ndarray of int
        The row of `Labelled.media` that each is of.
    """

    pixels: NDArray[np.uint8]
    target: NDArray[np.uint8]
    picture: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.picture)

    def where(self, rows: NDArray[Any]) -> Tiles:
        """Some of them, by mask or position."""
        return Tiles(pixels=self.pixels[rows], target=self.target[rows], picture=self.picture[rows])


@dataclass(frozen=True, kw_only=True)
class LabelledTiles:
    """What a task learns from.

    Attributes
    ----------
    sample : Sample
        Its `media` are the pictures that could be read and are labelled.
    classes : tuple of str
        The background first, then the labels, sorted.
    tiles : Tiles
    problems : tuple of Problem
        The pictures that could not be read.
    sha256 : str
        Of all tiles with their targets.
    """

    sample: Sample
    classes: tuple[str, ...]
    tiles: Tiles
    problems: tuple[Problem, ...]
    sha256: str


def marked_on(sample: Sample, classes: tuple[str, ...]) -> dict[str, Marked]:
    """The outlines on each picture with the index of their class; those with a label that is not in `classes` are left out."""
    index = {name: i for i, name in enumerate(classes)}
    found: dict[str, Marked] = {}
    if OUTLINE not in sample.objects:
        return found
    rows = zip(*(sample.objects[name].tolist() for name in ("file", "label", OUTLINE)), strict=True)
    for file, label, text in rows:
        if label in index:
            found.setdefault(str(file), []).append((outline_of(str(text)), index[label]))
    return found


def read_tiles(
    sample: Sample,
    task: Segmentation,
    *,
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> LabelledTiles:
    """Read the labelled pictures tile by tile; those that cannot be read become problems.

    Where there are more than ``task.most_tiles``, those with marked things come first, and the rest is drawn.

    Raises
    ------
    LabelError
        No picture is labelled, or nothing is marked on any of them.
    Cancelled
        `cancel` was set.
    """
    media = sample.media
    if media is None or not media["labelled"].any():
        raise LabelError(f"No picture of {sample.name} is labelled: give pictures with masks or outlines.")
    labels = sorted(set(sample.objects["label"]) - {"", task.background})
    if not labels:
        raise LabelError(f"Nothing is marked on the pictures of {sample.name}: training needs things of one class at least.")
    classes = (task.background, *labels)
    marked = marked_on(sample, classes)
    chosen = media[media["labelled"]].reset_index(drop=True)
    parts: list[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]] = []
    good = np.zeros(len(chosen), dtype=bool)
    problems: list[Problem] = []
    with sources(sample) as opened:
        for k, file in enumerate(chosen["file"].tolist()):
            if cancel is not None and cancel.is_set():
                raise Cancelled("Stopped on request; no model was written.")
            if progress is not None:
                progress(k, len(chosen), "reading pictures")
            try:
                with opened(file) as source:
                    parts += [(k, *each) for each in _tiles_of(source, marked.get(file, []), task)]
                good[k] = True
            except DataError as error:
                problems.append(problem_of(file, error))
    if not good.any():
        raise LabelError(f"Not one labelled picture of {sample.name} can be read ({problems[0]}).")
    kept = _drawn(parts, task.most_tiles, seed)
    number = np.cumsum(good) - 1
    tiles = Tiles(
        pixels=np.stack([pixels for _, pixels, _ in kept]),
        target=np.stack([target for _, _, target in kept]),
        picture=np.array([number[k] for k, _, _ in kept], dtype=np.int64),
    )
    files = set(chosen["file"][good])
    objects = sample.objects[sample.objects["file"].isin(files) & sample.objects["label"].isin(labels)].reset_index(drop=True)
    return LabelledTiles(
        sample=replace(sample, objects=objects, media=chosen[good].reset_index(drop=True)),
        classes=classes,
        tiles=tiles,
        problems=tuple(problems),
        sha256=_hash(tiles),
    )


def _tiles_of(source: Source, marked: Marked, task: Segmentation) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The tiles of one picture side by side, and their targets."""
    size = task.tile
    for top in places(source.height, size, 0):
        for left in places(source.width, size, 0):
            box = Box(left, top, min(size, source.width - left), min(size, source.height - top))
            target = np.full((size, size), IGNORED, dtype=np.uint8)
            target[: box.height, : box.width] = filled(marked, box)
            yield read_tile(source, left, top, size, task.channels), target


def _drawn(parts: list[tuple[int, Any, Any]], most: int, seed: int) -> list[tuple[int, Any, Any]]:
    if len(parts) <= most:
        return parts
    full = np.array([bool(((target > 0) & (target != IGNORED)).any()) for _, _, target in parts])
    order = np.random.default_rng(seed).permutation(len(parts))
    first = order[np.argsort(~full[order], kind="stable")][:most]
    return [parts[i] for i in sorted(first.tolist())]


def _hash(tiles: Tiles) -> str:
    rows = sorted(
        hashlib.sha256(pixels.tobytes() + target.tobytes()).digest()
        for pixels, target in zip(tiles.pixels, tiles.target, strict=True)
    )
    return hashlib.sha256(b"".join(rows)).hexdigest()
