"""The arrows between the layers: who may import whom, read from the syntax tree of every file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "imagine_kernels"

BOTTOM = {"errors", "units", "settings", "usage", "files", "__version__"}
RECORDS = BOTTOM | {"records"}
LIGHT_WORKFLOW = {"workflow", "result", "catalog", "use_case"}
#: What each part may import, itself aside.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "units": BOTTOM,
    "settings": BOTTOM,
    "usage": BOTTOM,
    "files": BOTTOM,
    "records": BOTTOM,
    "progress": RECORDS,
    "formats": RECORDS,
    "media": RECORDS,
    "measures": RECORDS,
    "figures": RECORDS,
    "use_case": RECORDS,
    "tasks": RECORDS | {"media", "measures", "models", "inference"},
    "models": RECORDS | {"media", "measures", "tasks"},
    "inference": RECORDS | {"media", "measures", "tasks", "models"},
    "annotation": RECORDS | {"formats"},
    "samples": RECORDS | {"formats"},
    "use_cases": RECORDS | {"formats", "media", "measures", "samples", "tasks", "use_case"},
    "catalog": RECORDS | {"use_case", "use_cases"},
    "result": RECORDS | {"use_case", "catalog", "models"},
    "workflow": RECORDS
    | LIGHT_WORKFLOW
    | {"progress", "media", "tasks", "models", "inference", "measures", "formats", "samples"},
    "assistance": RECORDS | LIGHT_WORKFLOW | {"annotation", "media", "measures", "models"},
    "reports": RECORDS | LIGHT_WORKFLOW | {"annotation", "figures", "formats", "progress"},
    "quality": RECORDS | {"annotation", "measures"},
    "jobs": RECORDS | {"progress"},
    "widgets": RECORDS,
    "apps": RECORDS
    | LIGHT_WORKFLOW
    | {"annotation", "assistance", "figures", "formats", "measures", "media", "quality", "widgets", "reports"},
    "serving": RECORDS | LIGHT_WORKFLOW | {"jobs", "models"},
    "cli": RECORDS
    | LIGHT_WORKFLOW
    | {"apps", "reports", "annotation", "quality", "measures", "jobs", "serving", "progress", "formats", "models", "inference"},
    "__init__": RECORDS | LIGHT_WORKFLOW | {"reports"},
}
HEAVY = {"torch", "torchvision", "fastai", "timm"}
MAY_USE_TORCH = {"tasks", "models", "inference"}


def part_of(file: Path) -> str:
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(source: str, package: str) -> list[tuple[str, int]]:
    """Absolute names of all that a file imports, wherever in it, with the line; type-checking blocks count too."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            if base == "imagine_kernels":
                found += [(f"{base}.{alias.name}", node.lineno) for alias in node.names]
            else:
                found.append((base, node.lineno))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "import_module":
            found += [(str(first.value), node.lineno) for first in node.args[:1] if isinstance(first, ast.Constant)]
    return found


def python_files() -> list[Path]:
    return [file for file in sorted(PACKAGE.rglob("*.py")) if "node_modules" not in file.parts]


def wrong_arrows(source: str, part: str, package: str) -> list[str]:
    wrong = []
    for name, line in imports(source, package):
        parts = name.split(".")
        if parts[0] == "imagine_kernels":
            target = parts[1] if len(parts) > 1 else "__init__"
            if target not in {part, "__init__"} | ALLOWED[part]:
                wrong.append(f"line {line}: {part} imports {target}")
        if parts[0] in HEAVY and part not in MAY_USE_TORCH:
            wrong.append(f"line {line}: {part} imports {parts[0]}")
    return wrong


@pytest.mark.parametrize("file", python_files(), ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_no_wrong_arrow(file: Path) -> None:
    package = ".".join(file.relative_to(ROOT).with_suffix("").parts[:-1])
    assert wrong_arrows(file.read_text(encoding="utf-8"), part_of(file), package) == []


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("from imagine_kernels.workflow import use_case", "measures"),
        ("import imagine_kernels.tasks.classification", "widgets"),
        ("def f():\n    from imagine_kernels import workflow", "formats"),
        ("from ..apps import identify", "measures"),
        ("import torch", "measures"),
        ("def f():\n    from fastai.vision.all import Learner", "apps"),
        ("from importlib import import_module\nimport_module('imagine_kernels.apps')", "records"),
    ],
)
def test_a_wrong_arrow_is_found(source: str, part: str) -> None:
    assert wrong_arrows(source, part, f"imagine_kernels.{part}")


def test_every_part_has_its_rule() -> None:
    assert {part_of(file) for file in python_files()} <= set(ALLOWED)


def test_the_hub_imports_nothing_of_the_library() -> None:
    # What tries an image runs inside it.
    for file in sorted(set((ROOT / "hub").rglob("*.py")) - {ROOT / "hub" / "images" / "check_image.py"}):
        names = [name for name, _ in imports(file.read_text(encoding="utf-8"), "hub")]
        assert not [name for name in names if name.split(".")[0] == "imagine_kernels"], file


def test_no_file_grows_past_four_hundred_lines() -> None:
    files = [*python_files(), *sorted((ROOT / "hub").rglob("*.py"))]
    long = {str(file.relative_to(ROOT)): n for file in files if (n := len(file.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}
