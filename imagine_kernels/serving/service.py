"""One use case as others call it: what it is, what it takes, and its answers as bytes or JSON."""

from __future__ import annotations

import io
import math
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagine_kernels import __version__, settings
from imagine_kernels.errors import SettingError, UnknownName
from imagine_kernels.result import Result, write_measurements
from imagine_kernels.workflow import Workflow, use_case

#: What an answer can be, the first by default.
ACCEPTED = ("application/json", "application/zip", "text/csv")
_NAME = "letters, digits, dot, dash and underscore, 80 at most, beginning with a letter or digit"


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a call, in the words of no library.

    Attributes
    ----------
    name : str
    kind : type
        ``bool``, ``int``, ``float`` or ``str``.
    help : str
    default : object
    minimum, maximum : float or None
    choices : tuple of str
        The only values, where it is not empty.
    is_file : bool
        It is uploaded.
    """

    name: str
    kind: type
    help: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    is_file: bool = False

    def read(self, value: Any) -> Any:
        """`value` as this argument takes it.

        Raises
        ------
        SettingError
            It cannot be taken.
        """
        from imagine_kernels.use_case import Setting

        if self.choices and value not in self.choices:
            raise SettingError(f"The argument {self.name} takes {', '.join(self.choices)}, not {value!r}.")
        reader = Setting(name=self.name, default=self.default, kind=self.kind, minimum=self.minimum, maximum=self.maximum)
        return reader.read(value)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back.

    Attributes
    ----------
    content_type : str
        One of `ACCEPTED`.
    body : bytes or dict
        A dict for ``application/json``; every number in it is finite, what is not known is None.
    """

    content_type: str
    body: bytes | dict[str, Any]


