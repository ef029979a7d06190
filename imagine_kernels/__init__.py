"""From pictures of the sea to the scientist's quantities, with their units and errors.

>>> import imagine_kernels as ik
>>> plankton = ik.use_case("zooscan")
>>> plankton.name
'zooscan'

The five verbs are `open`, `train`, `identify`, `measure` and `export`; see `Workflow` and `Result`.
"""

from __future__ import annotations

from imagine_kernels import errors
from imagine_kernels.errors import ImagineError

# The function takes the place of the module of the same name, which the line below imports on its way.
from imagine_kernels.workflow import Result, Workflow, list_use_cases, open_result, use_case

__version__ = "0.1.0"

__all__ = ["ImagineError", "Result", "Workflow", "errors", "list_use_cases", "make_report", "open_result", "use_case"]


def __getattr__(name: str) -> object:
    # Loaded when used: a report needs a good part of Jupyter.
    if name != "make_report":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from imagine_kernels.reports import make_report

    return make_report


def __dir__() -> list[str]:
    return __all__
