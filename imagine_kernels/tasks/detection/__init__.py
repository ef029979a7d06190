"""Detection on pictures, declared: where things are, and what."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError
from imagine_kernels.records import Predictions, Progress, Sample

if TYPE_CHECKING:
    from imagine_kernels.inference.detector import Detector
    from imagine_kernels.measures.detection_accuracy import DetectionEvaluation
    from imagine_kernels.models.bundle import ModelBundle
    from imagine_kernels.records import Found

#: Columns of ``sample.objects`` with the frame of a video that a thing is on, and the track that it belongs to.
FRAME, TRACK = "object_frame", "object_track"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxAugmentation:
    """How a tile is varied while the network is trained, with its boxes, which stay exact.

    Attributes
    ----------
    turns : bool
        Quarter turns and all mirror images, where things have no up; else only mirrored from left to right.
    zoom : float
        Enlarged or shrunk by up to this factor.
    shift : float
        Moved by up to this share of its side.
    gain : float
        Natural logarithm of the largest factor on the grey values, of each colour by itself by a third of it.
    gamma : float
        Natural logarithm of the largest exponent on the grey values (0 to 1).
    """

    turns: bool = True
    zoom: float = 1.6
    shift: float = 0.25
    gain: float = 0.3
    gamma: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A box around each thing.

    Attributes
    ----------
    background : str
        The class of what is no thing; no thing has it as its label.
    tile : int
        Side of the tiles in px, a multiple of 32.
    overlap : int
        Of the tiles, px: as large as most things, half a tile at most.
    longest : int or None
        Pictures are shrunk to this longer side, px, before they are cut into tiles: for photographs of one scene, in which the size of a thing
        in px tells nothing. None looks at every px, for small things.
    channels : int
        1 for grey pictures, 3 for colour.
    backbone : str
        One of `imagine_kernels.models.backbone.BACKBONES`.
    finest : int
        The finest step of the network, px: 8, or 4 for things of less than some 12 px, at twice the cost.
    most_tiles : int
        More are not trained on; those with marked things come first.
    folds : int
        Parts of the labelled pictures; one of them is the validation split.
    augmentation : BoxAugmentation

    Raises
    ------
    SettingError
        The tile is no multiple of 32, or the overlap is out of range.
    """

    #: How the columns of ``predictions.csv`` begin.
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "file", "frame", "label", "confidence", "x_min", "y_min", "x_max", "y_max", "track", "status",
    )  # fmt: skip

    background: str = "nothing"
    tile: int = 320
    overlap: int = 96
    longest: int | None = None
    channels: int = 3
    backbone: str = "tf_efficientnet_lite0"
    finest: int = 8
    most_tiles: int = 2000
    folds: int = 5
    augmentation: BoxAugmentation = field(default_factory=BoxAugmentation)

    def __post_init__(self) -> None:
        if self.tile <= 0 or self.tile % 32:
            raise SettingError(f"The side of a tile is a multiple of 32 px, not {self.tile}.")
        if not 0 <= self.overlap <= self.tile // 2:
            raise SettingError(f"Tiles of {self.tile} px overlap by 0 to {self.tile // 2} px, not {self.overlap}.")

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
        """Train on the labelled pictures of a sample; see `imagine_kernels.tasks.detection.training.train_detector`."""
        from imagine_kernels.tasks.detection.training import train_detector

        return train_detector(
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
        """The things on the pictures of a sample; see `imagine_kernels.tasks.detection.finding.find_boxes`."""
        from imagine_kernels.tasks.detection.finding import find_boxes

        return find_boxes(sample, self.ready(bundle), progress=progress, cancel=cancel)

    def evaluate(
        self,
        sample: Sample,
        bundle: ModelBundle,
        *,
        splits_by: Sequence[str] = (),
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        seed: int = 0,
    ) -> DetectionEvaluation:
        """How well a model does on labelled pictures; see `imagine_kernels.tasks.detection.finding.evaluate_on`."""
        from imagine_kernels.tasks.detection.finding import evaluate_on

        return evaluate_on(sample, self.ready(bundle), groups=splits_by, progress=progress, cancel=cancel, seed=seed)

    def columns(self, sample: Sample, predictions: Predictions) -> dict[str, NDArray[Any]]:
        """What `COLUMNS` hold; the confidence is the probability of the label in force, sides are in px from the top left corner."""
        objects = sample.objects
        x, y, width, height = (objects[f"object_{name}"].to_numpy(dtype=np.float64) for name in ("bx", "by", "width", "height"))
        n = len(objects)
        return {
            "file": objects["file"].to_numpy(),
            "frame": objects[FRAME].to_numpy() if FRAME in objects else np.zeros(n, dtype=np.int64),
            "label": predictions.label,
            "confidence": predictions.probability,
            "x_min": x,
            "y_min": y,
            "x_max": x + width,
            "y_max": y + height,
            "track": objects[TRACK].to_numpy() if TRACK in objects else np.full(n, "", dtype=object),
            "status": predictions.status,
        }

    def write_beside(self, sample: Sample, predictions: Predictions, folder: Path) -> list[Path]:
        """Nothing: the boxes are in the table."""
        return []

    def ready(self, bundle: ModelBundle) -> Detector:
        """The model, loaded."""
        from imagine_kernels.inference.detector import Detector

        return Detector.of(bundle)

    def warm(self, bundle: ModelBundle) -> None:
        """Load what identifies, so that the next `identify` in this process is quicker."""
        self.ready(bundle)