class Service:
    """One use case, ready to answer.

    Parameters
    ----------
    name : str
        Of the use case.
    model : str, optional
        Bundle to identify with; the starter model without it.
    """

    def __init__(self, name: str, *, model: str | None = None) -> None:
        self.workflow: Workflow = use_case(name)
        self.model = model

    @property
    def name(self) -> str:
        """Name of the use case."""
        return self.workflow.name

    def metadata(self) -> dict[str, Any]:
        """Name, description, version, licence, model in use and arguments, as the contract of DEEPaaS names them."""
        from imagine_kernels.models.store import find_model, model_summary

        declared = self.workflow.declaration
        model = find_model(self.name, self.model, missing_ok=True)
        return {
            "id": self.name,
            "name": self.name,
            "title": declared.title,
            "description": declared.sentence,
            "author": "The imagine-kernels authors",
            "license": "Apache-2.0",
            "version": __version__,
            "reads": list(declared.reads),
            "writes": list(declared.exports),
            "model": model_summary(model) if model else None,
        }

    def predict_arguments(self) -> tuple[Argument, ...]:
        """What `predict` takes."""
        noun = self.workflow.declaration.unit_noun
        return (
            Argument(
                name="data",
                kind=str,
                is_file=True,
                help=f"One {noun}, a table or a zip: {'; '.join(self.workflow.declaration.reads)}."
                " Without it the bundled sample is identified.",
            ),
            Argument(name="model", kind=str, default=self.model, help="Name of a model bundle; the starter model without it."),
            Argument(
                name="accept", kind=str, default=ACCEPTED[0], choices=ACCEPTED,
                help="What comes back: predictions and quantities as JSON, the files as a zip, or the table of predictions.",
            ),
            *self._settings(),
        )  # fmt: skip

    def train_arguments(self) -> tuple[Argument, ...]:
        """What `train` takes."""
        return (
            Argument(
                name="data", kind=str, is_file=True,
                help="Labelled data, as a zip or a table. Without it the model is trained on the bundled sample.",
            ),
            Argument(name="name", kind=str, help=f"Name of the new bundle: {_NAME}. By default the use case and the time."),
            Argument(
                name="epochs", kind=int, default=5, minimum=0, maximum=1000,
                help="Epochs of fine-tuning; 0 trains a head on frozen features, in seconds.",
            ),
            Argument(name="seed", kind=int, default=0, minimum=0, maximum=2**31 - 1, help="The same seed gives the same model."),
            *self._settings(),
        )  # fmt: skip

    def _settings(self) -> tuple[Argument, ...]:
        return tuple(
            Argument(
                name=setting.name, kind=setting.kind, default=setting.default, minimum=setting.minimum, maximum=setting.maximum,
                help=f"{setting.help}{f' In {setting.unit}.' if setting.unit else ''}",
            )
            for setting in self.workflow.declaration.settings
            # What of this machine is read is not for a caller to say.
            if not setting.names_file
        )  # fmt: skip

    def split(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the given arguments that are settings of the use case and were given a value."""
        known = {setting.name for setting in self.workflow.declaration.settings if not setting.names_file}
        return {name: value for name, value in given.items() if name in known and value is not None}

    def warm(self) -> None:
        """Load the model, so that the first caller need not wait; without a model nothing happens."""
        from imagine_kernels.models.store import find_model

        model = find_model(self.name, self.model, missing_ok=True)
        if model is not None:
            self.workflow.declaration.task.warm(model)

    def predict(
        self,
        data: Path | None,
        *,
        accept: str = ACCEPTED[0],
        model: str | None = None,
        given: Mapping[str, Any] | None = None,
        cancel: threading.Event | None = None,
    ) -> Answer:
        """Identify and measure.

        Parameters
        ----------
        data : Path or None
            A file, folder or zip; None is the bundled sample.
        accept : str
            One of `ACCEPTED`.
        model : str, optional
        given : mapping, optional
            Settings of the use case.
        cancel : threading.Event, optional

        Raises
        ------
        ImagineError
            See `Workflow.open` and `Workflow.identify`.
        """
        if accept not in ACCEPTED:
            raise UnknownName.among("type of answer", accept, ACCEPTED)
        sample = self.workflow.open(data, **dict(given or {}))
        result = self.workflow.identify(sample, model or self.model, cancel=cancel)
        if accept == "text/csv":
            return Answer(content_type=accept, body=result.table().to_csv(index=False, lineterminator="\n").encode())
        if accept == "application/zip":
            return Answer(content_type=accept, body=_zipped(result))
        return Answer(content_type=accept, body=finite(_described(result)))

    def train_command(
        self, data: Path | str, *, name: str | None = None, epochs: int = 5, seed: int = 0, given: Mapping[str, Any] | None = None
    ) -> tuple[str, ...]:
        """The words of ``imagine train`` that train on `data`, for a job.

        Raises
        ------
        SettingError
            The name cannot be one, or is taken.
        """
        out = self.workflow.new_model_folder(name)
        words = ["train", self.name, str(data), "--out", str(out), "--epochs", str(epochs), "--seed", str(seed)]
        for setting, value in sorted((given or {}).items()):
            words += ["--set", f"{setting}={value}"]
        return tuple(words)


def finite(value: Any) -> Any:
    """The same for JSON, which knows neither NaN nor infinity: they become None."""
    if isinstance(value, dict):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _described(result: Result) -> dict[str, Any]:
    predictions, objects = result.predictions, result.sample.objects
    measured = result.measure()
    rows = [
        {"object_id": str(name), "file": str(file), "label": str(label), "probability": p, "status": str(status),
         "probabilities": dict(zip(predictions.classes, each.tolist(), strict=True))}
        for name, file, label, p, status, each in zip(
            predictions.object_id, objects["file"], predictions.label, predictions.probability.tolist(), predictions.status,
            predictions.probabilities, strict=True,
        )
    ]  # fmt: skip
    answer = {
        "use_case": result.declaration.name,
        "sample": result.name,
        "layout": result.sample.layout,
        "model": dict(result.model),
        "n": len(result),
        "classes": list(predictions.classes),
        "predictions": rows,
        "measurements": {name: table.to_dict(orient="records") for name, table in measured.tables.items()},
        "notes": list(measured.notes),
        "problems": [problem.to_dict() for problem in result.problems],
    }
    if len(result) == 1:
        # The interface that the platform draws by itself shows these two for a single picture.
        best = predictions.probabilities[0].argsort()[::-1]
        answer["labels"] = [predictions.classes[i] for i in best]
        answer["probabilities"] = predictions.probabilities[0][best].tolist()
    return answer


def _zipped(result: Result) -> bytes:
    with tempfile.TemporaryDirectory(prefix="imagine-answer-") as place:
        folder = Path(place)
        result.save_with_exports(folder)
        write_measurements(result.measure(), folder)
        packed = io.BytesIO()
        with settings.writing(folder), zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder).as_posix())
        return packed.getvalue()
