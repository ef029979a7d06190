"""How servers start, in which sizes, on what, and what they share."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagine_hub.errors import SettingsError
from imagine_hub.settings.limits import in_range, one_of
from imagine_hub.settings.places import REPOSITORY

SPAWNER_NAMES = ("local", "docker", "swarm", "kubernetes")
# name:tag, with a registry in front or not, or name@sha256:…; what a tag such as "latest" means changes under one's feet.
IMAGE = re.compile(r"[a-z0-9][a-z0-9._/:-]*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})")
PROFILE_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True, kw_only=True)
class Servers:
    """How the servers of the users start, and when they stop."""

    spawner: str = "local"
    notebooks: str = "notebooks"
    start_timeout_s: int = 90
    max_running: int = 20
    max_starting: int = 4
    idle_minutes: int = 120
    max_age_hours: float = 0
    kernel_idle_minutes: int = 30
    warm_apps: int = 1
    annotations: str = ""

    def __post_init__(self) -> None:
        one_of("servers.spawner", self.spawner, SPAWNER_NAMES)
        in_range("servers.start_timeout_s", self.start_timeout_s, 5, 3600)
        in_range("servers.max_running", self.max_running, 0, 10_000)
        in_range("servers.max_starting", self.max_starting, 0, 1_000)
        # Servers report their activity every five minutes: with less, a busy one would be stopped.
        in_range("servers.idle_minutes", self.idle_minutes, 10, 60 * 24 * 30)
        in_range("servers.max_age_hours", self.max_age_hours, 0, 24 * 365)
        in_range("servers.kernel_idle_minutes", self.kernel_idle_minutes, 1, 60 * 24 * 30)
        in_range("servers.warm_apps", self.warm_apps, 0, 8)
        if self.annotations and not self.annotations.startswith("postgresql://"):
            raise SettingsError(
                "servers.annotations must begin with postgresql://, for example postgresql://annotate:PASSWORD@database/annotations;"
                " leave it empty to share nothing between servers in containers, and a file in the state folder between local ones."
            )

    @property
    def notebooks_path(self) -> Path:
        """Folder of the installed notebooks, absolute."""
        return (REPOSITORY / Path(self.notebooks).expanduser()).resolve()

    @property
    def in_containers(self) -> bool:
        """Whether a server is a container, which outlives the hub."""
        return self.spawner != "local"


@dataclass(frozen=True, kw_only=True)
class Containers:
    """What a container is made of and what it may do: spawner = "docker" or "swarm"."""

    image: str = "imagine-cpu:0.1.0"
    gpu_image: str = "imagine-gpu:0.1.0"
    desktop_image: str = "imagine-desktop:0.1.0"
    engine: str = "unix:///var/run/docker.sock"
    network: str = "imagine"
    subnet: str = "172.30.0.0/20"
    internet: bool = False
    homes: str = ""
    data: str = ""
    groups: str = ""
    models: str = ""
    read_only_mounts: tuple[str, ...] = ()
    processes: int = 1024
    shared_memory_mb: int = 1024
    temporary_mb: int = 2048
    read_only: bool = True

    def __post_init__(self) -> None:
        for key in ("image", "gpu_image", "desktop_image"):
            check_image(f"containers.{key}", getattr(self, key))
        for key in ("homes", "data", "groups", "models"):
            value = getattr(self, key)
            if value and not Path(value).is_absolute():
                raise SettingsError(f"containers.{key} is {value!r}, but must be an absolute path of the host, or empty.")
        for mount in self.read_only_mounts:
            parts = mount.split(":")
            if len(parts) != 2 or not all(Path(part).is_absolute() for part in parts):
                raise SettingsError(
                    f"containers.read_only_mounts has {mount!r}: write /folder/of/the/host:/folder/in/the/container."
                )
        try:
            ipaddress.ip_network(self.subnet)
        except ValueError as error:
            raise SettingsError(
                f"containers.subnet is {self.subnet!r} ({error}): write addresses such as 172.30.0.0/20."
            ) from error
        in_range("containers.processes", self.processes, 64, 100_000)
        in_range("containers.shared_memory_mb", self.shared_memory_mb, 64, 1_000_000)
        in_range("containers.temporary_mb", self.temporary_mb, 64, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Kubernetes:
    """Where pods run and what they mount: spawner = "kubernetes"."""

    namespace: str = "imagine"
    home_gb: float = 20
    storage_class: str = ""
    data_claim: str = ""
    models_claim: str = ""
    dask_gateway: str = ""

    def __post_init__(self) -> None:
        in_range("kubernetes.home_gb", self.home_gb, 0.1, 100_000)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A size of server that people can choose."""

    name: str
    title: str
    words: str = ""
    cpus: float = 1
    memory_gb: float = 2
    gpus: int = 0
    desktop: bool = False
    groups: tuple[str, ...] = ()
    image: str = ""

    def __post_init__(self) -> None:
        if not PROFILE_NAME.fullmatch(self.name):
            raise SettingsError(
                f"A profile is called {self.name!r}: use lower-case letters, digits and '-', beginning with a letter, 30 at most."
            )
        in_range(f"cpus of the profile {self.name}", self.cpus, 0.1, 1024)
        in_range(f"memory_gb of the profile {self.name}", self.memory_gb, 0.1, 100_000)
        in_range(f"gpus of the profile {self.name}", self.gpus, 0, 16)
        if self.image:
            check_image(f"image of the profile {self.name}", self.image)
        elif self.gpus and self.desktop:
            raise SettingsError(
                f"The profile {self.name} has GPUs and a desktop, and no image of ours has both: give it an image of its own, or one of the two."
            )


