"""What the homes of the users take on disk."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from escapism import unescape

from imagine_hub.state import VOLUME_PREFIX
from imagine_hub.usage.places import Accounting

BLOCK = 512
# The engine reads every file of every volume.
PATIENCE_S = 600

log = logging.getLogger("imagine_hub.usage")


def measured_homes(accounting: Accounting) -> dict[str, int]:
    """Bytes on disk by user, wherever the homes lie; nothing for what cannot be read from here, such as the claims of a cluster."""
    if accounting.spawner == "local":
        return sizes_of_homes(accounting.files.homes)
    if accounting.homes:
        found = sizes_of_homes(Path(accounting.homes))
        # The lines on use lie beside the homes of a swarm.
        return {_user(name): size for name, size in found.items() if not name.startswith(".")}
    return sizes_of_volumes(accounting.engine) if accounting.spawner == "docker" else {}


def sizes_of_volumes(engine: str) -> dict[str, int]:
    """Bytes on disk by user, for homes that are volumes, as the engine counts them."""
    import docker
    import requests

    try:
        client = docker.APIClient(base_url=engine, version="auto", timeout=PATIENCE_S)
        try:
            volumes = client.df()["Volumes"] or ()
        finally:
            client.close()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        log.warning("The engine does not say what the homes take: %s", error)
        return {}
    sizes = {volume["Name"]: (volume.get("UsageData") or {}).get("Size", -1) for volume in volumes}
    return {
        _user(name.removeprefix(VOLUME_PREFIX)): int(size)
        for name, size in sizes.items()
        if name.startswith(VOLUME_PREFIX) and size >= 0
    }


def _user(escaped: str) -> str:
    """The name of a user out of that of a folder or volume."""
    return str(unescape(escaped, escape_char="-"))


def sizes_of_homes(homes: Path) -> dict[str, int]:
    """Bytes on disk by user, for homes that are folders.

    Links are not followed, a file with two names counts once, and a file with holes for what it really takes.
    """
    try:
        with os.scandir(homes) as entries:
            folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return {}
    return {entry.name: _size(entry.path) for entry in folders}


def _size(folder: str) -> int:
    total = 0
    seen: set[int] = set()
    left = [folder]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    about = entry.stat(follow_symlinks=False)
                    if about.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if about.st_ino in seen:
                            continue
                        seen.add(about.st_ino)
                    total += about.st_blocks * BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError:
            # Removed while it was being read, or closed to us.
            continue
    return total
