"""Pictures of any size to boxes: tiles with overlap, the best box of each thing, and what several tiles show of one thing put together.

Memory is bounded by the tiles of a batch and the boxes that are kept of each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import BundleError, Cancelled, SettingError
from imagine_kernels.inference.box_merging import merged
from imagine_kernels.inference.sessions import Chunk, Session, TorchSession, cpu_session
from imagine_kernels.measures.slicing import Slice, non_maximum_suppression, slices
from imagine_kernels.media.sources import Source
from imagine_kernels.media.tiles import Box
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.models.detector import OUTPUTS, decoded, points

#: Tiles per request: their activations are large.
BATCH = 4
#: What a picture has beyond its edges; the backbone takes it for nothing.
OUTSIDE = 127
#: Boxes below this score are not looked at, and of a tile at most so many are.
LEAST_SCORE, MOST_PER_TILE, _CANDIDATES = 0.02, 100, 400
#: Boxes of one tile that share more than this are one thing.
SAME = 0.55

Told = Callable[[int, int], None]


class Shrunk:
    """A picture made smaller, read a part at a time.

    Parameters
    ----------
    source : Source
    longest : int or None
        Its longer side is made this, px; a smaller picture stays as it is.
    """

    def __init__(self, source: Source, longest: int | None) -> None:
        self._source = source
        #: By how much it is smaller, at most 1.
        self.factor = 1.0 if longest is None else min(1.0, longest / max(source.width, source.height))
        self.width, self.height = (max(1, round(side * self.factor)) for side in (source.width, source.height))
        self.channels = source.channels

    def read(self, box: Box) -> NDArray[np.uint8]:
        """A part of it, (H, W) or (H, W, 3) uint8; raises `ImageError`."""
        if self.factor == 1:
            return self._source.read(box)
        import cv2

        x_scale, y_scale = self._source.width / self.width, self._source.height / self.height
        left, top = int(box.x * x_scale), int(box.y * y_scale)
        right = min(self._source.width, max(left + 1, round((box.x + box.width) * x_scale)))
        bottom = min(self._source.height, max(top + 1, round((box.y + box.height) * y_scale)))
        part = self._source.read(Box(left, top, right - left, bottom - top))
        return np.asarray(cv2.resize(part, (box.width, box.height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def padded_tile(source: Source, left: int, top: int, size: int, channels: int) -> NDArray[np.uint8]:
    """One tile (c, size, size) uint8; beyond the edges of a smaller picture it is `OUTSIDE`: mirrored things would be things."""
    box = Box(left, top, min(size, source.width - left), min(size, source.height - top))
    part = source.read(box)
    planes = part[None] if part.ndim == 2 else part.transpose(2, 0, 1)
    if len(planes) != channels:
        planes = np.rint(planes.mean(axis=0, keepdims=True)).astype(np.uint8)
    tile = np.full((channels, size, size), OUTSIDE, dtype=np.uint8)
    tile[:, : box.height, : box.width] = planes
    return tile


@dataclass(frozen=True, slots=True)
class FoundBox:
    """A thing that was found.

    Attributes
    ----------
    box : (4,) tuple of float
        x_min, y_min, x_max, y_max in px of the picture.
    class_index : int
        Into the classes; 0 is the background and never found.
    probabilities : (k,) ndarray of float32
        Of all classes, the background first; sums to 1. That of the class found is the calibrated chance that box and class are right.
    """

    box: tuple[float, float, float, float]
    class_index: int
    probabilities: NDArray[np.float32]

    @property
    def score(self) -> float:
        """The probability of the class found."""
        return float(self.probabilities[self.class_index])


class Detector:
    """A network ready to run on whole pictures.

    Parameters
    ----------
    session : Session
        Runs the graph of `imagine_kernels.models.detector`.
    classes : sequence of str, length k
        The background first.
    tile, overlap : int
        px.
    channels : int
    finest : int
        The finest step of the network, px.
    longest : int or None
        Pictures are made this small first.
    slope, offset : float
        Of the calibration: log-odds of a score are multiplied by the slope, and the offset is added.
    min_score : float
        Calibrated scores below it are no things, unless another limit is asked for.

    Raises
    ------
    SettingError
        `overlap` or `min_score` is out of range.
    """

    def __init__(
        self,
        session: Session,
        *,
        classes: Sequence[str],
        tile: int,
        overlap: int,
        channels: int,
        finest: int,
        longest: int | None = None,
        slope: float = 1.0,
        offset: float = 0.0,
        min_score: float = 0.3,
    ) -> None:
        if not 0 <= overlap <= tile // 2:
            raise SettingError(f"The setting overlap takes values from 0 up to {tile // 2} px, not {overlap}.")
        if not 0 <= min_score <= 1:
            raise SettingError(f"The setting min_score takes values from 0 to 1, not {min_score:g}.")
        self.session, self.classes = session, tuple(classes)
        self.tile, self.overlap, self.channels, self.longest = tile, overlap, channels, longest
        self.slope, self.offset, self.min_score = slope, offset, min_score
        self._where, self._steps = points(tile, finest)
        self._lock = threading.Lock()

    @classmethod
    def of(cls, bundle: ModelBundle, *, min_score: float | None = None, session: Session | None = None) -> Detector:
        """The model of a bundle; `min_score` by default as the bundle says.

        Raises
        ------
        BundleError
            A file of the bundle was changed, or the bundle is of another task.
        SettingError
            `min_score` is out of range.
        """
        if bundle.task != "detection":
            raise BundleError(f"{bundle.name} does not look for things: give a model of detection.")
        given, said = bundle.details["input"], bundle.details["calibration"]
        return cls(
            session or _session(bundle),
            classes=bundle.classes,
            tile=bundle.size,
            overlap=int(given["overlap"]),
            channels=int(given["channels"]),
            finest=int(given["finest"]),
            longest=given["longest"],
            slope=float(said["slope"]),
            offset=float(said["offset"]),
            min_score=float(bundle.details["min_score"]) if min_score is None else min_score,
        )

    def find(
        self,
        source: Source,
        *,
        min_score: float | None = None,
        told: Told | None = None,
        cancel: threading.Event | None = None,
    ) -> list[FoundBox]:
        """The things on a picture, those with the highest scores first.

        Parameters
        ----------
        source : Source
        min_score : float, optional
            Calibrated; by default that of the detector. 0 gives all that was looked at, as measures of accuracy need it.
        told : callable ``(done, total)``, optional
            Called after every batch, in tiles.
        cancel : threading.Event, optional

        Raises
        ------
        ImageError
            A part of the picture cannot be read.
        Cancelled
            `cancel` was set.
        """
        view = Shrunk(source, self.longest)
        cut = slices(view.width, view.height, self.tile, self.overlap)
        least = self.min_score if min_score is None else min_score
        parts: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

        def chunks() -> Iterator[Chunk]:
            for first in range(0, len(cut), BATCH):
                if cancel is not None and cancel.is_set():
                    raise Cancelled("Stopped on request; nothing was changed.")
                some = cut[first : first + BATCH]
                yield first, {"pixels": np.stack([padded_tile(view, s.x, s.y, self.tile, self.channels) for s in some])}

        def done(first: int, outputs: Any) -> None:
            for i, numbers in enumerate(outputs["logits"]):
                found = self._in_tile(numbers, cut[first + i], least)
                with self._lock:
                    parts[first + i] = found
            if told is not None:
                told(min(len(cut), first + BATCH), len(cut))

        self.session.run(chunks(), done)
        boxes = np.concatenate([parts[i][0] for i in range(len(cut))])
        shares = np.concatenate([parts[i][1] for i in range(len(cut))])
        where = np.repeat(np.arange(len(cut)), [len(parts[i][0]) for i in range(len(cut))])
        boxes, best = merged(boxes, shares.max(axis=1, initial=0.0), where, cut, same=SAME)
        shares = shares[best]
        scale = np.array([source.width / view.width, source.height / view.height] * 2)
        return [self._found(box, share) for box, share in zip(boxes * scale, shares, strict=True)]

    def calibrated(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chances that boxes are right, of the scores (n,) that the network gives."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * log_odds(scores) + self.offset))))

    def _in_tile(
        self, numbers: NDArray[np.float32], part: Slice, least: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Boxes (m, 4) in px of the view and shares (m, k - 1) of the classes, of what the network says of a tile (p, k + 3)."""
        shares = 1 / (1 + np.exp(-np.clip(numbers[:, :-4].astype(np.float64), -30, 30)))
        scores = shares.max(axis=1)
        rows = np.flatnonzero((scores >= LEAST_SCORE) & (self.calibrated(scores) >= least))
        rows = rows[np.argsort(-scores[rows], kind="stable")[:_CANDIDATES]]
        boxes = decoded(numbers[rows, -4:].astype(np.float64), self._where[rows], self._steps[rows])
        boxes = np.clip(boxes, 0, [part.width, part.height] * 2)
        # What lies beyond the edge of a small picture has no extent left.
        large = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)
        rows, boxes = rows[large], boxes[large]
        kept = non_maximum_suppression(boxes, scores[rows], threshold=SAME)[:MOST_PER_TILE]
        return boxes[kept] + [part.x, part.y] * 2, shares[rows[kept]]

    def _found(self, box: NDArray[np.float64], shares: NDArray[np.float64]) -> FoundBox:
        """The rest of the probability goes to the other classes as the network favours them, and to the background."""
        index = int(shares.argmax())
        right = float(self.calibrated(shares[index : index + 1])[0])
        others = np.delete(shares, index)
        probabilities = np.zeros(len(shares) + 1)
        probabilities[1:] = np.insert((1 - right) * others / max(1.0, float(others.sum())), index, right)
        probabilities[0] = max(0.0, 1 - probabilities.sum())
        x_min, y_min, x_max, y_max = box.tolist()
        return FoundBox((x_min, y_min, x_max, y_max), index + 1, probabilities.astype(np.float32))


def log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of scores (n,) in 0 … 1."""
    held = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(held / (1 - held)))


def network_session(network: Any, graph: bytes) -> Session:
    """The network on a GPU where there is one, else its graph on the processor."""
    import torch

    if torch.cuda.is_available():
        return TorchSession(network, outputs=OUTPUTS)
    return cpu_session(graph, batch=BATCH)


def _session(bundle: ModelBundle) -> Session:
    from imagine_kernels.inference.classifier import gpu_is_there

    if gpu_is_there():
        from imagine_kernels.models.detector import build_for
        from imagine_kernels.models.network import load_weights

        network = build_for(bundle.details["input"], classes=len(bundle.classes) - 1, imagenet=False)
        load_weights(network, bundle.weights())
        return network_session(network, bundle.graph())
    return cpu_session(bundle.graph(), batch=BATCH)
