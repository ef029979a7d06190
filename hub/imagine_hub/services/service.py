"""One service: how the hub starts it, and the roles that say what it may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Service:
    """What JupyterHub has to know of a service.

    Attributes
    ----------
    definition : mapping
        As an item of ``c.JupyterHub.services``.
    roles : tuple of mapping
        As items of ``c.JupyterHub.load_roles``.
    """

    definition: Mapping[str, Any]
    roles: tuple[Mapping[str, Any], ...] = ()
