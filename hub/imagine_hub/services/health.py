"""What ``imagine-hub health`` may do: start, use and stop the server of one account, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagine_hub.errors import SettingsError
from imagine_hub.login.trial import TRIAL_SERVICE
from imagine_hub.services.service import Service
from imagine_hub.settings import USER_NAME
from imagine_hub.state import kept_secret

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

# Each for the one account: nobody else's server is seen, started, used or stopped with this token.
SCOPES = ("servers", "access:servers")


def token_file(state: Path) -> Path:
    """Where the token lies: whoever can read it is the hub's account, or root."""
    return state / "health_token"


def health(settings: Settings) -> Service | None:
    """A service without a process: its token lies in the state folder, for the command.

    The role names the account as well, so that the hub makes it. It is not among those who may log in: whatever the way to prove
    who one is, nobody can prove to be this one.

    Raises
    ------
    SettingsError
        The account has a name that none can have, or is somebody's own.
    """
    user = settings.health.user
    if not user:
        return None
    if not USER_NAME.fullmatch(user):
        raise SettingsError(
            f"health.user is {user!r}, which cannot be a user name: use lower-case letters, digits, '-' and '_', beginning with a "
            "letter, 32 at most."
        )
    if user in (*settings.login.users, *settings.login.admins):
        raise SettingsError(
            f"health.user is {user!r}, who also may log in: give the trial an account of its own, for its server is stopped each time."
        )
    return Service(
        {"name": TRIAL_SERVICE, "api_token": kept_secret(token_file(settings.state.path)), "display": False},
        (
            {
                "name": TRIAL_SERVICE,
                "scopes": [f"{scope}!user={user}" for scope in SCOPES],
                "services": [TRIAL_SERVICE],
                "users": [user],
            },
        ),
    )
