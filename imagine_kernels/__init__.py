"""From pictures of the sea to the scientist's quantities, with their units and errors.

>>> import imagine_kernels as ik
>>> plankton = ik.use_case("zooscan")
>>> plankton.name
'zooscan'

The five verbs are `open`, `train`, `identify`, `measure` and `export`; see `Workflow` and `Result`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagine_kernels import errors
from imagine_kernels.errors import ImagineError

if TYPE_CHECKING:
    from imagine_kernels.reports import make_report
    from imagine_kernels.workflow import Result, Workflow, list_use_cases, open_result, use_case

__version__ = "0.1.0"

__all__ = ["ImagineError", "Result", "Workflow", "errors", "list_use_cases", "make_report", "open_result", "use_case"]

_WHERE = {
    "Result": "workflow",
    "Workflow": "workflow",
    "list_use_cases": "workflow",
    "make_report": "reports",
    "open_result": "workflow",
    "use_case": "workflow",
}


def __getattr__(name: str) -> object:
    # Loaded when used, so that listing and help stay quick.
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
