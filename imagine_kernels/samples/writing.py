"""Writes a sample in one step."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from imagine_kernels.errors import DataNotFound
from imagine_kernels.settings import writing


def write_whole(target: Path, make: Callable[[Path], object]) -> Path:
    """Have a folder made aside and move it to `target`: a cut-off run leaves no half sample behind.

    Raises
    ------
    DataNotFound
        There is something at `target` already.
    NotEnoughSpace
        The disk is full, or `target` may not be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataNotFound(f"{target} is there already: give an empty or a new folder.")
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as aside:
            made = Path(aside) / target.name
            make(made)
            if target.exists():
                target.rmdir()
            shutil.move(made, target)
    return target
