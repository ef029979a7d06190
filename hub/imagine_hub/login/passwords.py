"""Passwords of one's own: what is refused, and how they are kept."""

from __future__ import annotations

import functools
import secrets
from pathlib import Path

import bcrypt
import nativeauthenticator

# bcrypt looks at no more; a longer one would be weaker than it seems.
LONGEST_BYTES = 72
# Such a part of a name says nothing about a password.
SHORT_NAME = 3


def refusal(password: str, name: str, *, least: int) -> str | None:
    """Why a password is not taken, in one sentence, or None.

    Parameters
    ----------
    password : str
    name : str
        User name, which must not be in it.
    least : int
        Characters that it has at least.
    """
    if len(password) < least:
        return f"The password is too short: take {least} characters or more, for example four words that do not belong together."
    if len(password.encode()) > LONGEST_BYTES:
        return (
            f"The password is too long: {LONGEST_BYTES} characters are the most, fewer where they are not of the Latin alphabet."
        )
    if not password.isprintable():
        return "The password has a character that cannot be typed everywhere, such as a line break: leave it out."
    small = password.lower()
    if len(name) >= SHORT_NAME and name in small:
        return "The user name is in the password: leave it out."
    if small in common() or len(set(small)) < 5 or small.rstrip("0123456789!.-_ ") in common():
        return "This password is one of the first that everybody tries: take another."
    return None


@functools.cache
def common() -> frozenset[str]:
    """Passwords that everybody tries: the list that comes with NativeAuthenticator."""
    file = Path(nativeauthenticator.__file__).parent / "common-credentials.txt"
    return frozenset(file.read_text(encoding="utf-8").lower().split())


def hashed(password: str) -> bytes:
    """What is kept of a password; takes a good part of a second."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt())


def fits(password: str, kept: bytes | None) -> bool:
    """Whether it is the password; takes as long where there is none, so that nobody learns which names exist."""
    sent = password.encode()
    right = len(sent) <= LONGEST_BYTES and b"\0" not in sent and bcrypt.checkpw(sent, kept or _nobody())
    return right and kept is not None


@functools.cache
def _nobody() -> bytes:
    return hashed(secrets.token_hex(16))
