"""Finds and lists the use cases, without importing torch.

A use case is a module with a `USE_CASE`: in `imagine_kernels.use_cases`, or in a folder named in the environment variable
``IMAGINE_USE_CASES`` (several are separated as in ``PATH``).
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

from imagine_kernels import use_cases
from imagine_kernels.errors import FormatError, UnknownName
from imagine_kernels.settings import folders, notebooks_folders
from imagine_kernels.use_case import UseCase

FOLDERS_VARIABLE = "IMAGINE_USE_CASES"


#: The notebooks of a use case: what they are for and the name of the file.
NOTEBOOKS = {
    "identify": "identify.ipynb",
    "annotate": "annotate.ipynb",
    "explore": "explore-and-train.ipynb",
    "report": "report.ipynb",
}


def _external() -> dict[str, Path]:
    places = folders(FOLDERS_VARIABLE)
    return {file.stem: file for folder in places for file in sorted(folder.glob("*.py")) if not file.stem.startswith("_")}


def names() -> tuple[str, ...]:
    """The names of all use cases, sorted."""
    own = {module.name for module in pkgutil.iter_modules(use_cases.__path__) if not module.name.startswith("_")}
    return tuple(sorted(own | set(_external())))


def get(name: str) -> UseCase:
    """The declaration of one use case.

    Raises
    ------
    UnknownName
        No use case has that name.
    FormatError
        Its module holds no `USE_CASE`, or one of another name.
    """
    external = _external()
    if name not in names():
        raise UnknownName.among("use case", name, names())
    module_name = f"imagine_kernels.use_cases.{name}"
    if name in external and module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, external[name])
        assert spec is not None  # it and its loader are given for a path that ends in .py
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
    declared = getattr(importlib.import_module(module_name), "USE_CASE", None)
    if not isinstance(declared, UseCase) or declared.name != name:
        raise FormatError(f"The module of the use case {name} must hold USE_CASE = UseCase(name={name!r}, …).")
    return declared


def picture(name: str) -> Path | None:
    """The picture of a use case for its card: ``pictures/<name>.png`` or ``.svg`` beside its module."""
    own = [Path(folder) for folder in use_cases.__path__]
    for folder in (*folders(FOLDERS_VARIABLE), *own):
        for suffix in (".svg", ".png"):
            if (file := folder / "pictures" / f"{name}{suffix}").is_file():
                return file
    return None


def notebooks(name: str) -> dict[str, str]:
    """The notebooks of a use case that are there, as ``<use case>/<file>``, by what they are for."""
    return {
        purpose: f"{name}/{file}"
        for purpose, file in NOTEBOOKS.items()
        if any((folder / name / file).is_file() for folder in notebooks_folders())
    }


def notebook(name: str, purpose: str) -> Path:
    """The path of one notebook of a use case.

    Raises
    ------
    UnknownName
        The use case has no notebook for that purpose.
    """
    for folder in notebooks_folders():
        if purpose in NOTEBOOKS and (file := folder / name / NOTEBOOKS[purpose]).is_file():
            return file
    raise UnknownName.among(f"notebook of {name}", purpose, notebooks(name))


def style_sheet() -> Path:
    """The one style sheet of apps, home page and reports."""
    return Path(use_cases.__file__).resolve().parent.parent / "widgets" / "frontend" / "style" / "imagine.css"
