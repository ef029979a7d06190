"""Files that a page sends: zips and single files."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagine_kernels.errors import DataError
from imagine_kernels.files import safe_name
from imagine_kernels.settings import writing
from imagine_kernels.widgets.transfer import Uploads


class Arriving(Uploads):
    """Uploads that may also be single files; what has arrived is known by its token."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._arrived: dict[str, Path] = {}
        self._named: dict[str, str] = {}
        self._kept = threading.Lock()

    def begin(self, given: Mapping[str, Any], buffers: Sequence[memoryview]) -> dict[str, str]:
        """Announce a file; raises as `Uploads.begin` does."""
        name = safe_name(str(given["name"]))
        if name.lower().endswith(".zip"):
            return super().begin(given, buffers)
        # Under way every file is called a zip, which is what may be sent; `end` gives it back its name.
        begun = super().begin({**given, "name": f"{name}.zip"}, buffers)
        with self._kept:
            self._named[begun["token"]] = name
        return begun

    def end(self, given: Mapping[str, Any], buffers: Sequence[memoryview]) -> dict[str, str]:
        """The file is complete; gives its path."""
        path = Path(super().end(given, buffers)["path"])
        token = str(given["token"])
        with self._kept:
            name = self._named.pop(token, None)
        if name is not None:
            folder = self.folder / f"file-{token}"
            with writing(folder):
                folder.mkdir()
                path = path.rename(folder / name)
        with self._kept:
            self._arrived[token] = path
        return {"path": str(path)}

    def arrived(self, token: Any) -> Path:
        """The file of a token, or of the path that `end` gave.

        Raises
        ------
        DataError
            No such file has arrived.
        """
        with self._kept:
            path = self._arrived.get(str(token)) or next((each for each in self._arrived.values() if str(each) == token), None)
        if path is None or not path.is_file():
            raise DataError("That upload is not known any more: send the file again.")
        return path
