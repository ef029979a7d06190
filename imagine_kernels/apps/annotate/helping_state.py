"""What of the help from models is kept between sittings, per project and person."""

from __future__ import annotations

import json
import threading
from typing import Any

from imagine_kernels.apps.annotate.places import folder, write_json

Json = dict[str, Any]
#: After how many labels a new model is trained.
EVERY = 50


class HelpingState:
    """The model in use, the offer, and what was counted, in one file per project.

    Parameters
    ----------
    uid : str
        Of the project.
    person : str
    """

    def __init__(self, uid: str, person: str) -> None:
        self._file, self._person = folder() / "help" / f"{uid}.json", person
        self._lock = threading.Lock()

    def read(self) -> Json:
        """``model``: name or None; ``wanted``: whether the person has asked for help; ``every``, ``trained``: number of named things at the
        last training; ``offer``; ``counting``: by label.
        """
        begin: Json = {"model": None, "wanted": False, "every": EVERY, "trained": 0, "offer": None, "counting": {}}
        held = self._all().get(self._person)
        return {**begin, **held} if isinstance(held, dict) else begin

    def keep(self, **values: Any) -> None:
        """Change some of it."""
        with self._lock:
            write_json(self._file, {**self._all(), self._person: {**self.read(), **values}})

    def _all(self) -> Json:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
