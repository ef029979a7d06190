"""Segmentation of pictures, declared: what each pixel is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records import Predictions, Progress, Sample

if TYPE_CHECKING:
    from imagine_kernels.inference.segmenter import Segmenter
    from imagine_kernels.measures.mask_accuracy import MaskEvaluation
    from imagine_kernels.models.bundle import ModelBundle
    from imagine_kernels.records import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class TileAugmentation:
    """How a tile is varied while the network is trained; most scenes have no up.

    Attributes
    ----------
    turns : bool
        Any rotation and mirror images; else only mirrored from left to right.
    zoom : float
        Enlarged or shrunk by up to this factor.
    gain : float
        Natural logarithm of the largest factor on the grey values.
    gamma : float
        Natural logarithm of the largest exponent on the grey values (0 to 1).
    """

    turns: bool = True
    zoom: float = 1.3
    gain: float = 0.3
    gamma: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """One label per pixel.

    Attributes
    ----------
    background : str
        What a pixel is that nobody marked.
    tile : int
        Side of the tiles in px, a multiple of 32.
    overlap : int
        Of the tiles when a picture is segmented, px.
    channels : int
        1 for grey pictures, 3 for colour.
    backbone : str
        One of `imagine_kernels.models.backbone.BACKBONES`.
    orientations : int
        Orientations over which probabilities may be averaged, where that helps.
    min_area_px : int
        Smaller regions are no things.
    most_tiles : int
        More are not trained on; those with marked things come first.
    folds : int
        Parts of the labelled pictures; one of them is the validation split.
    augmentation : TileAugmentation
    """

    #: How the columns of ``predictions.csv`` begin.
    COLUMNS: ClassVar[tuple[str, ...]] = ("file", "label", "area_px", "confidence", "mask", "status")

    background: str
    tile: int = 256
    overlap: int = 64
    channels: int = 1
    backbone: str = "tf_efficientnet_lite0"
    orientations: int = 8
    min_area_px: int = 16
    most_tiles: int = 2000
    folds: int = 5
    augmentation: TileAugmentation = field(default_factory=TileAugmentation)

    def train(
        self,
        sample: Sample,
        *,
        use_case: str,
        out: Path,
        splits_by: Sequence[str] = (),
        epochs: int = 5,
        seed: int = 0,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> ModelBundle:
        """Train on the labelled pictures of a sample; see `imagine_kernels.tasks.segmentation.training.train_segmenter`."""
        from imagine_kernels.tasks.segmentation.training import train_segmenter

        return train_segmenter(
            sample,
            task=self,
            use_case=use_case,
            out=out,
            splits_by=splits_by,
            epochs=epochs,
            seed=seed,
            progress=progress,
            cancel=cancel,
        )

    def identify(
        self,
        sample: Sample,
        bundle: ModelBundle,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> Found:
        """The things on the pictures of a sample; see `imagine_kernels.tasks.segmentation.finding.find_things`."""
        from imagine_kernels.tasks.segmentation.finding import find_things

        return find_things(sample, self.ready(bundle), min_area_px=self.min_area_px, progress=progress, cancel=cancel)

    def evaluate(
        self,
        sample: Sample,
        bundle: ModelBundle,
        *,
        splits_by: Sequence[str] = (),
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        seed: int = 0,
    ) -> MaskEvaluation:
        """How well a model does on labelled pictures; see `imagine_kernels.tasks.segmentation.finding.evaluate_things`."""
        from imagine_kernels.tasks.segmentation.finding import evaluate_things

        return evaluate_things(sample, self.ready(bundle), groups=splits_by, progress=progress, cancel=cancel, seed=seed)

    def columns(self, sample: Sample, predictions: Predictions) -> dict[str, NDArray[Any]]:
        """What `COLUMNS` hold; the confidence is the mean probability of the label over the pixels of a thing."""
        from imagine_kernels.tasks.segmentation.masks import mask_name

        files = sample.objects["file"].to_numpy()
        return {
            "file": files,
            "label": predictions.label,
            "area_px": sample.objects["object_area"].to_numpy(),
            "confidence": predictions.probability,
            "mask": np.array([mask_name(str(file)) for file in files], dtype=object),
            "status": predictions.status,
        }

    def write_beside(self, sample: Sample, predictions: Predictions, folder: Path) -> list[Path]:
        """The masks of all pictures; see `imagine_kernels.tasks.segmentation.masks.write_masks`."""
        from imagine_kernels.tasks.segmentation.masks import write_masks

        return write_masks(sample, predictions, folder, background=self.background)

    def ready(self, bundle: ModelBundle) -> Segmenter:
        """The model, loaded."""
        from imagine_kernels.inference.segmenter import Segmenter

        return Segmenter(bundle)

    def warm(self, bundle: ModelBundle) -> None:
        """Load what identifies, so that the next `identify` in this process is quicker."""
        self.ready(bundle)
