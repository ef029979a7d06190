"""Where the figures of a report come from: what was read, with which model, by which versions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path

from imagine_kernels.files import Files

#: Packages that the figures depend on.
PACKAGES = (
    "imagine-kernels",
    "numpy",
    "pandas",
    "scipy",
    "opencv-python-headless",
    "onnxruntime",
    "openvino",
    "torch",
    "papermill",
)
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SourceHash:
    r"""What the source held when it was read.

    Attributes
    ----------
    sha256 : str
        Of the file or zip itself; of a folder, the hash of the sorted lines ``<sha256 of the file>  <path>\\n``, as `sha256sum` prints them.
    kind : str
        ``"file"`` or ``"folder"``.
    n_files : int
    n_bytes : int
        Size of the file, or the sum of the sizes in the folder.
    """

    sha256: str
    kind: str
    n_files: int
    n_bytes: int


def hash_source(path: Path) -> SourceHash | None:
    """The hash of a file, a zip or a folder, hidden files aside; None where it is no longer there."""
    if path.is_file():
        return SourceHash(sha256=_hash_file(path), kind="file", n_files=1, n_bytes=path.stat().st_size)
    if not path.is_dir():
        return None
    names = Files(path).names()
    lines = [f"{_hash_file(path / name)}  {name}\n" for name in names]
    size = sum((path / name).stat().st_size for name in names)
    return SourceHash(sha256=hashlib.sha256("".join(lines).encode()).hexdigest(), kind="folder", n_files=len(names), n_bytes=size)


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Python and the packages that the figures depend on, without importing them."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
