"""The five verbs: open, train, identify, measure, export.

This is the one place where a declaration meets media, task, measures and formats. The terminal, the apps, the notebooks and the reports call
what is here and decide nothing themselves.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels import catalog, settings, usage
from imagine_kernels.errors import DataNotFound, ImageError, LabelError, SettingError
from imagine_kernels.progress import cancellable
from imagine_kernels.records import Found, Predictions, Problem, Progress, Sample
from imagine_kernels.result import Result, open_result
from imagine_kernels.samples.writing import write_whole
from imagine_kernels.use_case import UseCase

if TYPE_CHECKING:
    from imagine_kernels.measures.accuracy import Evaluation
    from imagine_kernels.measures.detection_accuracy import DetectionEvaluation
    from imagine_kernels.measures.mask_accuracy import MaskEvaluation
    from imagine_kernels.models.bundle import ModelBundle
    from imagine_kernels.tasks.choice import Gain

#: Seed of the generated sample that starter models are trained on.
STARTER_SEED = 1

__all__ = ["Result", "Workflow", "list_use_cases", "open_result", "use_case"]


def use_case(name: str) -> Workflow:
    """The use case of that name, ready to work with.

    Raises
    ------
    UnknownName
        No use case has that name; the sentence lists those that exist.
    """
    return Workflow(catalog.get(name))


def list_use_cases() -> list[dict[str, Any]]:
    """What the home page and ``imagine list`` show: one entry per use case, without torch."""
    from imagine_kernels.models.store import find_model, model_summary

    entries = []
    for name in catalog.names():
        declared = catalog.get(name)
        picture = catalog.picture(name)
        model = find_model(name, None, missing_ok=True)
        entries.append(
            {
                "name": name,
                "title": declared.title,
                "sentence": declared.sentence,
                "picture": str(picture) if picture else None,
                "reads": list(declared.reads),
                "model": model_summary(model) if model else None,
                "notebooks": catalog.notebooks(name),
            }
        )
    return entries


@dataclass(frozen=True)
class Workflow:
    """The verbs of one use case.

    Attributes
    ----------
    declaration : UseCase
        What the use case is made of.
    """

    declaration: UseCase

    @property
    def name(self) -> str:
        """Name of the use case."""
        return self.declaration.name

    def open(
        self,
        path: Path | str | None = None,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        **given: Any,
    ) -> Sample:
        """Open a file, folder or zip in any layout that the use case knows.

        Parameters
        ----------
        path : path, optional
            Without it the bundled sample is opened.
        progress : callable, optional
            Called as the work advances: by scan, run, collage or micrograph.
        cancel : threading.Event, optional
            Set it to stop.
        **given
            Settings of the use case, e.g. ``pixel_size_mm=0.0106``.

        Raises
        ------
        DataNotFound, FormatError, UnsafeArchive
            Nothing at all can be read there. What is wrong with single items is in ``sample.problems`` instead.
        SettingError, UnknownName
            A setting cannot be taken.
        Cancelled
            `cancel` was set.
        """
        values = self.declaration.read_settings(given)
        place = Path(path).expanduser() if path is not None else self.bundled_sample()
        told = cancellable(progress, cancel, "Opening was cancelled.")
        told(0, 0, f"opening {place.name}")
        sample = self.declaration.read(place, values, told)
        noun = self.declaration.unit_noun if sample.media is None else self.declaration.medium_noun
        told(sample.n_media, sample.n_media, f"{noun}s opened")
        return sample

    def bundled_sample(self, out: Path | str | None = None, *, seed: int = 0) -> Path:
        """The bundled labelled sample in the native format; made once, then found again.

        Parameters
        ----------
        out : path, optional
            A folder to write it to instead.
        seed : int
            Seed of the generator.
        """
        if out is None:
            name = f"{self.name}-sample" if seed == 0 else f"{self.name}-sample-{seed}"
            for folder in settings.samples_folders():
                if (folder / name).is_dir():
                    return folder / name
            out = settings.samples_folders()[0] / name
        return write_whole(Path(out).expanduser(), lambda folder: self.declaration.make_sample(folder, seed))

    def pictures(self, sample: Sample, rows: Sequence[int] | NDArray[Any] | None = None) -> Iterator[NDArray[Any] | ImageError]:
        """The pictures of some objects, for people to look at: grey, without scale bar.

        Parameters
        ----------
        sample : Sample
        rows : sequence of int, optional
            Positions in ``sample.objects``; all of them without it.

        Yields
        ------
        (H, W) uint8 ndarray, or ImageError
            In the order of `rows`; the error of a picture that cannot be decoded.
        """
        from imagine_kernels.media.objects import Pictures

        with Pictures(sample) as pictures:
            for _, picture in pictures.many(None if rows is None else [int(row) for row in rows]):
                yield picture

    def check(self, path: Path | str | None = None, *, progress: Progress | None = None, **given: Any) -> Sample:
        """Open, look into every medium, and return the sample with all problems noted; nothing is changed."""
        sample = self.open(path, progress=progress, **given)
        return sample.with_problems(self.declaration.check(sample, progress))

    def train(
        self,
        sample: Sample,
        *,
        epochs: int = 5,
        seed: int = 0,
        out: Path | str | None = None,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> ModelBundle:
        """Train on the labelled part of `sample` and keep the better of the candidates.

        Parameters
        ----------
        epochs : int
            0 trains a head on frozen features; more also fine-tune the backbone for so many epochs.
        seed : int
            The same seed gives the same model.
        out : path, optional
            Folder of the bundle; by default a new one among the person's models.
        progress : callable, optional
            Called as the work advances.
        cancel : threading.Event, optional
            Set it to stop.

        Raises
        ------
        LabelError
            There are fewer than two classes, or too few objects of one.
        Cancelled
            `cancel` was set.
        """
        labelled = sample.labelled.pictured if sample.media is None else sample
        if not labelled.n_media:
            raise LabelError(
                f"{sample.name} carries no labels to train on: give a folder per class or an annotated EcoTaxa export."
            )
        target = Path(out).expanduser() if out is not None else self.new_model_folder()
        with settings.writing(target), usage.recorded("train", self.name) as note:
            note.n = labelled.n_media
            bundle: ModelBundle = self.declaration.task.train(
                labelled,
                use_case=self.name,
                splits_by=self.declaration.splits_by,
                epochs=epochs,
                seed=seed,
                out=target,
                progress=progress,
                cancel=cancel,
            )
        return bundle

    def new_model_folder(self, name: str | None = None) -> Path:
        """Where a new bundle goes among the person's models: of that name, or of the use case and the time.

        Raises
        ------
        SettingError
            The name cannot be one, or is taken.
        """
        models = settings.home() / "models"
        if name:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
                raise SettingError(f"A model cannot be named {name[:80]!r}: use letters, digits, dots, dashes and underscores.")
            if (models / name).exists():
                raise SettingError(f"There is a model {name} already: choose another name.")
            return models / name
        return settings.new_folder(models, self.name)

    def train_starter(self, out: Path | str, *, progress: Progress | None = None) -> ModelBundle:
        """Train the starter model: a head on frozen features, on a generated sample other than the bundled one."""
        # Another seed, so that the bundled sample is as new to the model as a person's own would be.
        return self.train(self.open(self.bundled_sample(seed=STARTER_SEED)), epochs=0, out=out, progress=progress)

    def model(self, model: ModelBundle | Path | str | None = None) -> ModelBundle:
        """A bundle by folder or name; None gives the starter model."""
        from imagine_kernels.models.bundle import ModelBundle
        from imagine_kernels.models.store import find_model

        if isinstance(model, ModelBundle):
            return model
        return find_model(self.name, model)

    def models(self) -> list[dict[str, Any]]:
        """A summary of every model that can be used here: name, recipe, held-out figures, folder, and whether it is the starter."""
        from imagine_kernels.models.store import list_models, model_summary, starter_name

        starter = starter_name(self.name)
        bundles = list_models(self.name)
        return [{**model_summary(each), "folder": each.path.name, "starter": each.path.name == starter} for each in bundles]

    def identify(
        self,
        sample: Sample,
        model: ModelBundle | Path | str | None = None,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        """Predictions for every object that can be read, each with a calibrated probability.

        Raises
        ------
        BundleError, UnknownName
            The model is unknown, incomplete, changed or of another use case.
        DataNotFound
            The sample holds no objects that can be identified.
        Cancelled
            `cancel` was set.
        """
        bundle = self.model(model)
        noun = self.declaration.unit_noun if sample.media is None else self.declaration.medium_noun
        if not sample.n_media:
            raise DataNotFound.empty(sample.source, f"one {noun} or more")
        if sample.media is None and not len(sample.pictured):
            raise DataNotFound(
                f"None of the {len(sample)} {noun}s in {sample.source} has a picture to identify it by: put the pictures there, or measure"
                " their numbers and sizes without (`imagine measure`)."
            )
        with usage.recorded("identify", self.name) as note:
            found: Found = self.declaration.task.identify(sample, bundle, progress=progress, cancel=cancel)
            note.n = found.sample.n_media
        if not found.sample.n_media:
            reason = f" ({found.problems[0]})" if found.problems else ""
            raise DataNotFound(f"None of the {sample.n_media} {noun}s in {sample.source} can be identified{reason}.")
        return Result.of(self.declaration, found, bundle, problems=sample.problems)

    def features(
        self,
        sample: Sample,
        model: ModelBundle | Path | str | None = None,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> tuple[Predictions, NDArray[np.float32], list[Problem]]:
        """Predictions for the n objects whose picture can be read, and what the backbone of the model sees in each.

        Returns
        -------
        predictions : Predictions
            With the n object ids; none at all is no error.
        features : (n, d) float32 ndarray
            Like pictures are near one another.
        problems : list of Problem

        Raises
        ------
        BundleError, UnknownName, Cancelled
            As `identify`.
        """
        found: tuple[Predictions, NDArray[np.float32], list[Problem]] = self.declaration.task.features(
            sample, self.model(model), progress=progress, cancel=cancel
        )
        return found

    def gain(self, true: NDArray[Any], first: NDArray[Any], second: NDArray[Any]) -> Gain:
        """How much better the second of two models is than the first, on labels (n,) of the same objects.

        See `imagine_kernels.tasks.choice.paired_gain`.
        """
        from imagine_kernels.tasks.choice import paired_gain

        _, numbers = np.unique(np.concatenate([true, first, second]).astype(str), return_inverse=True)
        return paired_gain(*np.split(numbers.astype(np.int64), 3))

    def evaluate(
        self,
        sample: Sample,
        model: ModelBundle | Path | str | None = None,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        seed: int = 0,
    ) -> Evaluation | MaskEvaluation | DetectionEvaluation:
        """Metrics of a model on labelled data, each with a 95 % bootstrap interval.

        Raises
        ------
        LabelError
            The data carry no labels, or none that the model knows.
        """
        found: Evaluation | MaskEvaluation | DetectionEvaluation = self.declaration.task.evaluate(
            sample, self.model(model), splits_by=self.declaration.splits_by, progress=progress, cancel=cancel, seed=seed
        )
        return found

    def unknown_labels(self, sample: Sample, model: ModelBundle | Path | str | None = None) -> list[Problem]:
        """A problem for each label of `sample` that the model does not know."""
        bundle = self.model(model)
        counts = sample.objects["label"].value_counts()
        return [
            Problem(
                item=label,
                what=f"the model {bundle.name} does not know this label of {counts[label]} {self.declaration.unit_noun}s",
                remedy="they are left out of the metrics; train on data that hold it, or rename it",
                severity="warning",
            )
            for label in sample.labels
            if label not in bundle.classes
        ]

    def result(self, folder: Path | str) -> Result:
        """What `identify` saved in a folder earlier."""
        return open_result(folder, use_case=self.name)

    def labelled_result(self, sample: Sample) -> Result:
        """What the labels of a sample say without a model, to be measured; objects that carry none are ``unidentified``."""
        return Result(declaration=self.declaration, sample=sample, predictions=Predictions.of_labels(sample))
