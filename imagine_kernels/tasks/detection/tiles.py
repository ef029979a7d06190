"""The labelled pictures of a sample as tiles with boxes, to learn from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import Cancelled, DataError, LabelError
from imagine_kernels.inference.detector import Shrunk, padded_tile
from imagine_kernels.measures.slicing import slices
from imagine_kernels.media.objects import problem_of
from imagine_kernels.media.sources import Source, sources
from imagine_kernels.records import OUTLINE, Problem, Progress, Sample
from imagine_kernels.records.outlines import outline_of
from imagine_kernels.tasks.detection import Detection

#: In place of a class: a row that holds no box, and a box of which too little is seen to say whether it is a thing.
NO_BOX, IGNORED_BOX = -1, -2
#: A box of which less than this share lies in a tile is ignored there.
LEAST_SEEN = 0.4
#: Side of the small pictures that are compared with each other, px.
LOOK = 128


@dataclass(frozen=True)
class Boxes:
    """The things on one picture: sides (m, 4) in px, and class indices (m,), from 1."""

    sides: NDArray[np.float64]
    classes: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class BoxTiles:
    """Labelled tiles in memory.

    Attributes
    ----------
    pixels : (n, c, s, s) ndarray of uint8
    target : (n, m, 5) ndarray of float32
        Per box the class, from 0 without the background, or `NO_BOX` or `IGNORED_BOX`; then its sides in px of the tile.
    picture : (n,) ndarray of int
        The row of the labelled pictures that each is of.
    """

    pixels: NDArray[np.uint8]
    target: NDArray[np.float32]
    picture: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.picture)

    def where(self, rows: NDArray[Any]) -> BoxTiles:
        """Some of them, by mask or position."""
        return BoxTiles(pixels=self.pixels[rows], target=self.target[rows], picture=self.picture[rows])


@dataclass(frozen=True, kw_only=True)
class LabelledBoxes:
    """What a task learns from.

    Attributes
    ----------
    sample : Sample
        Its `media` are the pictures that could be read and are labelled.
    classes : tuple of str
        The background first, then the labels, sorted.
    tiles : BoxTiles
    boxes : tuple of Boxes
        Of each picture.
    looks : (p, c, `LOOK`, `LOOK`) ndarray of uint8
        Each picture, small.
    problems : tuple of Problem
        What could not be read.
    sha256 : str
        Of all tiles with their targets.
    """

    sample: Sample
    classes: tuple[str, ...]
    tiles: BoxTiles
    boxes: tuple[Boxes, ...]
    looks: NDArray[np.uint8]
    problems: tuple[Problem, ...]
    sha256: str


def boxes_on(sample: Sample, classes: tuple[str, ...]) -> tuple[dict[str, Boxes], list[Problem]]:
    """The boxes around the outlines on each picture; those whose label is the background or not in `classes` are left out.

    Outlines that cannot be read become problems.
    """
    # Nothing is no thing, even where somebody has outlined it.
    index = {name: i for i, name in enumerate(classes) if i}
    problems: list[Problem] = []
    found: dict[str, list[tuple[tuple[float, ...], int]]] = {}
    if OUTLINE in sample.objects:
        rows = zip(*(sample.objects[name].tolist() for name in ("object_id", "file", "label", OUTLINE)), strict=True)
        for object_id, file, label, text in rows:
            if label not in index:
                continue
            try:
                found.setdefault(str(file), []).append((outline_of(str(text)).bounds, index[label]))
            except DataError as error:
                problems.append(problem_of(str(object_id), error))
    made = {
        file: Boxes(np.array([sides for sides, _ in each], dtype=np.float64), np.array([i for _, i in each], dtype=np.int64))
        for file, each in found.items()
    }
    return made, problems


#: Of a picture with nothing on it.
NOTHING = Boxes(np.zeros((0, 4)), np.zeros(0, dtype=np.int64))


def read_box_tiles(
    sample: Sample,
    task: Detection,
    *,
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> LabelledBoxes:
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
        raise LabelError(f"No picture of {sample.name} is labelled: give pictures with boxes or outlines.")
    labels = sorted(set(sample.objects["label"]) - {"", task.background})
    if not labels:
        raise LabelError(f"Nothing is marked on the pictures of {sample.name}: training needs things of one class at least.")
    classes = (task.background, *labels)
    marked, problems = boxes_on(sample, classes)
    chosen = media[media["labelled"]].reset_index(drop=True)
    parts: list[tuple[int, NDArray[np.uint8], NDArray[np.float32]]] = []
    looks: list[NDArray[np.uint8]] = []
    good = np.zeros(len(chosen), dtype=bool)
    with sources(sample) as opened:
        for k, file in enumerate(chosen["file"].tolist()):
            if cancel is not None and cancel.is_set():
                raise Cancelled("Stopped on request; no model was written.")
            if progress is not None:
                progress(k, len(chosen), "reading pictures")
            try:
                with opened(file) as source:
                    parts += [(k, *each) for each in _tiles_of(source, marked.get(file, NOTHING), task)]
                    looks.append(_look(source, task.channels))
                good[k] = True
            except DataError as error:
                problems.append(problem_of(file, error))
    if not good.any():
        raise LabelError(f"Not one labelled picture of {sample.name} can be read ({problems[0]}).")
    kept = _drawn(parts, task.most_tiles, seed)
    number = np.cumsum(good) - 1
    tiles = BoxTiles(
        pixels=np.stack([pixels for _, pixels, _ in kept]),
        target=_joined([target for _, _, target in kept]),
        picture=np.array([number[k] for k, _, _ in kept], dtype=np.int64),
    )
    files = chosen["file"][good].tolist()
    inside = sample.objects["file"].isin(files) & sample.objects["label"].isin(labels)
    return LabelledBoxes(
        sample=replace(sample, objects=sample.objects[inside].reset_index(drop=True), media=chosen[good].reset_index(drop=True)),
        classes=classes,
        tiles=tiles,
        boxes=tuple(marked.get(file, NOTHING) for file in files),
        looks=np.stack(looks),
        problems=tuple(problems),
        sha256=_hash(tiles),
    )


def _tiles_of(source: Source, marked: Boxes, task: Detection) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """The tiles of one picture with the boxes (m, 5) on each."""
    view = Shrunk(source, task.longest)
    sides = marked.sides * np.array([view.width / source.width, view.height / source.height] * 2)
    for part in slices(view.width, view.height, task.tile, task.overlap):
        clipped = np.clip(sides - np.array([part.x, part.y] * 2), 0, [part.width, part.height] * 2)
        area = np.prod(sides[:, 2:] - sides[:, :2], axis=1)
        seen = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1) / np.maximum(area, 1e-9)
        kind = np.where(seen >= LEAST_SEEN, marked.classes - 1, IGNORED_BOX)
        target = np.column_stack([kind, clipped])[seen > 0].astype(np.float32)
        yield padded_tile(view, part.x, part.y, task.tile, task.channels), target


def _look(source: Source, channels: int) -> NDArray[np.uint8]:
    """The whole picture, small and square enough to be compared."""
    import cv2

    view = Shrunk(source, LOOK)
    tile = padded_tile(view, 0, 0, LOOK, channels)[:, : view.height, : view.width]
    planes = [cv2.resize(np.ascontiguousarray(plane), (LOOK, LOOK), interpolation=cv2.INTER_LINEAR) for plane in tile]
    return np.stack(planes).astype(np.uint8)


def _joined(targets: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Boxes of n tiles (n, m, 5), with rows of `NO_BOX` where a tile has fewer than another."""
    most = max(1, *(len(each) for each in targets))
    joined = np.zeros((len(targets), most, 5), dtype=np.float32)
    joined[:, :, 0] = NO_BOX
    for row, each in zip(joined, targets, strict=True):
        row[: len(each)] = each
    return joined


def _drawn(parts: list[tuple[int, Any, Any]], most: int, seed: int) -> list[tuple[int, Any, Any]]:
    if len(parts) <= most:
        return parts
    full = np.array([bool((target[:, 0] >= 0).any()) for _, _, target in parts])
    order = np.random.default_rng(seed).permutation(len(parts))
    first = order[np.argsort(~full[order], kind="stable")][:most]
    return [parts[i] for i in sorted(first.tolist())]


def _hash(tiles: BoxTiles) -> str:
    rows = sorted(
        hashlib.sha256(pixels.tobytes() + target[target[:, 0] != NO_BOX].tobytes()).digest()
        for pixels, target in zip(tiles.pixels, tiles.target, strict=True)
    )
    return hashlib.sha256(b"".join(rows)).hexdigest()
