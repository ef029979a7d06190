"""What a container of a user is made of: what it sees of the host, and what it may not do."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_hub.spawners.sized import FOLDER_NAME
from imagine_hub.spawners.values import SERVER_VARIABLE, annotation_values, server_values
from imagine_hub.state import VOLUME_PREFIX, folder_of_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imagine_hub.settings import Profile, Settings

HOME = "/home/jovyan"
# Of the image's user; nobody is root in a container.
USER_ID = 1000
GROUP_ID = 100
MEGABYTE = 1024 * 1024


def image_of(settings: Settings, profile: Profile) -> str:
    """The image for a size."""
    containers = settings.containers
    return profile.image or (
        containers.gpu_image if profile.gpus else containers.desktop_image if profile.desktop else containers.image
    )


def environment(settings: Settings) -> dict[str, Any]:
    """The environment that is the same for every container."""
    found = {
        "HOME": HOME,
        "IMAGINE_HOME": f"{HOME}/imagine",
        "IMAGINE_USAGE": "/usage",
        "JUPYTER_RUNTIME_DIR": "/tmp/jupyter",  # noqa: S108 - the container's own, in memory
        # What lies in a home must not become part of the server.
        "PYTHONNOUSERSITE": "1",
        SERVER_VARIABLE: server_values(settings),
        **annotation_values(settings.servers.annotations),
    }
    return found | ({"IMAGINE_MODELS": "/models"} if settings.containers.models else {})


def home_of(settings: Settings, user: str) -> str:
    """Where the home of a user lies: a volume of the engine, or a folder of the host.

    Parameters
    ----------
    settings : Settings
    user : str
        Name of the user as the spawner escapes it for the engine.
    """
    return str(Path(settings.containers.homes) / user) if settings.containers.homes else f"{VOLUME_PREFIX}{user}"


def writable(settings: Settings, *, user: str, escaped: str, groups: Iterable[str]) -> dict[str, str]:
    """What the user can write, by volume or folder of the host: her home, her groups' folders, and the lines on her use."""
    found = {home_of(settings, escaped): HOME}
    if settings.usage.enabled:
        found[str(folder_of_lines(settings) / user)] = "/usage"
    if settings.containers.groups:
        for group in sorted(groups):
            folder = Path(settings.containers.groups) / group
            # A group of a federation may be called anything; a folder that is missing would be made by the engine, for root.
            if FOLDER_NAME.fullmatch(group) and folder.is_dir():
                found[str(folder)] = f"/groups/{group}"
    return found


def readable(settings: Settings) -> dict[str, str]:
    """What everybody reads, by folder of the host."""
    containers = settings.containers
    named = {containers.data: "/data", containers.models: "/models"}
    more = dict(mount.split(":") for mount in containers.read_only_mounts)
    return {folder: place for folder, place in {**named, **more}.items() if folder}


def prepare_folders(settings: Settings, *, user: str, escaped: str) -> None:
    """Make the folders of the host that a container needs, writable for the container's user.

    Raises
    ------
    OSError
        One cannot be made.
    """
    if settings.containers.homes:
        _make(Path(settings.containers.homes) / escaped, others=0)
    if settings.usage.enabled:
        # The state folder around it is closed to everybody else.
        _make(folder_of_lines(settings) / user, others=0o007)


def _make(folder: Path, *, others: int) -> None:
    """Make a folder for the container's user; a hub that may not give it to that user opens it as far as `others` says."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    me, owner = os.geteuid(), folder.stat().st_uid
    if me == 0 and owner != USER_ID:
        os.chown(folder, USER_ID, GROUP_ID)
    elif me not in (0, USER_ID) and owner == me:
        if not others:
            raise PermissionError(errno.EPERM, f"only root can give {folder} to user {USER_ID}")
        folder.chmod(0o700 | others)


def host_config(settings: Settings, *, memory: int, gpu_uuids: Iterable[str]) -> dict[str, Any]:
    """Limits and prohibitions, as docker-py names them.

    Parameters
    ----------
    settings : Settings
    memory : int
        Memory limit [B]; there is no swap beyond it.
    gpu_uuids : iterable of str
        GPUs, by UUID; never all.
    """
    from docker.types import DeviceRequest, LogConfig

    containers = settings.containers
    config: dict[str, Any] = {
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": containers.processes,
        "memswap_limit": memory,
        "shm_size": containers.shared_memory_mb * MEGABYTE,
        "ipc_mode": "private",
        "read_only": containers.read_only,
        # Executable, because compilers of numerical libraries put what they make there.
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={containers.temporary_mb}m"},  # noqa: S108
        # Kept until the hub has read how the server ended.
        "auto_remove": False,
        "log_config": LogConfig(type="json-file", config={"max-size": "5m", "max-file": "2"}),
    }
    uuids = list(gpu_uuids)
    if uuids:
        config["device_requests"] = [DeviceRequest(device_ids=uuids, capabilities=[["gpu"]])]
    return config


def labels(settings: Settings, *, user: str, server: str, profile: str) -> dict[str, str]:
    """What tells a container of this hub from all others."""
    return {
        "imagine.user": user,
        "imagine.server": server,
        "imagine.profile": profile,
        "imagine.state": str(settings.state.path),
    }
