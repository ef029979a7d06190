"""Run all benchmarks, or those named: ``python -m benchmarks [NAME …]``.

Each module here with a function ``main`` is one; each runs in a process of its own, so that none warms up or slows down another.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """The benchmarks: modules with a function `main`."""
    found = []
    for file in sorted(HERE.glob("[a-z]*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found.append(file.stem)
    return found


def run_all(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"Unknown benchmark {unknown[0]!r}; known: {', '.join(names())}.", file=sys.stderr)
        return 2
    failed = [
        name
        for name in wanted or names()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False).returncode
    ]
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_all(sys.argv[1:]))
