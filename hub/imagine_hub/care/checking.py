"""All that is looked at before the hub starts, each by a function of its own; none of them changes anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from imagine_hub.care.checks import certificate, cluster, database, engine, gpus, login, network, place
from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.errors import SettingsError
from imagine_hub.settings import Settings, read_settings

# A check says None where the settings do not use what it would look at.
Check = Callable[[Settings], Finding | None]

PATIENCE_S = 12.0

CHECKS: tuple[Check, ...] = (
    place.state_folder,
    place.secret_files,
    place.disk,
    place.clock,
    place.notebooks,
    place.listing_command,
    network.ports,
    network.exposure,
    network.names_of_users,
    certificate.certificate,
    certificate.key,
    database.database,
    login.who_may_come_in,
    login.password_in_the_open,
    login.secret_of_the_provider,
    login.provider,
    engine.answers,
    engine.limits,
    engine.network,
    engine.images,
    engine.disk,
    engine.earlier_servers,
    cluster.fit_for_a_swarm,
    cluster.shared_homes,
    cluster.nodes,
    cluster.labelled_gpus,
    cluster.kubernetes,
    gpus.driver,
    gpus.named,
    gpus.runtime,
)


def look(settings_file: Path) -> list[Finding]:
    """Read the settings and run every check on them."""
    try:
        settings = read_settings(settings_file)
    except SettingsError as error:
        return [problem("settings", str(error), "Correct it, then look again: nothing else can be looked at before.")]
    return [_settings_file(settings_file, settings), *run(CHECKS, settings)]


def _settings_file(path: Path, settings: Settings) -> Finding:
    # A password in the address of the database stands in this file, unless the environment gives it.
    if ":" in settings.state.database.partition("://")[2].rpartition("@")[0] and path.stat().st_mode & 0o044:
        text = path.read_text(encoding="utf-8")
        if settings.state.database in text:
            return warning(
                "settings",
                f"{path} holds the password of the database and others can read it",
                f"chmod 600 {path}, or give the address as IMAGINE_HUB_STATE_DATABASE.",
            )
    return fine("settings", f"{path} can be read, and every key in it is known")


def run(checks: Sequence[Check], settings: Settings, *, patience_s: float = PATIENCE_S) -> list[Finding]:
    """Run checks side by side; one that breaks, or does not come to an end, is a finding itself.

    Parameters
    ----------
    checks : sequence of Check
    settings : Settings
    patience_s : float
        Seconds after which the others are no longer waited for.

    Returns
    -------
    list of Finding
        In the order of the checks.
    """
    found: dict[int, Finding | None] = {}

    def one(number: int, check: Check) -> None:
        try:
            found[number] = check(settings)
        except Exception as error:  # whatever breaks, the other checks go on, and the operator reads which one it was
            found[number] = problem(
                _name(check),
                f"the check itself broke ({type(error).__name__}: {error})",
                "Look at this by hand, and tell the project.",
            )

    # Daemons, and no pool: a check that hangs must not keep the command from ending.
    threads = [threading.Thread(target=one, args=item, daemon=True) for item in enumerate(checks)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience_s
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))
    for number, check in enumerate(checks):
        if number not in found:
            found[number] = problem(
                _name(check), f"nothing was heard for {patience_s:.0f} s", "See whether what it asks is up and not overloaded."
            )
    return [finding for number in range(len(checks)) if (finding := found[number]) is not None]


def _name(check: Check) -> str:
    return getattr(check, "__name__", str(check)).replace("_", " ")
