"""Pictures of any size to regions: tiles with overlap, their probabilities blended, outlines where the most probable class changes.

Memory is bounded by rows of tiles: what is finished goes to a file where the picture is large.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import BundleError, Cancelled, SettingError
from imagine_kernels.inference.pictures import ORIENTATIONS, oriented
from imagine_kernels.inference.sessions import Chunk, Session, TorchSession, cpu_session, has_bf16
from imagine_kernels.media.regions import BAND_ROWS, Region, mean_within, regions
from imagine_kernels.media.sources import Source
from imagine_kernels.media.tiles import Box
from imagine_kernels.models.bundle import ModelBundle

#: Tiles per request: their activations are large.
BATCH = 4
#: Probabilities of larger pictures than this go to a file, bytes.
_IN_MEMORY = 128 * 1024**2
#: As for classifiers: a faster precision is taken where it says the same of so many pixels.
MIN_AGREEMENT = 0.995

Told = Callable[[int, int], None]


def places(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along a side of `length` px: each `overlap` px or more over the one before, the last one at the end."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def window(tile: int, overlap: int) -> NDArray[np.float32]:
    """Weights (tile,) of the pixels along a tile: 1 in the middle, falling to its ends over the overlap, nowhere 0."""
    ramp = (np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1)
    weights = np.ones(tile, dtype=np.float32)
    weights[:overlap] = np.minimum(weights[:overlap], ramp)
    weights[tile - overlap :] = np.minimum(weights[tile - overlap :], ramp[::-1])
    return weights


class Probabilities:
    """Probabilities of a picture in steps of 1/255, of every class but the background: in memory, or in a file where they are many.

    Parameters
    ----------
    k : int
        Classes, the background included.
    height, width : int
        Of the picture, px.
    """

    def __init__(self, k: int, height: int, width: int) -> None:
        self.k, self.height, self.width = k, height, width
        self._row = (k - 1) * width
        self._file: Any = None
        self._held: NDArray[np.uint8] | None = None
        if self._row * height > _IN_MEMORY:
            self._file = tempfile.TemporaryFile(prefix="imagine-")  # noqa: SIM115  (closed by `close`)
        else:
            self._held = np.zeros((height, k - 1, width), dtype=np.uint8)

    def write(self, top: int, rows: NDArray[np.float32]) -> None:
        """Keep finished rows (k, H, W), of which the first is the background, from row `top` on."""
        steps = np.rint(rows[1:] * 255).astype(np.uint8).transpose(1, 0, 2)
        if self._held is not None:
            self._held[top : top + len(steps)] = steps
        else:
            os.pwrite(self._file.fileno(), np.ascontiguousarray(steps).tobytes(), top * self._row)

    def read(self, box: Box) -> NDArray[np.float32]:
        """A part of them (k, H, W) float32, the background first."""
        if self._held is not None:
            steps = self._held[box.y : box.y + box.height, :, box.x : box.x + box.width]
        else:
            data = os.pread(self._file.fileno(), box.height * self._row, box.y * self._row)
            steps = np.frombuffer(data, np.uint8).reshape(box.height, self.k - 1, self.width)[:, :, box.x : box.x + box.width]
        others = steps.transpose(1, 0, 2).astype(np.float32) / 255
        return np.concatenate([np.clip(1 - others.sum(axis=0, keepdims=True), 0, 1), others])

    def classes(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The most probable class of every pixel, by bands of rows: the first row and (H, W) uint8."""
        # A band that is wide is low, so that its floats stay some tens of megabytes.
        rows = max(64, min(BAND_ROWS, 8_000_000 // self.width))
        for top in range(0, self.height, rows):
            part = self.read(Box(0, top, self.width, min(rows, self.height - top)))
            yield top, part.argmax(axis=0).astype(np.uint8)

    def close(self) -> None:
        """Give the memory or the file back."""
        self._held = None
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A region with its mean probabilities.

    Attributes
    ----------
    region : Region
    probabilities : (k,) ndarray of float32
        Mean over its pixels; sums to 1.
    """

    region: Region
    probabilities: NDArray[np.float32]


class Segmenter:
    """A bundle ready to run.

    Parameters
    ----------
    bundle : ModelBundle
    orientations : int, optional
        1 to 8; by default what the bundle says.
    overlap : int, optional
        Of the tiles, px; by default what the bundle says.
    session : Session, optional
        By default a GPU where there is one, else OpenVINO or ONNX Runtime.

    Raises
    ------
    SettingError
        `orientations` or `overlap` is out of range.
    BundleError
        A file of the bundle was changed, or the bundle is of another task.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        *,
        orientations: int | None = None,
        overlap: int | None = None,
        session: Session | None = None,
    ) -> None:
        given = bundle.details["input"]
        if bundle.task != "segmentation":
            raise BundleError(f"{bundle.name} says nothing of single pixels: give a model of segmentation.")
        self.classes, self.k = bundle.classes, len(bundle.classes)
        self.tile, self.channels = bundle.size, int(given["channels"])
        self.overlap = int(given["overlap"]) if overlap is None else overlap
        self.orientations = bundle.orientations if orientations is None else orientations
        if not 1 <= self.orientations <= ORIENTATIONS:
            raise SettingError(f"The setting orientations takes values from 1 up to {ORIENTATIONS}, not {self.orientations}.")
        if not 0 <= self.overlap <= self.tile // 2:
            raise SettingError(f"The setting overlap takes values from 0 up to {self.tile // 2} px, not {self.overlap}.")
        self.temperature = np.float32(bundle.temperature)
        self.session = session or _session(bundle)
        self._lock = threading.Lock()

    def probabilities(self, source: Source, *, told: Told | None = None, cancel: threading.Event | None = None) -> Probabilities:
        """Those of every pixel of a picture; to be closed by the caller.

        Parameters
        ----------
        source : Source
        told : callable ``(done, total)``, optional
            Called after every row of tiles, in tiles.
        cancel : threading.Event, optional

        Raises
        ------
        ImageError
            A part of the picture cannot be read.
        Cancelled
            `cancel` was set.
        """
        size = self.tile
        across, down = (places(side, size, self.overlap) for side in (source.width, source.height))
        weights = window(size, self.overlap)
        done = Probabilities(self.k, source.height, source.width)
        width, height = max(source.width, size), max(source.height, size)
        sums = _sums(across, weights, width)
        held = np.zeros((self.k, size, width), dtype=np.float32)
        below = np.zeros(size, dtype=np.float32)
        try:
            for i, (top, band) in enumerate(_bands(source, down, size, width, self.channels)):
                if cancel is not None and cancel.is_set():
                    raise Cancelled("Stopped on request; nothing was changed.")
                self._add_row(band, across, held, weights)
                below += weights
                following = down[i + 1] if i + 1 < len(down) else height
                ready = following - top
                rows = held[:, :ready] / (below[:ready, None] * sums)
                done.write(top, rows[:, : source.height - top, : source.width])
                # What lies above the next row of tiles is finished; the rest moves up.
                rest = held[:, ready:].copy()
                held[:, : size - ready], held[:, size - ready :] = rest, 0
                below = np.concatenate([below[ready:], np.zeros(min(ready, size), dtype=np.float32)])
                if told is not None:
                    told((i + 1) * len(across), len(down) * len(across))
        except BaseException:
            done.close()
            raise
        return done

    def find(
        self, source: Source, *, min_area_px: int = 1, told: Told | None = None, cancel: threading.Event | None = None
    ) -> list[FoundRegion]:
        """The regions of a picture that are something else than background, from top to bottom.

        Raises
        ------
        ImageError, Cancelled
            See `probabilities`.
        """
        found = self.probabilities(source, told=told, cancel=cancel)
        try:
            return [
                FoundRegion(region, mean_within(region.outline, found.read).astype(np.float32))
                for region in regions(found.classes(), min_area_px=min_area_px)
            ]
        finally:
            found.close()

    def _add_row(
        self, band: NDArray[np.uint8], across: Sequence[int], held: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> None:
        """Add the probabilities of one row of tiles (c, tile, W), weighed, to `held` (k, tile, W)."""
        size, square = self.tile, weights[:, None] * weights
        share = np.float32(1 / self.orientations)

        def chunks() -> Iterator[Chunk]:
            for i in range(0, len(across), BATCH):
                starts = across[i : i + BATCH]
                pixels = np.stack([band[:, :, start : start + size] for start in starts])
                for orientation in range(self.orientations):
                    yield (starts, orientation), {"pixels": oriented(pixels, orientation)}

        def done(key: tuple[Sequence[int], int], outputs: Any) -> None:
            starts, orientation = key
            found = turned_back(softmax(outputs["logits"] / self.temperature), orientation) * (square * share)
            with self._lock:
                for start, each in zip(starts, found, strict=True):
                    held[:, :, start : start + size] += each

        self.session.run(chunks(), done)


def turned_back(values: NDArray[np.float32], orientation: int) -> NDArray[np.float32]:
    """What `imagine_kernels.inference.pictures.oriented` turned (n, c, s, s), turned back."""
    mirrored = values[..., ::-1] if orientation >= 4 else values
    return np.rot90(mirrored, -(orientation % 4), axes=(-2, -1))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (n, k, H, W) of logits (n, k, H, W)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


def _sums(starts: Sequence[int], weights: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Sum of the weights at each pixel along a side (length,)."""
    total = np.zeros(length, dtype=np.float32)
    for start in starts:
        total[start : start + len(weights)] += weights
    return total


def _bands(source: Source, down: Sequence[int], size: int, width: int, channels: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The rows of tiles (c, size, width) with where they begin, each read by a thread while the one before is worked on."""

    def read(top: int) -> NDArray[np.uint8]:
        return read_part(source, Box(0, top, source.width, min(size, source.height - top)), width, size, channels)

    with ThreadPoolExecutor(1, thread_name_prefix="tiles") as pool:
        ahead = pool.submit(read, down[0])
        for top, following in zip(down, [*down[1:], None], strict=True):
            band = ahead.result()
            if following is not None:
                ahead = pool.submit(read, following)
            yield top, band


def read_tile(source: Source, left: int, top: int, size: int, channels: int) -> NDArray[np.uint8]:
    """One tile (c, size, size) uint8; a picture that is smaller is mirrored at its right and lower end."""
    box = Box(left, top, min(size, source.width - left), min(size, source.height - top))
    return read_part(source, box, size, size, channels)


def read_part(source: Source, box: Box, width: int, height: int, channels: int) -> NDArray[np.uint8]:
    """A part of a picture as planes (c, height, width) uint8; what is smaller is mirrored at its right and lower end."""
    part = source.read(box)
    planes = part[None] if part.ndim == 2 else part.transpose(2, 0, 1)
    if len(planes) != channels:
        grey = np.rint(planes.mean(axis=0, keepdims=True)).astype(np.uint8)
        planes = np.repeat(grey, channels, axis=0)
    missing = ((0, 0), (0, height - box.height), (0, width - box.width))
    return np.ascontiguousarray(np.pad(planes, missing, mode="symmetric"))


def _session(bundle: ModelBundle) -> Session:
    from imagine_kernels.inference.classifier import gpu_is_there

    if gpu_is_there():
        import torch

        if torch.cuda.is_available():
            from imagine_kernels.models.network import load_weights
            from imagine_kernels.models.unet import OUTPUTS, build_for

            network = build_for(bundle.details["input"], classes=len(bundle.classes), imagenet=False)
            load_weights(network, bundle.weights())
            return TorchSession(network, outputs=OUTPUTS)
    agreement = bundle.details["precision"].get("bf16")
    fast = agreement is not None and agreement >= MIN_AGREEMENT and has_bf16()
    return cpu_session(bundle.graph(), precision="bf16" if fast else "f32", batch=BATCH)
