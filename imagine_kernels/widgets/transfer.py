"""Files from the page and to it, in parts of a megabyte."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from imagine_kernels.errors import DataError, NotEnoughSpace
from imagine_kernels.settings import writing
from imagine_kernels.widgets.part import Reply

#: Largest zip that a page may send, bytes.
MOST_BYTES = 20 * 1024**3


@dataclass
class _Arriving:
    path: Path
    aside: Path
    size: int
    stream: BinaryIO
    got: int = 0


class Uploads:
    """Takes zips that a page sends, and puts each under its own name into a folder.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._arriving: dict[str, _Arriving] = {}
        self._lock = threading.Lock()

    def begin(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> dict[str, str]:
        """Announce a file; raises `DataError` where it is no zip or too large, `NotEnoughSpace` where it cannot fit."""
        import shutil

        name, size = PurePosixPath(str(given["name"]).replace("\\", "/")).name, int(given["size"])
        if not name.lower().endswith(".zip") or name.startswith("."):
            raise DataError(f"{name} is not a zip: pack the folder of the sample into one zip and drop that.")
        if size > MOST_BYTES:
            raise DataError(
                f"{name} is larger than {MOST_BYTES / 1e9:.0f} GB: copy it to the server and choose the folder there."
            )
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < size + 50_000_000:
            raise NotEnoughSpace(f"There is no room for {name} ({size / 1e6:.0f} MB) in {self.folder}: free some space first.")
        token = secrets.token_hex(8)
        aside = self.folder / f".{token}.part"
        with writing(aside):
            self._arriving[token] = _Arriving(path=self._free(name), aside=aside, size=size, stream=aside.open("wb"))
        return {"token": token}

    def part(self, given: Mapping[str, Any], buffers: Sequence[memoryview]) -> dict[str, int]:
        """Take one part at its offset."""
        arriving = self._of(given)
        data = buffers[0] if buffers else memoryview(b"")
        with self._lock, writing(arriving.aside):
            if int(given["at"]) != arriving.got or arriving.got + data.nbytes > arriving.size:
                raise DataError(f"A part of {arriving.path.name} arrived out of place: send the file again.")
            arriving.stream.write(data)
            arriving.got += data.nbytes
        return {"got": arriving.got}

    def end(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> dict[str, str]:
        """The file is complete; gives its path."""
        arriving = self._of(given)
        if arriving.got != arriving.size:
            raise DataError(f"{arriving.path.name} arrived with {arriving.got} of {arriving.size} bytes: send it again.")
        arriving.stream.close()
        with writing(arriving.path):
            arriving.aside.replace(arriving.path)
        del self._arriving[str(given["token"])]
        return {"path": str(arriving.path)}

    def drop(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> None:
        """The person does not want it after all."""
        arriving = self._of(given)
        arriving.stream.close()
        arriving.aside.unlink(missing_ok=True)
        del self._arriving[str(given["token"])]

    def _of(self, given: Mapping[str, Any]) -> _Arriving:
        arriving = self._arriving.get(str(given.get("token")))
        if arriving is None:
            raise DataError("That upload is not known any more: send the file again.")
        return arriving

    def _free(self, name: str) -> Path:
        path, n = self.folder / name, 2
        while path.exists():
            path, n = self.folder / f"{Path(name).stem}-{n}.zip", n + 1
        return path


class Downloads:
    """Hands files to the page part by part."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[Path, bool]] = {}

    def offer(self, path: Path, kind: str, *, name: str | None = None, temporary: bool = True) -> dict[str, Any]:
        """Announce a file; a temporary one is deleted when it was fetched."""
        token = secrets.token_hex(8)
        self._files[token] = (path, temporary)
        return {"token": token, "name": name or path.name, "size": path.stat().st_size, "type": kind}

    def part(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> Reply:
        """One part."""
        path, _temporary = self._of(given)
        with path.open("rb") as stream:
            stream.seek(int(given["at"]))
            return Reply(None, [stream.read(min(int(given["size"]), 4_000_000))])

    def end(self, given: Mapping[str, Any], _: Sequence[memoryview]) -> None:
        """The page has it all."""
        path, temporary = self._of(given)
        del self._files[str(given["token"])]
        if temporary:
            path.unlink(missing_ok=True)
            # The folder was made for that one file; with anything else in it, it stays.
            with suppress(OSError):
                path.parent.rmdir()

    def _of(self, given: Mapping[str, Any]) -> tuple[Path, bool]:
        found = self._files.get(str(given.get("token")))
        if found is None:
            raise DataError("That file is not known any more: ask for the download again.")
        return found
