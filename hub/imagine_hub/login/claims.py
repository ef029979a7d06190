"""From what a provider says of a person to names, groups and countries that are safe in paths, addresses and figures."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from imagine_hub.settings import USER_NAME

# What our own names of others' end with: 16 characters of a hash, 80 bits.
_MADE = re.compile(r".*-[a-z2-7]{16}")
_STEM = 15
# Groups become names of folders.
GROUP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
GROUPS = 200
DISPLAY = 80


def hub_name(given: str) -> str:
    """The user name for what a provider calls a person.

    A name that is safe stays as it is. Any other becomes its first letters and digits with a hash of the whole, so that it is the
    same at every login and nobody else's. Safe names that look as if they had been made like this get a hash as well; otherwise
    somebody could choose the name that another one was given.
    """
    if USER_NAME.fullmatch(given) and not _MADE.fullmatch(given):
        return given
    digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()[:10]
    stem = re.sub(r"[^a-z0-9]", "", given.partition("@")[0].lower())[:_STEM]
    if not stem[:1].isalpha():
        stem = f"u{stem}"[:_STEM]
    return f"{stem}-{base64.b32encode(digest).decode().lower()}"


def groups_in(claim: Any, pattern: str) -> list[str]:
    """Groups in a claim: as they are, or what the pattern takes out of each entitlement.

    What does not fit the pattern, or could not be the name of a folder, is left out.
    """
    found = []
    for each in _texts(claim):
        fits = re.fullmatch(pattern, each) if pattern else None
        name = fits[1] if fits else "" if pattern else each
        if name and GROUP_NAME.fullmatch(name):
            found.append(name)
    return sorted(set(found))[:GROUPS]


def country_in(claim: Any) -> str | None:
    """The country of the first value that has one: "DE", "uni-kiel.de" and "member@uni-kiel.de" are DE."""
    for each in _texts(claim):
        last = each.strip().rpartition("@")[2].rpartition(".")[2].upper()
        if re.fullmatch(r"[A-Z]{2}", last) and last != "EU":
            return {"UK": "GB", "EL": "GR"}.get(last, last)
    return None


def display_in(claim: Any) -> str:
    """The name that pages show: one line, not too long."""
    return (
        " ".join("".join(each if each.isprintable() else " " for each in claim).split())[:DISPLAY]
        if isinstance(claim, str)
        else ""
    )


def country_of(user: Any) -> str | None:
    """Country of a person's home institution as two letters, or None.

    Parameters
    ----------
    user : jupyterhub.user.User, or mapping
        As the hub has it, or as its interface ``/hub/api/users`` describes it.
    """
    about = user.get("user_info") if isinstance(user, dict) else user.user_info
    country = (about or {}).get("country")
    return country if isinstance(country, str) else None


def _texts(claim: Any) -> list[str]:
    values = claim if isinstance(claim, list) else [claim]
    return [each for each in values if isinstance(each, str) and len(each) <= 1000]
