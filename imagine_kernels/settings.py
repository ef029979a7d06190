"""Where the library keeps things, from the environment and nowhere else.

===================== ================================================== ==============
variable              what                                               default
===================== ================================================== ==============
IMAGINE_HOME          models, samples, results, annotations              ``~/imagine``
IMAGINE_MODELS        further folders with model bundles, read-only      none
IMAGINE_SAMPLES       further folders with bundled samples, read-only    none
IMAGINE_NOTEBOOKS     further folders of notebooks                       none
IMAGINE_ANNOTATIONS   database of projects, a file or postgresql://…     annotations.db
IMAGINE_GROUPS        groups of the person, as a JSON list               the hub's
IMAGINE_USE_CASES     folders with further use cases                     none
IMAGINE_USAGE         ``off``: no line per verb below IMAGINE_HOME       on
IMAGINE_SERVE_TOKEN   what callers of ``imagine serve`` must send        none
===================== ================================================== ==============

Where several folders are given they are separated as in ``PATH``.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from imagine_kernels.errors import DataError, NotEnoughSpace


def home() -> Path:
    """The folder of this person's models, samples, results and annotations."""
    return Path(os.environ.get("IMAGINE_HOME") or Path.home() / "imagine").expanduser()


def folders(variable: str) -> tuple[Path, ...]:
    """The folders that an environment variable names."""
    return tuple(Path(part).expanduser() for part in os.environ.get(variable, "").split(os.pathsep) if part)


def models_folders() -> tuple[Path, ...]:
    """Where model bundles are looked for: the person's own folder first."""
    return (home() / "models", *folders("IMAGINE_MODELS"))


def samples_folders() -> tuple[Path, ...]:
    """Where bundled samples are looked for; a missing one is made in the first."""
    return (home() / "samples", *folders("IMAGINE_SAMPLES"))


def results_folder() -> Path:
    """Where the app keeps what was identified."""
    return home() / "results"


def new_folder(base: Path, stem: str) -> Path:
    """A folder in `base` that is not there yet: `stem`, the time, and a number where that is taken."""
    first = base / f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    target, n = first, 2
    while target.exists():
        target, n = first.with_name(f"{first.name}-{n}"), n + 1
    return target


def notebooks_folders() -> tuple[Path, ...]:
    """Where notebooks are looked for: named folders, then those of the checkout, then those of the installed package."""
    package = Path(__file__).resolve().parent
    return (*folders("IMAGINE_NOTEBOOKS"), package.parent / "notebooks", package / "notebooks")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a full disk and missing rights into one sentence.

    Raises
    ------
    NotEnoughSpace
        There is no room left at `path`, or it may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NotEnoughSpace(f"There is no room left to write {path}: free some space, or choose another folder.") from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise NotEnoughSpace(f"{path} cannot be written ({error.strerror}): choose another folder.") from None
        raise


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """A passing name to write to, put in place of `path` at the end, so that a file of that name is always whole.

    Raises
    ------
    NotEnoughSpace
        The disk is full, or `path` may not be written; nothing is left behind.
    DataError
        `path` is a folder.
    """
    path = Path(path)
    # Two processes, or two threads of one, may write the same file: the last one wins, with a whole file.
    passing = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise DataError(f"{path} is a folder: name a file.")
        try:
            yield passing
            os.replace(passing, path)
        finally:
            passing.unlink(missing_ok=True)
