"""The notebooks in a user's home: put there, kept up to date, and never taken away.

Two kinds of notebook come with the project. Those that open as apps and reports are parts of the product: the home of a user
holds the installed version, read-only, so that the button on the home page works after every update. All others are the
user's to work in: a new version replaces one only if the user has not changed it, and lies beside it otherwise.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

# Rendered by Voilà; the names are the same in every use case.
PAGES = frozenset(("identify.ipynb", "annotate.ipynb", "report.ipynb"))
RECORD = ".imagine-notebooks.json"


def update(source: Path, home: Path) -> list[str]:
    """Bring the notebooks in a home up to date.

    Parameters
    ----------
    source : Path
        Folder of the installed notebooks, one folder per use case.
    home : Path
        The user's home; made if it is not there.

    Returns
    -------
    list of str
        What was done, one phrase per file that was touched.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    record_file = home / RECORD
    # What was put there last, by path: tells the user's changes from ours.
    record = _read_record(record_file)
    done = []
    for file in _files(source):
        name = file.relative_to(source).as_posix()
        target = home / name
        new = _hash(file)
        old = record.get(name)
        has = _hash(target) if target.is_file() else None
        if has == new:
            pass
        elif has is None or (has == old and file.name not in PAGES):
            _put(file, target)
            done.append(f"{name}: installed")
        elif file.name in PAGES:
            if has != old:
                kept = _free_name(target, "mine")
                target.replace(kept)
                kept.chmod(0o600)
                done.append(f"{name}: your version is kept as {kept.name}")
            _put(file, target)
            done.append(f"{name}: installed")
        elif new != old:
            beside = target.with_name(f"{target.stem}.new{target.suffix}")
            _put(file, beside)
            done.append(f"{name}: yours is kept, the new version is {beside.name}")
        record[name] = new
    text = json.dumps(record, indent=1, sort_keys=True)
    if not record_file.is_file() or record_file.read_text(encoding="utf-8") != text:
        record_file.write_text(text, encoding="utf-8")
    return done


def _files(source: Path) -> Iterator[Path]:
    for file in sorted(source.rglob("*")):
        parts = file.relative_to(source).parts
        if file.is_file() and not any(part.startswith((".", "__")) for part in parts):
            yield file


def _put(file: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A link in the home must not lead the copy elsewhere.
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    shutil.copyfile(file, part)
    part.chmod(0o400 if file.name in PAGES else 0o600)
    part.replace(target)


def _free_name(path: Path, word: str) -> Path:
    number = 1
    while (free := path.with_name(f"{path.stem}.{word}{'' if number == 1 else number}{path.suffix}")).exists():
        number += 1
    return free


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_record(path: Path) -> dict[str, str]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}
