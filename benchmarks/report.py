"""Tables of results in Markdown, with the machine that they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
#: Real data that may not be redistributed; what needs them says so and is left out where they are absent.
SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
_PACKAGES = ("torch", "fastai", "timm", "scikit-learn", "onnxruntime", "openvino", "numpy")


def machine() -> str:
    """Processor, cores and versions; no host names, no paths."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    flags = next((set(line.split(":", 1)[1].split()) for line in _lines("/proc/cpuinfo") if line.startswith("flags")), set())
    vector = ", ".join(
        name for flag, name in (("avx2", "AVX2"), ("avx512f", "AVX-512"), ("avx512_bf16", "bf16")) if flag in flags
    )
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return f"{len(os.sched_getaffinity(0))} cores, {model} ({vector}), Python {platform.python_version()}, {packages}"


def load() -> str:
    """What else the machine was doing: figures taken beside other work are lower bounds of the speed."""
    return f"Load of the machine in the minute before the end: {os.getloadavg()[0]:.1f}."


def write_table(name: str, title: str, *, head: Sequence[str], rows: Iterable[Sequence[str]], text: Sequence[str] = ()) -> Path:
    """Write ``results/<name>.md`` and print it."""
    lines = [f"# {title}", "", *[part for paragraph in text for part in (paragraph, "")]]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]
    lines += ["", f"{machine()}. {datetime.now(UTC):%Y-%m-%d}. {load()}", ""]
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.md"
    target.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines), flush=True)
    return target


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "–"
