"""What has to be known of an OpenID Connect provider before anybody can log in there."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import stat
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imagine_hub.errors import ProviderError, SettingsError
from imagine_hub.settings import REPOSITORY

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

PATIENCE_S = 15
LARGEST = 1024 * 1024


@dataclass(frozen=True)
class Provider:
    """Addresses of a provider, as its discovery document names them.

    Attributes
    ----------
    issuer, authorize, token, userinfo : str
    end_session : str
        Where a person logs out there, "" if nowhere.
    basic : bool
        Whether the hub's secret travels as a header, not as part of the form.
    """

    issuer: str
    authorize: str
    token: str
    userinfo: str
    end_session: str
    basic: bool


def check_settings(settings: Settings) -> None:
    """Refuse settings with which nobody could log in, or everybody.

    Raises
    ------
    SettingsError
        Something is missing or unsafe.
    """
    oidc, login = settings.oidc, settings.login
    for key in ("issuer", "client_id", "client_secret_file"):
        if not getattr(oidc, key):
            raise SettingsError(
                f'oidc.{key} is empty, but login.authenticator = "oidc" needs it: the provider has given it to you.'
            )
    if urlsplit(oidc.issuer).scheme != "https" and not _is_here(oidc.issuer):
        raise SettingsError(f"oidc.issuer is {oidc.issuer!r}, but must begin with https://: secrets travel there.")
    if "openid" not in oidc.scopes:
        raise SettingsError("oidc.scopes must have 'openid', otherwise the provider does not say who somebody is.")
    if oidc.group_pattern and re.compile(oidc.group_pattern).groups != 1:
        raise SettingsError(f"oidc.group_pattern must have one group in brackets, but is {oidc.group_pattern!r}.")
    if not (named_users(settings) or login.admins or login.admin_groups or oidc.allowed_groups or oidc.allow_everybody):
        raise SettingsError(
            "Nobody could log in: name people in login.users, their groups in oidc.allowed_groups, or set oidc.allow_everybody."
        )


def named_users(settings: Settings) -> tuple[str, ...]:
    """The users that the settings name; the example that is there by default is nobody of the provider's."""
    users = settings.login.users
    return () if users == type(settings.login)().users else users


def read_secret(settings: Settings) -> str:
    """The secret that the provider has given for this hub.

    Raises
    ------
    SettingsError
        There is no such file, it is empty, or others can read it.
    """
    path = REPOSITORY / Path(settings.oidc.client_secret_file).expanduser()
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            raise SettingsError(
                f"Everybody on this machine can read {path}, the secret of oidc.client_secret_file: chmod 600 {path}"
            )
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"oidc.client_secret_file names {path}, which cannot be read ({reason}).") from error
    if not secret:
        raise SettingsError(f"The file {path} of oidc.client_secret_file is empty: write the secret into it.")
    return secret


def discover(issuer: str) -> Provider:
    """Ask a provider for its addresses.

    Raises
    ------
    ProviderError
        It does not answer within 15 s, or cannot be used.
    """
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:  # noqa: S310 - http and https only, see check_settings
            found = json.loads(answer.read(LARGEST))
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ProviderError.silent(address, str(reason)) from error
    except ValueError as error:
        raise ProviderError.unfit(address, "its answer is no JSON") from error
    return from_document(found, issuer, address)


def from_document(found: Any, issuer: str, address: str) -> Provider:
    """Take what is needed from a discovery document.

    Raises
    ------
    ProviderError
        Something is missing, or the document is another provider's.
    """
    if not isinstance(found, dict):
        raise ProviderError.unfit(address, "its answer is no JSON object")
    if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise ProviderError.unfit(address, f"it calls itself {found.get('issuer')!r}")
    values = []
    for key in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "end_session_endpoint"):
        value = found.get(key) or ""
        if not value and key != "end_session_endpoint":
            raise ProviderError.unfit(address, f"it names no {key}")
        if value and urlsplit(value).scheme != "https" and not _is_here(value):
            raise ProviderError.unfit(address, f"its {key} {value!r} is not encrypted")
        values.append(str(value))
    if "S256" not in found.get("code_challenge_methods_supported", ["S256"]):
        raise ProviderError.unfit(address, "it does not support PKCE with S256")
    # Without the entry the header is meant (OpenID Connect Discovery 1.0, section 3).
    ways = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not {"client_secret_basic", "client_secret_post"} & set(ways):
        raise ProviderError.unfit(address, "it takes no client secret")
    return Provider(str(found["issuer"]), values[0], values[1], values[2], values[3], "client_secret_basic" in ways)


def _is_here(address: str) -> bool:
    """Whether an address is one of this machine, for trials without TLS."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
