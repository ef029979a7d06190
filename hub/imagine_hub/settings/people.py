"""Who comes in, and how they prove who they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from imagine_hub.errors import SettingsError
from imagine_hub.settings.limits import in_range

# A user name becomes the name of a folder and a part of addresses, so it is kept to what is safe in both.
USER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who may come in, and how."""

    authenticator: str = "shared-password"
    users: tuple[str, ...] = ("scientist",)
    admins: tuple[str, ...] = ()
    admin_groups: tuple[str, ...] = ()
    stay_days: float = 7
    failures: int = 8
    failure_minutes: float = 10

    def __post_init__(self) -> None:
        for key in ("users", "admins"):
            for name in getattr(self, key):
                if not USER_NAME.fullmatch(name) and self.authenticator != "oidc":
                    raise SettingsError(
                        f"login.{key} has {name!r}, which cannot be a user name: use lower-case letters, digits, '-' and '_', "
                        "beginning with a letter, 32 at most."
                    )
        if not self.users and self.authenticator == "shared-password":
            raise SettingsError("login.users is empty, so nobody could log in: name at least one user.")
        in_range("login.stay_days", self.stay_days, 0.01, 365)
        in_range("login.failures", self.failures, 1, 1000)
        in_range("login.failure_minutes", self.failure_minutes, 0.1, 24 * 60)


@dataclass(frozen=True, kw_only=True)
class Native:
    """Sign-up with a password of one's own: authenticator = "native"."""

    signup: bool = True
    password_length: int = 12

    def __post_init__(self) -> None:
        in_range("native.password_length", self.password_length, 8, 128)


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """Log-in at an institution: authenticator = "oidc"."""

    title: str = "your institution"
    issuer: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    username_claim: str = "sub"
    name_claim: str = "name"
    groups_claim: str = ""
    group_pattern: str = ""
    allowed_groups: tuple[str, ...] = ()
    allow_everybody: bool = False
    country_claim: str = ""

    def __post_init__(self) -> None:
        if self.issuer and urlsplit(self.issuer).scheme not in ("http", "https"):
            raise SettingsError(f"oidc.issuer is {self.issuer!r}, but must be an address with https:// in front.")
        if self.group_pattern:
            try:
                re.compile(self.group_pattern)
            except re.error as error:
                raise SettingsError(f"oidc.group_pattern is no regular expression ({error}): {self.group_pattern!r}.") from error
