"""The folder of the hub and the machine around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from imagine_hub import listing
from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.settings import Settings
from imagine_hub.state import StateFolder

GIGABYTE = 1e9
# Below the first a backup or an upload may fill the disk; below the second the database cannot be written safely.
SCARCE_GB = 10.0
TOO_LITTLE_GB = 1.0

LISTING_PATIENCE_S = 10.0
# A release cannot run before it was made: a clock that says so has lost its battery.
EARLIEST = 1_750_000_000


def state_folder(settings: Settings) -> Finding:
    """There, ours to write, closed to others."""
    name, path = "state folder", settings.state.path
    if not path.exists():
        parent = next(folder for folder in path.parents if folder.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return fine(name, f"{path} is not there yet; the first start makes it")
        return problem(
            name,
            f"{path} is not there, and {parent} cannot be written",
            f"Make it for the hub's account: install -d -m 700 {path}",
        )
    if not path.is_dir():
        return problem(name, f"{path} is no folder", "Move that file away, or name another folder in state.folder.")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return problem(
            name, f"{path} cannot be written by this account", f"Give it to the hub's account: chown -R ACCOUNT {path}"
        )
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return problem(name, f"{path} is open to other accounts (mode {mode:04o})", f"chmod 700 {path}")
    return fine(name, f"{path} can be written, and by nobody else")


def secret_files(settings: Settings) -> Finding | None:
    """Readable by the hub's account only."""
    name, path = "secrets", settings.state.path
    if not os.access(path, os.R_OK | os.X_OK):
        return None
    state = StateFolder(path)
    # The log is among them because it says who worked when.
    named = [state.cookie_secret, state.database, state.log]
    files = [file for file in (*named, *path.glob("*secret*"), *path.glob("*token*"), *path.glob("*key*")) if file.is_file()]
    open_ones = sorted({file.name for file in files if file.stat().st_mode & 0o077})
    if open_ones:
        return problem(
            name, f"other accounts may read {', '.join(open_ones)} in {path}", f"cd {path} && chmod 600 {' '.join(open_ones)}"
        )
    count = len(set(files))
    return fine(name, f"{count} files in {path}, readable by the hub's account only" if count else "made at the first start")


def disk(settings: Settings) -> Finding:
    """Room for what people make."""
    return room("disk of the state folder", settings.state.path)


def room(name: str, path: Path) -> Finding:
    """How much is free where a folder is, or will be."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    usage = shutil.disk_usage(there)
    free = usage.free / GIGABYTE
    seen = f"{free:.1f} GB of {usage.total / GIGABYTE:.1f} GB are free at {path}"
    remedy = "Make room, or move the folder to a larger disk: when it is full nobody can save, and the hub stops."
    if free < TOO_LITTLE_GB:
        return problem(name, seen, remedy)
    return warning(name, seen, remedy) if free < SCARCE_GB else fine(name, seen)


def clock(settings: Settings) -> Finding:
    """Cookies, certificates and logins at institutions all count seconds."""
    name, now = "clock", time.time()
    remedy = "Set the clock and keep it: timedatectl set-ntp true"
    words = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < EARLIEST:
        return problem(name, f"it says {words}, which cannot be", remedy)
    log = StateFolder(settings.state.path).log
    if log.is_file() and (ahead := log.stat().st_mtime - now) > 60:
        return problem(name, f"it says {words}, but the log was written {ahead / 60:.0f} min later than that", remedy)
    synchronised = _synchronised()
    if synchronised is False:
        return warning(name, f"it says {words}, and nothing keeps it right", remedy)
    return fine(name, f"it says {words}" + ("" if synchronised else "; whether it is kept right cannot be seen from here"))


def _synchronised() -> bool | None:
    try:
        done = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"], capture_output=True, text=True, timeout=3
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"yes": True, "no": False}.get(done.stdout.strip())


def notebooks(settings: Settings) -> Finding | None:
    """What every user gets; in containers the image has its own."""
    if settings.servers.in_containers:
        return None
    name, folder = "notebooks", settings.servers.notebooks_path
    found = sorted(folder.glob("*/*.ipynb"))
    if not found:
        return problem(name, f"there are none in {folder}", "Name their folder in servers.notebooks.")
    return fine(name, f"{len(found)} in {folder}")


def listing_command(settings: Settings) -> Finding:
    """Run once, as the hub does it; its answer is thrown away."""
    name, command = "list of use cases", " ".join(settings.listing.command)
    state = StateFolder(settings.state.path)
    with tempfile.TemporaryDirectory() as aside:
        environ = {
            **os.environ,
            # What the command may want to write for its caller stays out of the caller's home.
            "IMAGINE_HOME": str(Path(aside) / "home"),
            "IMAGINE_MODELS": str(state.models),
            "IMAGINE_SAMPLES": str(state.samples),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        }
        file = Path(aside) / "listing.json"
        found = listing.refresh(file, settings.listing.command, environ, timeout_s=LISTING_PATIENCE_S)
        models = [card.name for card in found.cards if card.model is None]
    if found.problem:
        return problem(name, f"`{command}`: {found.problem}", "Run it by hand, or name another command in listing.command.")
    if not found.cards:
        return problem(name, f"`{command}` lists no use case", "Install the library beside the hub, or see what it prints.")
    names = ", ".join(card.name for card in found.cards)
    if models and not settings.servers.in_containers:
        return warning(
            name, f"{names}; without a starter model: {', '.join(models)}", f"IMAGINE_HOME={state.path} imagine models starter"
        )
    return fine(name, names)
