"""Every use case as a module of DEEPaaS v2: the entry points of the group ``deepaas.v2.model`` lead here.

The contract (deepaas 2.6, ``deepaas/model/v2/base.py``): an object with `get_metadata`, `get_predict_args`, `predict`, `get_train_args`, `train`
and `warm`. Its methods are called in a process of their own, to which the object travels; so it holds a name and nothing else.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from webargs import fields, validate

from imagine_kernels import catalog, settings
from imagine_kernels.errors import ImagineError, SettingError
from imagine_kernels.files import safe_name
from imagine_kernels.serving.service import Argument, Service

_FIELDS: dict[type, Any] = {bool: fields.Bool, int: fields.Int, float: fields.Float, str: fields.Str}


class Refused(web.HTTPUnprocessableEntity):
    """A user's error as the answer 422 with its sentence: DEEPaaS itself says only that it got itself in trouble."""

    def __init__(self, sentence: str) -> None:
        super().__init__(text=sentence, content_type="text/plain")
        self.sentence = sentence

    def __reduce__(self) -> tuple[Callable[[str], Refused], tuple[str]]:
        # It is raised in another process.
        return type(self), (self.sentence,)


class DeepaasModel:
    """One use case behind the contract.

    Parameters
    ----------
    name : str
        Of the use case.
    """

    #: The answer of `predict` goes out as ``{"status": "OK", "predictions": …}``.
    schema = None

    def __init__(self, name: str) -> None:
        self.name = name

    def get_metadata(self) -> dict[str, Any]:
        """What the platform shows."""
        return Service(self.name).metadata()

    def get_predict_args(self) -> dict[str, Any]:
        """The arguments of `predict` as webargs fields."""
        return {argument.name: _field(argument) for argument in Service(self.name).predict_arguments()}

    def get_train_args(self) -> dict[str, Any]:
        """The arguments of `train` as webargs fields; data are a path, for DEEPaaS cannot pass on a file here."""
        arguments = {argument.name: _field(argument) for argument in Service(self.name).train_arguments() if not argument.is_file}
        where = "Labelled data on the machine of the service: a file, folder or zip. Without it the bundled sample."
        return {"data": fields.Str(required=False, load_default=None, metadata={"description": where}), **arguments}

    def warm(self) -> None:
        """Load the model."""
        Service(self.name).warm()

    def predict(self, **given: Any) -> dict[str, Any] | bytes:
        """Identify and measure what was uploaded; a dict for JSON, bytes for every other type of answer."""
        service = Service(self.name)
        accept = given.get("accept") or "application/json"
        upload = given.get("data")
        with tempfile.TemporaryDirectory(prefix="imagine-upload-") as place:
            try:
                data = None if upload is None else _taken(upload, Path(place))
                answer = service.predict(
                    data,
                    accept="application/json" if accept == "*/*" else accept,
                    model=given.get("model"),
                    given=service.split(given),
                )
            except ImagineError as error:
                # The caller knows the file by its name, not by where it lies here.
                raise Refused(str(error).replace(f"{place}/", "")) from None
        return answer.body

    def train(self, **given: Any) -> dict[str, Any]:
        """Train a bundle among the models of the service and say what came of it."""
        from imagine_kernels.models.store import model_summary
        from imagine_kernels.serving.service import finite

        service = Service(self.name)
        try:
            sample = service.workflow.open(given.get("data"), **service.split(given))
            bundle = service.workflow.train(
                sample,
                epochs=given.get("epochs", 5),
                seed=given.get("seed", 0),
                out=service.workflow.new_model_folder(given.get("name")),
            )
        except ImagineError as error:
            raise Refused(str(error)) from None
        described: dict[str, Any] = finite({"bundle": str(bundle.path), **model_summary(bundle)})
        return described


def __getattr__(name: str) -> DeepaasModel:
    """The module of any use case in the catalogue, by its name: ``imagine_kernels.serving.deepaas:zooscan``."""
    if name in catalog.names():
        return DeepaasModel(name)
    raise AttributeError(f"There is no use case {name!r}.")


def run(names: tuple[str, ...], *, host: str, port: int) -> None:
    """Run DEEPaaS with these use cases in place of this process; it does not return.

    Use cases that are not entry points of the installed package, as those of ``IMAGINE_USE_CASES``, are announced for this one run.

    Raises
    ------
    SettingError
        DEEPaaS is not installed.
    UnknownName
        There is no such use case.
    """
    import sys
    from importlib.util import find_spec

    if find_spec("deepaas") is None:
        raise SettingError('DEEPaaS is not installed: run `pip install "imagine-kernels[serving]"`.')
    for name in names:
        catalog.get(name)
    place = settings.home() / "deepaas"
    note = place / "imagine_use_cases-0.dist-info"
    with settings.writing(note):
        note.mkdir(parents=True, exist_ok=True)
    (note / "METADATA").write_text("Metadata-Version: 2.1\nName: imagine-use-cases\nVersion: 0\n", encoding="utf-8")
    lines = [f"{name} = imagine_kernels.serving.deepaas:{name}" for name in names]
    (note / "entry_points.txt").write_text("\n".join(["[deepaas.v2.model]", *lines, ""]), encoding="utf-8")
    path = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "deepaas.cmd.run", "--listen-ip", host, "--listen-port", str(port)]
    if len(names) == 1:
        command += ["--model-name", names[0]]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path, "IMAGINE_ORIGIN": "deepaas"})  # noqa: S606


def _field(argument: Argument) -> Any:
    words: dict[str, Any] = {"description": argument.help}
    if argument.is_file:
        return fields.Field(required=False, load_default=None, metadata={**words, "type": "file", "location": "form"})
    checks: list[Any] = []
    if argument.choices:
        checks = [validate.OneOf(list(argument.choices))]
    elif argument.minimum is not None or argument.maximum is not None:
        checks = [validate.Range(min=argument.minimum, max=argument.maximum)]
    if argument.name == "accept":
        # DEEPaaS adds a choice to this very validator.
        return fields.Str(
            required=False, load_default=argument.default, validate=checks[0], metadata={**words, "location": "headers"}
        )
    return _FIELDS[argument.kind](
        required=False, load_default=argument.default, allow_none=True, validate=checks or None, metadata=words
    )


def _taken(upload: Any, folder: Path) -> Path:
    """The uploaded file under its own name; DEEPaaS leaves its copy behind, here it goes."""
    target = folder / safe_name(upload.original_filename)
    shutil.move(upload.filename, target)
    return target
