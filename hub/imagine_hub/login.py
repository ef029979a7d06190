"""Who may come in, and how they prove who they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator

from imagine_hub.errors import SettingsError
from imagine_hub.settings import PASSWORD_VARIABLE, USER_NAME

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings


class SharedPassword(SharedPasswordAuthenticator):  # type: ignore[misc]
    """The shared password of JupyterHub, which also asks whether a person with an old cookie may still come in."""

    async def refresh_user(self, user: Any, handler: Any = None, **_: Any) -> bool:
        """False for somebody whom the settings no longer name."""
        return user.name in self.allowed_users


def configure_login(c: Config, settings: Settings, password: str | None) -> None:
    """Only the users that the settings name, for as long as the settings say.

    Parameters
    ----------
    c : Config
        The hub's configuration; it is only set, never read.
    settings : Settings
    password : str, optional
        The password of this start, where the authenticator needs one.

    Raises
    ------
    SettingsError
        The authenticator is unknown, or needs a password and there is none.
    """
    name = settings.login.authenticator
    if name not in AUTHENTICATORS:
        raise SettingsError.unknown("login.authenticator", name, AUTHENTICATORS, "the settings")
    c.Authenticator.allowed_users = set(settings.login.users)
    c.Authenticator.allow_all = False
    c.Authenticator.allow_existing_users = False
    c.Authenticator.username_pattern = f"^{USER_NAME.pattern}$"
    # Asked again after five minutes, so that a user taken out of the settings is out soon after the next start.
    c.Authenticator.auth_refresh_age = 300
    c.JupyterHub.cookie_max_age_days = settings.login.stay_days
    AUTHENTICATORS[name](c, password)


def _shared_password(c: Config, password: str | None) -> None:
    if not password:
        raise SettingsError(f"There is no password: start the hub with hub/run.py, which makes one, or set {PASSWORD_VARIABLE}.")
    c.JupyterHub.authenticator_class = SharedPassword
    c.SharedPasswordAuthenticator.user_password = password


AUTHENTICATORS: dict[str, Callable[[Config, str | None], None]] = {"shared-password": _shared_password}
