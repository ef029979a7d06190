"""Who may come in, and whether the place where they prove it answers."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime

from imagine_hub.care.checks.certificate import file_of
from imagine_hub.care.checks.network import is_local
from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.settings import Settings

PATIENCE_S = 8
# What the login needs of the provider's description (OpenID Connect Discovery 1.0, section 3).
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
# Identity tokens are valid for minutes only.
CLOCK_TOLERANCE_S = 60


def who_may_come_in(settings: Settings) -> Finding:
    """Somebody, and not everybody by accident."""
    name, login, oidc = "who may come in", settings.login, settings.oidc
    if login.authenticator == "oidc" and oidc.allow_everybody:
        return warning(
            name, "everybody whom the provider knows", "Name users or groups, unless every member of every institution is meant."
        )
    groups = oidc.allowed_groups if login.authenticator == "oidc" else ()
    if not login.users and not login.admins and not groups and login.authenticator != "native":
        return problem(name, "nobody", "Name somebody in login.users, or a group in oidc.allowed_groups.")
    if login.authenticator != "shared-password" and not login.admins and not login.admin_groups:
        return warning(name, f"{len(login.users)} named users, and no administrator", "Name one in login.admins.")
    who = [*sorted({*login.users, *login.admins})[:5], *(f"the group {group}" for group in groups)]
    others = len({*login.users, *login.admins}) - 5
    return fine(name, ", ".join(who) + (f" and {others} more" if others > 0 else ""))


def password_in_the_open(settings: Settings) -> Finding | None:
    """One password for all is for one machine."""
    if settings.login.authenticator != "shared-password":
        return None
    name, network = "shared password", settings.network
    if is_local(network.address) and not network.public_url:
        return fine(name, "made anew at each start, for people at this machine")
    return warning(
        name,
        "everybody on the network who learns the one password can come in under any name",
        'Set login.authenticator to "native" or "oidc".',
    )


def secret_of_the_provider(settings: Settings) -> Finding | None:
    """A file that only the hub reads."""
    if settings.login.authenticator != "oidc":
        return None
    name = "secret of the provider"
    if not settings.oidc.client_secret_file:
        return problem(
            name, "oidc.client_secret_file is empty", "Write what the provider gave into a file, mode 600, and name it there."
        )
    path = file_of(settings.oidc.client_secret_file)
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        return problem(name, f"{path} cannot be read ({error})", "Name the file in oidc.client_secret_file.")
    if not text:
        return problem(name, f"{path} is empty", "Write what the provider gave into it.")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return problem(name, f"other accounts can read {path} (mode {mode:04o})", f"chmod 600 {path}")
    return fine(name, f"{path}, mode {mode:04o}")


def provider(settings: Settings) -> Finding | None:
    """It answers, and describes itself as the login needs it."""
    oidc = settings.oidc
    if settings.login.authenticator != "oidc":
        return None
    name = "provider"
    if not oidc.issuer or not oidc.client_id:
        return problem(
            name, "oidc.issuer or oidc.client_id is empty", "Write what the provider gave for this hub into the settings."
        )
    address = f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        # An address of the settings, which begins with http:// or https://.
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:  # noqa: S310
            described = json.load(answer)
            date = answer.headers.get("Date")
    except (OSError, urllib.error.URLError, ValueError) as error:
        return problem(
            name, f"{address} does not answer as it should ({error})", "See that this machine reaches it, and oidc.issuer."
        )
    missing = [key for key in ENDPOINTS if not isinstance(described, dict) or not described.get(key)]
    if missing:
        return problem(
            name, f"{address} has no {', '.join(missing)}", "See that oidc.issuer is the address of an OpenID provider."
        )
    if str(described.get("issuer", "")).rstrip("/") != oidc.issuer.rstrip("/"):
        return problem(
            name,
            f"{address} calls itself {described.get('issuer')!r}",
            "Write exactly that into oidc.issuer: tokens are made out for it.",
        )
    known = described.get("scopes_supported") or list(oidc.scopes)
    if unknown := [scope for scope in oidc.scopes if scope not in known]:
        return warning(
            name, f"{oidc.issuer} does not offer {', '.join(unknown)}", "Take it out of oidc.scopes, or ask the provider."
        )
    apart = abs(parsedate_to_datetime(date).timestamp() - time.time()) if date else 0.0
    if apart > CLOCK_TOLERANCE_S:
        return problem(
            name, f"its clock and that of this machine are {apart:.0f} s apart, so logins will fail", "timedatectl set-ntp true"
        )
    if not oidc.issuer.startswith("https://"):
        return warning(
            name, f"{oidc.issuer} answers without TLS", "Use an address with https://, except for a trial on one machine."
        )
    return fine(name, f"{oidc.issuer} answers, and describes itself as the login needs it")
