"""The report for a funder: papermill executes ``report.ipynb`` on figures that may be shown, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from imagine_hub.errors import HubError
from imagine_hub.settings.places import REPOSITORY
from imagine_hub.usage.months import shifted
from imagine_hub.usage.privacy import Table

NOTEBOOK = Path(__file__).with_name("report.ipynb")
STYLE = Path(__file__).with_name("report.css")
PATIENCE_S = 180.0
#: Months that a report looks back on, its own among them.
MONTHS = 12


class ReportError(HubError):
    """The report could not be made."""


def looking_back(tables: Sequence[Table], month: str) -> list[Table]:
    """What the report of a month is made of.

    Raises
    ------
    ReportError
        There are no figures for this month.
    """
    chosen = [table for table in tables if shifted(month, 1 - MONTHS) <= table.month <= month]
    if not chosen or chosen[-1].month != month:
        raise ReportError(f"There are no figures for {month}: choose a month that the page offers.")
    return chosen


def make_report(tables: Sequence[Table], month: str, title: str, *, patience_s: float = PATIENCE_S) -> str:
    """The page for a month and the eleven before it.

    Parameters
    ----------
    tables : sequence of Table
        Those that the reader may see, by month.
    month : str
    title : str
        Of the site.
    patience_s : float
        Seconds that it may take.

    Returns
    -------
    str
        HTML without scripts and without anything from elsewhere.

    Raises
    ------
    ReportError
        There are no figures for this month, or the notebook failed or took too long.
    """
    chosen = looking_back(tables, month)
    with tempfile.TemporaryDirectory(prefix="imagine-report-") as name:
        folder = Path(name)
        value = {"title": title, "tables": [table.as_json() for table in chosen]}
        (folder / "figures.json").write_text(json.dumps(value), encoding="utf-8")
        _run(folder, patience_s)
        return (folder / "report.html").read_text(encoding="utf-8")


def _run(folder: Path, patience_s: float) -> None:
    # Neither the service's token nor anything else of its environment.
    environ = {
        "HOME": str(folder),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "PYTHONPATH": str(REPOSITORY / "hub"),
        "LANG": "C.UTF-8",
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    command = [sys.executable, "-m", "imagine_hub.usage.report", str(folder)]
    process = subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        said = process.communicate(timeout=patience_s)[0].decode(errors="replace").strip().splitlines()
    except subprocess.TimeoutExpired:
        raise ReportError(
            f"The report was not ready within {patience_s:.0f} s: try again when the machine is less busy."
        ) from None
    finally:
        # The kernel has the same group; nothing of it stays.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0 or not (folder / "report.html").is_file():
        reason = said[-1] if said else f"exit code {process.returncode}"
        raise ReportError(
            f"The report could not be made ({reason}): the packages papermill, nbconvert and ipykernel must be installed."
        )


def execute(folder: Path) -> None:
    """Execute the notebook on ``figures.json`` of a folder, and write ``report.html`` beside it."""
    import nbformat
    from nbconvert import HTMLExporter
    from papermill.execute import execute_notebook

    executed = folder / "executed.ipynb"
    execute_notebook(
        str(NOTEBOOK),
        str(executed),
        parameters={"figures": str(folder / "figures.json")},
        kernel_name="python3",
        cwd=str(folder),
        progress_bar=False,
        start_timeout=120,
    )
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    notebook = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(notebook)
    style = STYLE.read_text(encoding="utf-8")
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
        f'initial-scale=1"><title>Figures of use</title><style>{style}</style></head><body><main>{body}</main></body></html>\n'
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    execute(Path(sys.argv[1]))
