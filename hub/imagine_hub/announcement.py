"""What the terminal says about logging in, once the hub is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy

from imagine_hub.state import StateFolder, one_time_password

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

CODE_VARIABLE = "IMAGINE_HUB_CODE"


def check_login(settings: Settings) -> None:
    """Find out before the start what would end it, so that the terminal says it and not the log.

    Raises
    ------
    SettingsError
        The settings of the institution's provider cannot be used.
    ProviderError
        The provider cannot be reached, or cannot be used.
    """
    if settings.login.authenticator == "oidc":
        # Loads half of JupyterHub, for which the launcher has no other use.
        from imagine_hub.login.provider import check_settings, discover, read_secret

        check_settings(settings)
        read_secret(settings)
        discover(settings.oidc.issuer)


def code_of_administrators(settings: Settings, state: StateFolder) -> str | None:
    """What administrators need at this start besides the rest, None if nothing.

    With the shared password it is a password of their own. With sign-ups it is a code that nobody else knows, wanted until each of them has
    signed up: the hub's database says who has.
    """
    login = settings.login
    members = (name for group in login.admin_groups for name in settings.groups.get(group, ()))
    admins = {*login.admins, *members}
    if login.authenticator == "native":
        wanted = settings.native.signup and not admins <= _signed_up(settings, state)
    else:
        wanted = login.authenticator == "shared-password" and bool(admins)
    return one_time_password() if wanted else None


def words(settings: Settings, password: str, code: str | None) -> list[tuple[str, str]]:
    """Lines about logging in, each with its name and its value."""
    login = settings.login
    if login.authenticator == "native":
        lines = [("user name", "your own: sign up there the first time"), ("password", "your own")]
        return lines + ([("code", f"{code}   (administrators type it when they sign up)")] if code else [])
    if login.authenticator == "oidc":
        return [("log in", f"with {settings.oidc.title}")]
    lines = [("user name", ", ".join(login.users)), ("password", f"{password}   (new at every start)")]
    return lines + ([("admins", f"{code}   (their password, new at every start)")] if code else [])


def _signed_up(settings: Settings, state: StateFolder) -> set[str]:
    """Everybody whose sign-up is approved."""
    engine = sqlalchemy.create_engine(settings.state.database or f"sqlite:///{state.database}")
    try:
        with engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("users_info"):
                return set()
            return set(connection.scalars(sqlalchemy.text("SELECT username FROM users_info WHERE is_authorized")))
    except sqlalchemy.exc.SQLAlchemyError:
        # The hub will say what is the matter with the database; a code too many does no harm.
        return set()
    finally:
        engine.dispose()
