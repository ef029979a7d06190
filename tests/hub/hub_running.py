"""A real hub for tests: started by the launcher, in a state folder of its own, with small notebooks or the installed ones."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
import psutil
from imagine_hub.network import free_port
from imagine_hub.processes import marked
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

REPOSITORY = Path(__file__).resolve().parents[2]
STYLE = REPOSITORY / "imagine_kernels" / "widgets" / "frontend" / "style" / "imagine.css"

PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 200"><rect width="320" height="200" fill="#dfeef6"/>
<ellipse cx="160" cy="100" rx="70" ry="38" fill="#4a6b80"/>
<path d="M90 100C60 60 50 40 40 20M90 100C60 140 50 160 40 180" stroke="#4a6b80" fill="none"/></svg>"""

# A widget that asks Python for something and shows the answer.
APP = '''import anywidget
import traitlets


class Tiny(anywidget.AnyWidget):
    _esm = """
    function render({ model, el }) {
      const button = document.createElement("button");
      const answer = document.createElement("p");
      button.textContent = "Measure";
      button.onclick = () => { model.set("asked", model.get("asked") + 1); model.save_changes(); };
      const show = () => { answer.textContent = model.get("answer"); };
      model.on("change:answer", show);
      show();
      el.append(button, answer);
      document.dispatchEvent(new Event("ik-shown"));
    }
    export default { render };
    """
    asked = traitlets.Int(0).tag(sync=True)
    answer = traitlets.Unicode("not yet").tag(sync=True)

    @traitlets.observe("asked")
    def _measure(self, change):
        self.answer = f"measured {6 * 7}"
'''


@dataclasses.dataclass
class Hub:
    """One run of the launcher.

    Attributes
    ----------
    state : Path
        Its state folder.
    port : int
    process : subprocess.Popen
        The launcher.
    address, user, password : str
        As it printed them.
    seconds : float
        From the start to the printed address [s].
    """

    state: Path
    port: int
    process: subprocess.Popen[str]
    address: str = ""
    user: str = ""
    password: str = ""
    seconds: float = 0.0
    printed: list[str] = dataclasses.field(default_factory=list)

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=5)
        return code

    def wait_until_up(self, timeout_s: float = 120.0) -> None:
        """Read what the launcher prints until it has named the password."""
        started = time.monotonic()
        up = threading.Event()

        def read() -> None:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                self.printed.append(line)
                if "Ctrl-C stops" in line:
                    self.seconds = time.monotonic() - started
                    up.set()
            up.set()

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        if not up.wait(timeout_s) or not self.seconds:
            self.process.kill()
            raise RuntimeError(f"the hub did not come up:\n{''.join(self.printed)}\n{self.log()[-3000:]}")
        text = "".join(self.printed)
        self.address, self.user, self.password = (
            _found(rf"│ +{word} +(\S+)", text, missing="" if word != "address" else None).rstrip(",")
            for word in ("address", "user name", "password")
        )

    def log(self) -> str:
        """What hub, proxy and servers have written."""
        path = self.state / "hub.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def processes(self) -> list[str]:
        """The command lines of what belongs to this hub."""
        found = []
        for process in marked(self.state):
            # One that ends meanwhile is none.
            with contextlib.suppress(psutil.Error):
                found.append(" ".join(process.cmdline()))
        return found


def _found(pattern: str, text: str, *, missing: str | None = None) -> str:
    found = re.search(pattern, text)
    if found is None and missing is not None:
        return missing
    if found is None:
        raise RuntimeError(f"the launcher did not print {pattern!r}:\n{text}")
    return found[1]


def start(state: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None, file: Path | None = None) -> Hub:
    """Start the launcher and wait until the hub answers.

    Parameters
    ----------
    state : Path
        State folder.
    port : int, optional
        A free one if left out.
    settings : mapping, optional
        Overrides, e.g. ``{"IMAGINE_HUB_LOGIN_USERS": "a,b"}``.
    file : Path, optional
        A settings file instead of the one in the repository.
    """
    port = port or free_port()
    hub = Hub(state, port, launch(state, port, settings or {}, file))
    hub.wait_until_up()
    return hub


def launch(state: Path, port: int, settings: Mapping[str, str], file: Path | None = None) -> subprocess.Popen[str]:
    """Start the launcher and return at once."""
    command = [sys.executable, str(REPOSITORY / "hub" / "run.py"), f"--port={port}", f"--state={state}"]
    if file is not None:
        command.append(f"--settings={file}")
    return subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


def run_async(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own: where a browser is open, this thread has a loop already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


def small_site(folder: Path) -> dict[str, str]:
    """Notebooks of three cells and a listing of one use case, so that the hub is tested without the library.

    Returns
    -------
    dict
        The overrides for :func:`start`.
    """
    notebooks = folder / "notebooks" / "zooscan"
    notebooks.mkdir(parents=True)
    app = [APP, "Tiny()"]
    for name, title, cells in (
        ("identify", "Identify", app),
        ("explore-and-train", "Explore and train", ["6 * 7"]),
        ("report", "Report", ["from IPython.display import HTML", "HTML(f'<p>six times seven is {6 * 7}</p>')"]),
    ):
        _write_notebook(notebooks / f"{name}.ipynb", title, cells)
    picture = folder / "plankton.svg"
    picture.write_text(PICTURE, encoding="utf-8")
    listing = folder / "listing.json"
    listing.write_text(json.dumps(small_listing(picture)), encoding="utf-8")
    script = folder / "list.py"
    script.write_text(f"print(open({str(listing)!r}, encoding='utf-8').read())", encoding="utf-8")
    return {
        "IMAGINE_HUB_SERVERS_NOTEBOOKS": str(folder / "notebooks"),
        "IMAGINE_HUB_LISTING_COMMAND": f"{sys.executable},{script}",
        "IMAGINE_HUB_LOGIN_USERS": "scientist,colleague",
        # Tests try wrong passwords, and one address is all that they have.
        "IMAGINE_HUB_LOGIN_FAILURES": "1000",
    }


def small_listing(picture: Path) -> dict[str, object]:
    """A listing as the library writes it, with one use case."""
    return {
        "use_cases": [
            {
                "name": "zooscan",
                "title": "Zooplankton from ZooScan",
                "sentence": "Identify the vignettes of a ZooScan sample and take home abundances and biovolumes per taxon.",
                "picture": str(picture),
                "model": {
                    "name": "zooscan-starter",
                    "recipe": "frozen EfficientNet-Lite0, 8 orientations, with morphometry",
                    "metrics": {"balanced_accuracy": {"value": 0.8712, "low": 0.8123, "high": 0.9161}},
                    "n_held_out": 64,
                },
                "notebooks": {
                    "identify": "zooscan/identify.ipynb",
                    "explore": "zooscan/explore-and-train.ipynb",
                    "report": "zooscan/report.ipynb",
                },
            }
        ],
        "style": str(STYLE),
    }


def _write_notebook(path: Path, title: str, cells: list[str]) -> None:
    prose = [new_markdown_cell("## What was measured")] if title == "Report" else []
    notebook = new_notebook(cells=[*prose, *map(new_code_cell, cells)])
    notebook.metadata |= {"title": title, "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(notebook, path)
