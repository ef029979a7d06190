"""What administrators may do: see who works here, approve sign-ups, stop servers. They cannot open another's server or files.

JupyterHub's own administrators can do anything, and its role cannot be changed; so nobody is one. Ours are the members of a group of
their own, which is worked out from the settings at each login. What its role leaves out: ``access:servers`` and ``shares`` (open a server),
``tokens`` (make a token of another person), ``admin:users`` and ``users`` (take another's name, and with it the home of that name),
``groups`` (they come from the settings and the provider), ``start:servers``, ``admin-ui`` (its page offers all of these), ``proxy``, ``shutdown``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# No group of the settings or of a provider can have this name.
ADMINISTRATORS = "imagine-administrators"
PEOPLE_SCOPE = "custom:imagine:people"
CUSTOM_SCOPES: Mapping[str, Mapping[str, str]] = {
    PEOPLE_SCOPE: {"description": "See who works here, approve sign-ups, stop servers."}
}
ADMIN_ROLE: Mapping[str, Any] = {
    "name": "administrators",
    "groups": [ADMINISTRATORS],
    "description": "Sees who works here, approves sign-ups and stops servers; opens nobody's server.",
    "scopes": [
        PEOPLE_SCOPE,
        "list:users",
        "read:users",
        "read:servers",
        "delete:servers",
        "list:groups",
        "read:groups",
        "list:services",
        "read:services",
        "access:services",
        "read:hub",
        "read:metrics",
    ],
}
