"""What a window on the desktop needs, checked beforehand: Qt itself ends the process where something is missing."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

from imagine_kernels.errors import ImagineError

INSTEAD = "or open the identify app in a browser instead"
#: Debian packages of all that Qt takes from the system.
LIBRARIES = "libegl1 libgl1 libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"


class NoDesktop(ImagineError):
    """No window can be opened here."""


def check_desktop() -> None:
    """Raise where napari, Qt, its libraries, a display or OpenGL is missing.

    Raises
    ------
    NoDesktop
        With the remedy.
    """
    missing = [name for name in ("napari", "PySide6") if importlib.util.find_spec(name) is None]
    if missing:
        raise NoDesktop(f'{" and ".join(missing)} is not installed: run `pip install "imagine-kernels[desktop]"`, {INSTEAD}.')
    if sys.platform.startswith("linux"):
        _check_linux()
    os.environ.setdefault("QT_API", "pyside6")
    try:
        from napari.qt import get_qapp
        from PySide6.QtGui import QOpenGLContext
    except ImportError as error:
        raise NoDesktop(_lacking(error)) from None
    get_qapp()
    if not QOpenGLContext().create():
        raise NoDesktop(f"There is no OpenGL on this display, and napari draws with it: install a graphics driver, {INSTEAD}.")


def _check_linux() -> None:
    platform, display = os.environ.get("QT_QPA_PLATFORM", ""), os.environ.get("DISPLAY", "")
    if not platform and not display and not os.environ.get("WAYLAND_DISPLAY"):
        raise NoDesktop(f"There is no display to open a window on (DISPLAY is not set): log in with a desktop, {INSTEAD}.")
    if not platform.startswith("xcb") and (platform or os.environ.get("WAYLAND_DISPLAY")):
        return
    found = importlib.util.find_spec("PySide6")
    folder = Path(next(iter(found.submodule_search_locations or [""]))) if found else Path()
    try:
        ctypes.CDLL(str(folder / "Qt" / "plugins" / "platforms" / "libqxcb.so"))
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError as error:
        raise NoDesktop(_lacking(error)) from None
    x11.XOpenDisplay.restype = ctypes.c_void_p
    connection = x11.XOpenDisplay(None)
    if not connection:
        raise NoDesktop(f"The display {display!r} does not answer: check DISPLAY, {INSTEAD}.")
    x11.XCloseDisplay(ctypes.c_void_p(connection))


def _lacking(error: Exception) -> str:
    library = str(error).partition(":")[0]
    return f"Qt lacks {library}: install the libraries of the system (Debian: `apt-get install {LIBRARIES}`), {INSTEAD}."
