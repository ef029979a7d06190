"""The container engine, and what it has of the servers: spawner = "docker" or "swarm"."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_hub.care.checks.network import is_local
from imagine_hub.care.checks.place import room
from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.errors import EngineError
from imagine_hub.network import EVERYWHERE
from imagine_hub.settings import Settings
from imagine_hub.spawners.engine import connect

if TYPE_CHECKING:
    import docker

# What the limits of the profiles rest on, as `docker info` names it.
FEATURES = {"MemoryLimit": "memory", "CpuCfsQuota": "processors", "PidsLimit": "processes"}


def uses_engine(settings: Settings) -> bool:
    """Whether servers are containers of an engine."""
    return settings.servers.spawner in ("docker", "swarm")


@contextmanager
def asked(settings: Settings) -> Iterator[docker.APIClient | None]:
    """A client of the engine; None where there is none to ask, which `answers` says."""
    client = None
    if uses_engine(settings):
        try:
            client = connect(settings)
        except EngineError:
            client = None
    try:
        yield client
    finally:
        if client is not None:
            client.close()


def answers(settings: Settings) -> Finding | None:
    """Reachable with the rights of this account."""
    if not uses_engine(settings):
        return None
    name, address = "container engine", settings.containers.engine
    try:
        client = connect(settings)
    except EngineError as error:
        reason, _, remedy = str(error).rpartition(": ")
        return problem(name, reason, remedy)
    try:
        version = client.version()
    finally:
        client.close()
    return fine(name, f"{address} answers, version {version['Version']}, interface {version['ApiVersion']}")


def limits(settings: Settings) -> Finding | None:
    """What profiles promise can be held to, and system calls are filtered."""
    with asked(settings) as client:
        if client is None:
            return None
        info: dict[str, Any] = client.info()
    name = "limits of containers"
    missing = [words for key, words in FEATURES.items() if not info.get(key)]
    if missing:
        return problem(
            name,
            f"the engine cannot limit {', '.join(missing)}: one server could take the whole machine",
            "Start the kernel with cgroup_enable=memory, or with cgroup v2.",
        )
    if not any("seccomp" in option for option in info.get("SecurityOptions") or ()):
        return problem(
            name,
            "the engine does not filter system calls (no seccomp)",
            "Use a kernel and an engine with seccomp, as distributions have.",
        )
    seen = f"memory, processors and processes can be limited, system calls are filtered; cgroup v{info.get('CgroupVersion', '1')}"
    # What `docker info` warns of, but for what the hub does not use.
    if others := [line for line in info.get("Warnings") or () if "swap" not in line.lower() and "blkio" not in line.lower()]:
        return warning(name, f"{seen}; the engine says: {' '.join(others)}", "See the manual of the engine.")
    return fine(name, seen)


def network(settings: Settings) -> Finding | None:
    """There, or made at the start; and the hub has an address in it."""
    import docker

    wanted = settings.containers.network
    with asked(settings) as client:
        if client is None:
            return None
        try:
            found: dict[str, Any] = client.inspect_network(wanted)
        except docker.errors.NotFound:
            return fine("network of the servers", f"{wanted!r} is not there yet; the first start makes it")
    name, address = "network of the servers", settings.network.hub_address
    parts = [part for part in found["IPAM"]["Config"] or () if part.get("Gateway")]
    gateways = ", ".join(part["Gateway"] for part in parts)
    if not parts:
        return problem(name, f"{wanted!r} has no gateway", "Remove it and let the hub make it: docker network rm " + wanted)
    if settings.servers.spawner == "swarm" and found.get("Driver") != "overlay":
        return problem(
            name,
            f"{wanted!r} reaches this machine only (driver {found.get('Driver')})",
            f"docker network rm {wanted}; the hub makes it anew.",
        )
    seen = f"{wanted!r} with the gateway {gateways}"
    if address in EVERYWHERE or is_local(address) or settings.network.hub_name:
        return fine(name, seen)
    inside = any(ipaddress.ip_address(address) in ipaddress.ip_network(part["Subnet"]) for part in parts)
    if not inside:
        return problem(
            name,
            f"{seen}, but network.hub_address is {address}: servers cannot reach the hub there",
            f"Set network.hub_address to {parts[0]['Gateway']}.",
        )
    return fine(name, f"{seen}; the hub listens on {address} in it")


def images(settings: Settings) -> Finding | None:
    """On this machine, under exactly the names of the settings: nobody waits for a download at a login."""
    import docker

    wanted = {settings.containers.image}
    if any(profile.gpus for profile in settings.profiles):
        wanted.add(settings.containers.gpu_image)
    if any(profile.desktop and not profile.image for profile in settings.profiles):
        wanted.add(settings.containers.desktop_image)
    wanted |= {profile.image for profile in settings.profiles if profile.image}
    missing, sizes = [], []
    with asked(settings) as client:
        if client is None:
            return None
        for image in sorted(wanted):
            try:
                sizes.append(f"{image} ({client.inspect_image(image)['Size'] / 1e9:.1f} GB)")
            except docker.errors.ImageNotFound:
                missing.append(image)
    if missing and settings.servers.spawner == "swarm":
        return warning(
            "images",
            f"not on this machine, which may be meant so: {', '.join(missing)}",
            f"See that each machine with servers has it: docker pull {missing[0]}",
        )
    if missing:
        return problem(
            "images",
            f"not on this machine: {', '.join(missing)}",
            f"Build it as the documentation says, or: docker pull {missing[0]}",
        )
    return fine("images", ", ".join(sizes))


def disk(settings: Settings) -> Finding | None:
    """Room for images and for the volumes that are the homes."""
    with asked(settings) as client:
        root = None if client is None else Path(client.info()["DockerRootDir"])
    # The engine may run on another machine, or in another view of this one.
    return room("disk of the engine", root) if root is not None and root.is_dir() else None


def earlier_servers(settings: Settings) -> Finding | None:
    """Containers that are there already: they go on while the hub is away."""
    with asked(settings) as client:
        if client is None:
            return None
        label = [f"imagine.state={settings.state.path}"]
        if settings.servers.spawner == "swarm":
            found = client.services(filters={"label": label}) if client.info()["Swarm"].get("ControlAvailable") else []
            return fine("services of an earlier run", f"{len(found)}, which the hub takes up again" if found else "none")
        found = client.containers(all=True, filters={"label": label})
    running = [item for item in found if item["State"] == "running"]
    name, ended = "containers of an earlier run", len(found) - len(running)
    seen = f"{len(running)} running, which the hub takes up again"
    if ended:
        return warning(
            name, f"{seen}, and {ended} that have ended", "Remove them when nobody misses anything: docker container prune"
        )
    return fine(name, seen if running else "none")
