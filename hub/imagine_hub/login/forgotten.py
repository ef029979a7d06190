"""A new password for somebody who has forgotten theirs: ``python -m imagine_hub.login.forgotten NAME``.

For whoever administers the machine, who can read all files anyway; administrators of the hub cannot do it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy

from imagine_hub.errors import HubError, StateError
from imagine_hub.login.passwords import hashed
from imagine_hub.settings import DEFAULT_FILE, SETTINGS_VARIABLE, read_settings
from imagine_hub.state import StateFolder, one_time_password

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

SET = sqlalchemy.text("UPDATE users_info SET password = :password WHERE username = :name")
LOG_OUT = sqlalchemy.text("UPDATE users SET cookie_id = :cookie WHERE name = :name")


def new_password(settings: Settings, name: str) -> str:
    """Give somebody who has signed up a new password, and log their browsers out.

    Raises
    ------
    StateError
        Nobody has signed up under the name.
    """
    password = one_time_password()
    database = settings.state.database or f"sqlite:///{StateFolder(settings.state.path).database}"
    engine = sqlalchemy.create_engine(database)
    try:
        with engine.begin() as connection:
            known = sqlalchemy.inspect(connection).has_table("users_info")
            if not known or not connection.execute(SET, {"password": hashed(password), "name": name}).rowcount:
                raise StateError(f"Nobody has signed up as {name!r}: check the name, and --settings.")
            connection.execute(LOG_OUT, {"cookie": one_time_password(), "name": name})
    finally:
        engine.dispose()
    return password


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the new password; 1 after an error."""
    parser = argparse.ArgumentParser(prog="imagine_hub.login.forgotten", description="A new password for one user.")
    parser.add_argument("name", help="user name")
    parser.add_argument("--settings", type=Path, default=Path(os.environ.get(SETTINGS_VARIABLE, DEFAULT_FILE)))
    given = parser.parse_args(arguments)
    try:
        password = new_password(read_settings(given.settings), given.name)
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{given.name} can log in with {password} and should then take a password of their own.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
