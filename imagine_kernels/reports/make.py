"""`make_report`: run the notebook in a process of its own and put the page where it is wanted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagine_kernels import catalog, errors, usage
from imagine_kernels.errors import Cancelled, DataNotFound, ImagineError
from imagine_kernels.progress import read_progress
from imagine_kernels.records import Progress
from imagine_kernels.settings import writing

#: Names a file to which the notebook writes how far it is; set only while a report is made.
PROGRESS_VARIABLE = "IMAGINE_REPORT_PROGRESS"
#: A report that takes longer than this is stopped (s).
TIMEOUT_S = 3600.0
_POLL_S = 0.1


def make_report(
    use_case: str,
    data: Path | str | None = None,
    *,
    out: Path | str,
    model: Path | str | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Execute the report notebook of a use case and write it as one HTML file that needs nothing else.

    Parameters
    ----------
    use_case : str
    data : path, optional
        A file, folder or zip to identify, or a folder that `Result.save` or ``imagine identify`` wrote: then its corrections are kept.
        Without it, the person's latest result, or else the bundled sample.
    out : path
        The HTML file. It appears when it is complete.
    model : path or str, optional
        The bundle to identify with; the starter model without it. A saved result keeps its own.
    settings : mapping, optional
        Settings of the use case.
    progress : callable, optional
        Called as the work advances, in this thread.
    cancel : threading.Event, optional
        Set it to stop.
    timeout_s : float
        Longest time in s.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    ImagineError
        What went wrong in the notebook, as the error that it was: `DataNotFound`, `BundleError`, `SettingError` and so on.
    Cancelled
        `cancel` was set.
    """
    target = Path(out).expanduser()
    if target.is_dir():
        raise DataNotFound(f"{target} is a folder: give the name of the report, for example {target / 'report.html'}.")
    # What can be known to be wrong is said at once, without starting a notebook.
    given = dict(settings or {})
    catalog.get(use_case).read_settings(given)
    notebook = catalog.notebook(use_case, "report")
    if data is not None and not Path(data).expanduser().exists():
        raise DataNotFound.no_such_path(data)
    parameters = {"use_case": use_case, "data": _absolute(data), "model": _absolute_if_there(model), "settings": given}
    with tempfile.TemporaryDirectory(prefix="imagine-report-") as folder:
        page = Path(folder) / "report.html"
        job = {"notebook": str(notebook), "parameters": parameters, "page": str(page), "timeout_s": timeout_s}
        (Path(folder) / "job.json").write_text(json.dumps(job), encoding="utf-8")
        with usage.recorded("report", use_case) as note:
            _run(Path(folder), progress, cancel, timeout_s)
            note.n = 1
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = target.with_name(f".{target.name}.part")
            aside.write_bytes(page.read_bytes())
            aside.replace(target)
    return target


def _absolute(path: Path | str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().absolute())


def _absolute_if_there(model: Path | str | None) -> str | None:
    """A bundle may be given by its name; a path must hold wherever the notebook runs."""
    if model is None:
        return None
    return _absolute(model) if Path(model).expanduser().exists() else str(model)


def _run(folder: Path, progress: Progress | None, cancel: threading.Event | None, timeout_s: float) -> None:
    told = folder / "progress"
    told.touch()
    command = [sys.executable, "-m", "imagine_kernels.reports.kernel", str(folder)]
    environment = {**os.environ, PROGRESS_VARIABLE: str(told)}
    # A process of its own: a notebook runs an event loop, and the caller may have one; and it can be stopped.
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            _follow(process, told, progress, cancel, time.monotonic() + timeout_s)
        finally:
            _stop(process)
    if process.returncode != 0:
        raise _cause(folder, process.returncode)


def _follow(
    process: subprocess.Popen[bytes], told: Path, progress: Progress | None, cancel: threading.Event | None, until: float
) -> None:
    with told.open(encoding="utf-8") as lines:
        rest = ""
        while True:
            running = process.poll() is None
            *whole, rest = (rest + lines.read()).split("\n")
            if progress is not None:
                for line in whole:
                    progress(*read_progress(line))
            if not running:
                return
            if cancel is not None and cancel.is_set():
                raise Cancelled("The report was stopped before it was complete.")
            if time.monotonic() > until:
                raise ImagineError(
                    "The report took too long and was stopped: identify first, then report on the folder with the result."
                )
            time.sleep(_POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        # The whole group; the kernel, in a group of its own, ends when it sees that its parent is gone.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _cause(folder: Path, code: int) -> ImagineError:
    """The error of the notebook as it was raised there; one sentence for all others."""
    failure = folder / "failure.json"
    if not failure.is_file():
        said = (folder / "said").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = f" ({said[-1][:200]})" if said else ""
        return ImagineError(
            f"The report could not be made, its process ended with code {code}{last}: try again, or see to the memory left."
        )
    held = json.loads(failure.read_text(encoding="utf-8"))
    known = getattr(errors, held["name"], None)
    if isinstance(known, type) and issubclass(known, ImagineError):
        return known(held["message"])
    message = " ".join(str(held["message"]).split())[:300]
    return ImagineError(
        f"The report notebook stopped with {held['name']} ({message}): open it in JupyterLab with the same parameters to see where."
    )
