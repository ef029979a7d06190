"""One password for all, made at each start: for one person, or for a course in one room."""

from __future__ import annotations

import hmac
from typing import Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from traitlets import Unicode

from imagine_hub.login.guarded import GuardedAuthenticator, LoginPage


class SharedPassword(GuardedAuthenticator, SharedPasswordAuthenticator):  # type: ignore[misc]
    """The shared password of JupyterHub; administrators have another one, so that not everybody can be one of them."""

    code = Unicode("", config=True, help="Password of the administrators.")

    async def authenticate(self, handler: Any, data: Any) -> dict[str, Any] | None:
        """The person, if the password is right for them."""
        if not isinstance(handler, LoginPage):
            # Requests for tokens may bring a name and a password too, and nobody would count them.
            return None
        name = data["username"]
        wanted = self.code if name in self.people.admins else self.user_password
        if not wanted or not self.may_enter(name) or not hmac.compare_digest(data["password"].encode(), wanted.encode()):
            return None
        return self.people.model_of(name)
