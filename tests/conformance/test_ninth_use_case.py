"""A use case written into a folder of its own passes everything that the built-in ones pass, with no other file changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DECLARATION = '''
"""Copepods among everything else: only the counts."""

from dataclasses import replace

from imagine_kernels.records import Measurements
from imagine_kernels.use_case import Setting
from imagine_kernels.use_cases.zooscan import USE_CASE as ZOOSCAN


def count(sample, predictions, confusion, settings):
    import pandas as pd

    kept = predictions.probability >= settings["at_least"]
    counts = pd.Series(predictions.label[kept]).value_counts().sort_index()
    return Measurements(tables={"counts": pd.DataFrame({"taxon": counts.index, "n_counted": counts.to_numpy()})})


def another_sample(folder, seed):
    return ZOOSCAN.make_sample(folder, seed + 100)


USE_CASE = replace(
    ZOOSCAN,
    name="copepods",
    title="Copepods",
    sentence="Count copepods.",
    measure=count,
    make_sample=another_sample,
    settings=(
        *ZOOSCAN.settings,
        Setting(name="at_least", default=0.0, kind=float, minimum=0, maximum=1, help="Least probability of what is counted."),
    ),
)
'''


def tree() -> dict[str, str]:
    """Hashes of every file that git would carry."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    files = [ROOT / line for line in listed.splitlines()]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}


def test_a_ninth_use_case_passes_with_no_other_file_changed(tmp_path: Path) -> None:
    (tmp_path / "use_cases").mkdir()
    (tmp_path / "use_cases" / "copepods.py").write_text(DECLARATION)
    (tmp_path / "notebooks" / "copepods").mkdir(parents=True)
    for notebook in sorted((ROOT / "notebooks" / "zooscan").glob("*.ipynb")):
        (tmp_path / "notebooks" / "copepods" / notebook.name).write_text(notebook.read_text().replace("zooscan", "copepods"))
    environment = {
        **os.environ,
        "IMAGINE_USE_CASES": str(tmp_path / "use_cases"),
        "IMAGINE_NOTEBOOKS": str(tmp_path / "notebooks"),
    }
    before = tree()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/conformance/test_every_use_case.py",
            "-k",
            "copepods",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout
    assert tree() == before
