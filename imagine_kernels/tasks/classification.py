"""Classification of vignettes, declared: which backbone, which features, which augmentation."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels.records import Predictions, Problem, Progress, Sample

if TYPE_CHECKING:
    from imagine_kernels.models.bundle import ModelBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How a picture is varied while a backbone is fine-tuned; a plankton has no up.

    Attributes
    ----------
    rotation_deg : float
        Any angle up to this one, both ways.
    flips : bool
        Mirror images.
    zoom : float
        Enlarged or shrunk by up to this share.
    lighting : float
        Change of brightness and contrast, as a share.
    """

    rotation_deg: float = 180.0
    flips: bool = True
    zoom: float = 0.1
    lighting: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """One label per picture.

    Attributes
    ----------
    size : int
        Side in px of the square that the backbone sees.
    background : int
        Lighter grey values are background; 243 is ZooProcess's threshold.
    margin : float
        Rim around the object, as a share of its longer side.
    backbone : str
        One of `imagine_kernels.models.backbone.BACKBONES`.
    morphometry : bool
        Join shape and grey level, which carry the true size, to the features of the backbone.
    orientations : int
        Orientations over which logits may be averaged, where that helps.
    class_weight_exponent : float
        A class weighs (largest count / its count) to this power; 0 turns it off.
    folds : int
        Parts of the labelled data; one of them is the validation split.
    augmentation : Augmentation
    """

    size: int = 224
    background: int = 243
    margin: float = 0.05
    backbone: str = "tf_efficientnet_lite0"
    morphometry: bool = True
    orientations: int = 8
    class_weight_exponent: float = 0.25
    folds: int = 5
    augmentation: Augmentation = field(default_factory=Augmentation)

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
        """Train on a labelled sample; see `imagine_kernels.tasks.training.train_classifier`."""
        from imagine_kernels.tasks.training import train_classifier

        return train_classifier(
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
        self, sample: Sample, bundle: ModelBundle, *, progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> tuple[Predictions, list[Problem], dict[str, Any]]:
        """Identify a sample; see `imagine_kernels.inference.classifier.identify`."""
        from imagine_kernels.inference.classifier import identify, ready_classifier

        ready = ready_classifier(bundle)
        return identify(sample, bundle, progress=progress, cancel=cancel, scale_bar_px=scale_bar_px(sample), classifier=ready)

    def warm(self, bundle: ModelBundle) -> None:
        """Load the model, so that the next `identify` in this process need not."""
        from imagine_kernels.inference.classifier import ready_classifier

        ready_classifier(bundle)


def scale_bar_px(sample: Sample) -> int:
    """Height of the strip with the scale bar: the setting that the sample was opened with, 31 px where it says nothing."""
    given = sample.settings.get("scale_bar_px")
    return 31 if given is None else int(given)
