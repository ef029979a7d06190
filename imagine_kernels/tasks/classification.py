"""Classification of vignettes, declared: which backbone, which features, which augmentation."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.records import Found, Predictions, Problem, Progress, Sample

if TYPE_CHECKING:
    from imagine_kernels.measures.accuracy import Evaluation
    from imagine_kernels.models.bundle import ModelBundle


#: Numbers that are gathered of each picture before its place among the others is computed.
_KEPT = 256


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
        Lighter grey values are background; 243 is ZooProcess's threshold, 255 takes the whole picture and measures nothing on it.
    margin : float
        Rim around the object, as a share of its longer side.
    backbone : str
        One of `imagine_kernels.models.backbone.BACKBONES`.
    white_background : bool
        Make a grey background white first, see `imagine_kernels.media.collages.white_background`.
    surround : {"white", "rim"}
        What fills the square around a picture: white, or the mean grey of its rim, see `imagine_kernels.media.micrographs.squared`.
    earlier_stages : bool
        The head sees the averages of three earlier stages of the backbone besides its last layer.
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

    #: How the columns of ``predictions.csv`` begin.
    COLUMNS: ClassVar[tuple[str, ...]] = ("file", "label", "probability", "status")

    size: int = 224
    background: int = 243
    margin: float = 0.05
    white_background: bool = False
    surround: Literal["white", "rim"] = "white"
    backbone: str = "tf_efficientnet_lite0"
    earlier_stages: bool = True
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
    ) -> Found:
        """Identify the objects of a sample that have a picture; see `imagine_kernels.inference.classifier.identify`."""
        from imagine_kernels.measures.embedding import embedded

        predictions, features, problems, columns = self._seen(sample.pictured, bundle, _KEPT, progress, cancel)
        ids = predictions.object_id.tolist()
        done = sample.where(sample.objects["object_id"].isin(ids).to_numpy()).filled(columns, ids)
        return Found(sample=done, predictions=predictions, problems=tuple(problems), places=embedded(features))

    def evaluate(
        self,
        sample: Sample,
        bundle: ModelBundle,
        *,
        splits_by: Sequence[str] = (),
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        seed: int = 0,
    ) -> Evaluation:
        """Compare with the labels of a sample; see `imagine_kernels.measures.accuracy.evaluate`. Objects are drawn one by one, whatever
        `splits_by`.

        Raises
        ------
        LabelError
            There are no labels, or none that the model knows.
        """
        from imagine_kernels.measures.accuracy import evaluate

        labelled = sample.labelled
        if not len(labelled):
            raise LabelError(
                f"{sample.name} carries no labels to compare with: give a folder per class or an annotated EcoTaxa export."
            )
        known = labelled.objects["label"].isin(list(bundle.classes)).to_numpy()
        if not known.any():
            raise LabelError(
                f"The model {bundle.name} knows none of the labels of {sample.name} ({', '.join(labelled.labels[:5])});"
                f" it knows {', '.join(bundle.classes)}: rename the labels or train on this sample."
            )
        found = self.identify(labelled.where(known), bundle, progress=progress, cancel=cancel)
        if not len(found.predictions):
            raise LabelError(f"Not one labelled picture of {sample.name} can be read ({found.problems[0]}).")
        true = found.sample.objects["label"].to_numpy(dtype=object)
        return evaluate(true, found.predictions.probabilities, found.predictions.classes, seed=seed)

    def columns(self, sample: Sample, predictions: Predictions) -> dict[str, NDArray[Any]]:
        """What `COLUMNS` hold."""
        return {
            "file": sample.objects["file"].to_numpy(), "label": predictions.label, "probability": predictions.probability,
            "status": predictions.status,
        }  # fmt: skip

    def features(
        self, sample: Sample, bundle: ModelBundle, *, progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> tuple[Predictions, NDArray[np.float32], list[Problem]]:
        """Identify a sample, and give what the backbone sees in each picture, (n, d) float32, too."""
        predictions, features, problems, _ = self._seen(sample, bundle, None, progress, cancel)
        return predictions, features, problems

    def _seen(
        self, sample: Sample, bundle: ModelBundle, length: int | None, progress: Progress | None, cancel: threading.Event | None
    ) -> tuple[Predictions, NDArray[np.float32], list[Problem], dict[str, Any]]:
        from imagine_kernels.inference.classifier import identify, ready_classifier
        from imagine_kernels.inference.seen import Seen

        seen = Seen(len(sample), length=length)
        predictions, problems, columns = identify(
            sample, bundle, progress=progress, cancel=cancel, scale_bar_px=scale_bar_px(sample),
            classifier=ready_classifier(bundle), features=seen,
        )  # fmt: skip
        done = sample.objects["object_id"].isin(predictions.object_id.tolist()).to_numpy()
        return predictions, seen.of(np.flatnonzero(done)), problems, columns

    def warm(self, bundle: ModelBundle) -> None:
        """Load the model, so that the next `identify` in this process need not."""
        from imagine_kernels.inference.classifier import ready_classifier

        ready_classifier(bundle)


def scale_bar_px(sample: Sample) -> int:
    """Height of the strip with the scale bar: the setting that the sample was opened with, 31 px where it says nothing."""
    given = sample.settings.get("scale_bar_px")
    return 31 if given is None else int(given)
