"""What a desktop is made of, and whether it is here: only the image for it has all."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

#: Programs, each under the names that it may have; Debian calls its X server for VNC otherwise than all others.
DISPLAY, MANAGER, LOOK = ("Xtigervnc", "Xvnc"), ("openbox",), ("xprop",)
#: noVNC, which draws the display in the browser: unchanged, as its makers publish it (MPL-2.0).
VIEWER = Path(sys.prefix) / "share" / "novnc" / "node_modules" / "@novnc" / "novnc"
LIBRARIES = ("napari", "PySide6", "imagine_kernels")
REMEDY = (
    "Stop this server and start one of a size with a desktop. Where none is offered, ask whoever runs this hub to add one"
    " with the image imagine-desktop."
)


def program(names: tuple[str, ...]) -> str:
    """Where a program is; empty if it is not here."""
    return next(filter(None, map(shutil.which, names)), "")


def missing() -> tuple[str, ...]:
    """What is not here of all that a desktop needs; nothing is imported."""
    found = [names[-1] for names in (DISPLAY, MANAGER, LOOK) if not program(names)]
    if not (VIEWER / "core" / "rfb.js").is_file():
        found.append("noVNC")
    return (*found, *(name for name in LIBRARIES if importlib.util.find_spec(name) is None))


def why_not() -> str:
    """Why there is no desktop on this server, with the remedy; empty if there is one."""
    lacking = missing()
    return f"This server has no desktop ({', '.join(lacking)} not installed). {REMEDY}" if lacking else ""