@dataclass(frozen=True, kw_only=True)
class Gpus:
    """Which GPUs there are, who gets them and for how long."""

    uuids: tuple[str, ...] = ("auto",)
    hold_minutes: float = 10
    max_hours: float = 12
    idle_minutes: float = 60
    warning_minutes: float = 15
    user_hours: float = 0
    group_hours: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for uuid in self.uuids:
            if uuid != "auto" and not re.fullmatch(r"(GPU|MIG)-[0-9A-Za-z/-]{4,80}", uuid):
                raise SettingsError(f'gpus.uuids has {uuid!r}: give what `nvidia-smi -L` prints after "UUID:", or "auto".')
        in_range("gpus.hold_minutes", self.hold_minutes, 0.01, 24 * 60)
        in_range("gpus.max_hours", self.max_hours, 0, 24 * 365)
        in_range("gpus.idle_minutes", self.idle_minutes, 0, 60 * 24 * 30)
        in_range("gpus.warning_minutes", self.warning_minutes, 0.01, 60 * 24)
        in_range("gpus.user_hours", self.user_hours, 0, 1_000_000)
        for group, hours in self.group_hours.items():
            in_range(f"gpus.group_hours of {group}", hours, 0, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Apps:
    """Apps that everybody who logs in can use without a server of their own."""

    enabled: bool = False
    warm_kernels: int = 2
    kernels_per_user: int = 3
    kernels: int = 12
    idle_minutes: float = 20
    port: int = 0

    def __post_init__(self) -> None:
        in_range("apps.warm_kernels", self.warm_kernels, 0, 100)
        in_range("apps.kernels_per_user", self.kernels_per_user, 1, 100)
        in_range("apps.kernels", self.kernels, 1, 10_000)
        in_range("apps.idle_minutes", self.idle_minutes, 0.05, 24 * 60)
        in_range("apps.port", self.port, 0, 65535)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Where the list of use cases comes from."""

    command: tuple[str, ...] = ("imagine", "list", "--json")
    refresh_minutes: float = 5

    def __post_init__(self) -> None:
        if not self.command:
            raise SettingsError(
                'listing.command is empty: give the command that lists the use cases, ["imagine", "list", "--json"].'
            )
        in_range("listing.refresh_minutes", self.refresh_minutes, 0, 60 * 24)


def check_image(key: str, image: str) -> None:
    """Refuse an image that is not named exactly.

    Raises
    ------
    SettingsError
        No tag, the tag "latest", or no name of an image at all.
    """
    if not IMAGE.fullmatch(image) or image.endswith(":latest"):
        raise SettingsError(f"{key} is {image!r}, but must be exact: name:tag (not latest) or name@sha256:…")
