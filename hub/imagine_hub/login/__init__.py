"""Who may come in, and how they prove who they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from imagine_hub.errors import SettingsError
from imagine_hub.login.native import Native
from imagine_hub.login.oidc import configure_oidc
from imagine_hub.login.people import People
from imagine_hub.login.roles import CUSTOM_SCOPES
from imagine_hub.login.shared import SharedPassword
from imagine_hub.settings import PASSWORD_VARIABLE, USER_NAME

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings


def configure_login(c: Config, settings: Settings, password: str | None, code: str | None = None) -> None:
    """Only those whom the settings let in, for as long as the settings say.

    Parameters
    ----------
    c : Config
        The hub's configuration; it is only set, never read.
    settings : Settings
    password : str, optional
        The password of this start, where the authenticator needs one.
    code : str, optional
        What administrators have to know besides, where there are any.

    Raises
    ------
    SettingsError
        The authenticator is unknown, needs a password and there is none, or its settings cannot be used.
    ProviderError
        The provider of the institution cannot be reached, or does not do what is needed.
    """
    login = settings.login
    if login.authenticator not in AUTHENTICATORS:
        raise SettingsError.unknown("login.authenticator", login.authenticator, AUTHENTICATORS, "the settings")
    c.Authenticator.allow_all = False
    c.Authenticator.allow_existing_users = False
    # Administrators and groups are looked up by us at each login; the hub would keep those whom the settings no longer name.
    c.Authenticator.manage_groups = True
    c.Authenticator.username_pattern = f"^{USER_NAME.pattern}$"
    # Asked again after five minutes and before a server starts, also for tokens: who is taken out of the settings is out.
    c.Authenticator.auth_refresh_age = 300
    c.Authenticator.refresh_pre_spawn = True
    c.Authenticator.auth_refresh_strict = True
    c.GuardedAuthenticator.people = People.of(settings)
    c.GuardedAuthenticator.failures = login.failures
    c.GuardedAuthenticator.wait_s = login.failure_minutes * 60
    c.GuardedAuthenticator.proxy_elsewhere = bool(settings.network.proxy_api)
    c.JupyterHub.cookie_max_age_days = login.stay_days
    c.JupyterHub.custom_scopes = {scope: dict(words) for scope, words in CUSTOM_SCOPES.items()}
    AUTHENTICATORS[login.authenticator](c, settings, password, code)


def _shared_password(c: Config, settings: Settings, password: str | None, code: str | None) -> None:
    if not password:
        raise SettingsError(f"There is no password: start the hub with hub/run.py, which makes one, or set {PASSWORD_VARIABLE}.")
    c.JupyterHub.authenticator_class = SharedPassword
    c.Authenticator.allowed_users = set(settings.login.users)
    c.SharedPasswordAuthenticator.user_password = password
    c.SharedPassword.code = code or ""


def _native(c: Config, settings: Settings, password: str | None, code: str | None) -> None:
    c.JupyterHub.authenticator_class = Native
    # Nobody is let in by name: NativeAuthenticator would approve whoever signs up under it.
    c.Authenticator.allowed_users = set()
    c.NativeAuthenticator.open_signup = False
    c.NativeAuthenticator.enable_signup = settings.native.signup
    c.NativeAuthenticator.minimum_password_length = settings.native.password_length
    c.Native.code = code or ""


def _oidc(c: Config, settings: Settings, password: str | None, code: str | None) -> None:
    c.Authenticator.allowed_users = set()
    configure_oidc(c, settings)


AUTHENTICATORS: dict[str, Callable[[Config, Settings, str | None, str | None], None]] = {
    "shared-password": _shared_password,
    "native": _native,
    "oidc": _oidc,
}
