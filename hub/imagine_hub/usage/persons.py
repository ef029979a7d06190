"""Pseudonyms: the same person has always the same one, and only the salt leads back to a name."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagine_hub.state import kept_secret


@dataclass(frozen=True)
class Pseudonyms:
    """Makes pseudonyms with the salt of one state folder.

    Attributes
    ----------
    salt : str
        Secret of 256 bits. User names are few and easily guessed, so a plain hash would be undone by trying them all.
    """

    salt: str

    @classmethod
    def in_file(cls, path: Path) -> Pseudonyms:
        """With the salt of a file, which is made if it is not there."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(kept_secret(path))

    def of(self, user: str) -> str:
        """The pseudonym of a user: 80 bits of HMAC-SHA256 as hexadecimal digits."""
        return hmac.new(self.salt.encode(), user.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:20]

    def of_all(self, users: Iterable[str]) -> frozenset[str]:
        """The pseudonyms of several."""
        return frozenset(map(self.of, users))
