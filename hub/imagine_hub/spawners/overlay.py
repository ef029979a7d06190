"""The swarm under the servers: what it asks of the settings, and the network that reaches over its machines."""

from __future__ import annotations

import ipaddress
import re
import time
from typing import TYPE_CHECKING, Any

from imagine_hub.errors import EngineError, SettingsError
from imagine_hub.spawners.container import image_of
from imagine_hub.spawners.engine import connect

if TYPE_CHECKING:
    import docker

    from imagine_hub.settings import Settings

# Services are called imagine-USER, and a service has its name as a name in the network.
PREFIX = "imagine"
ALLOCATED_S = 30.0
# The part in front of the first "/" is a registry if it could be the name of a machine; otherwise Docker Hub would be asked.
_REGISTRY = re.compile(r"(localhost|[^/]*[.:][^/]*)/")


def check_settings(settings: Settings) -> None:
    """Refuse what cannot work on several machines, before anybody waits for a server.

    Raises
    ------
    SettingsError
        The hub would not be reached, homes would stay behind on one machine, or a size or an image cannot be had.
    """
    network, containers = settings.network, settings.containers
    if not network.hub_name or _is_loopback(network.hub_address):
        raise SettingsError(
            'With servers.spawner = "swarm" the hub runs in a container in the network of the servers: set network.hub_address to '
            '"0.0.0.0" and network.hub_name to the name of that container.'
        )
    if network.hub_name.startswith(f"{PREFIX}-"):
        # Whoever logs in as "hub" would have a server with the name imagine-hub, and would be sent the tokens of the others.
        raise SettingsError(
            f"network.hub_name is {network.hub_name!r}, and the server of a person can get that name in the same network: call the "
            f"hub's container anything that does not begin with {PREFIX}-."
        )
    if not containers.homes:
        raise SettingsError(
            'containers.homes is empty, but with servers.spawner = "swarm" it must name a folder that every machine has under this '
            "path (NFS, for example): a volume of the engine does not follow a server to another machine."
        )
    for image in sorted(_images(settings)):
        if not _REGISTRY.match(image):
            raise SettingsError(
                f"The image {image} has no registry in its name, so each machine of the swarm would ask Docker Hub for it: push it to "
                "a registry that all of them reach, and write registry.example.org/imagine/imagine-cpu:0.1.0."
            )
    for profile in settings.profiles:
        if profile.gpus > 1:
            raise SettingsError(
                f"The profile {profile.name} has {profile.gpus} GPUs, but in a swarm they could lie in different machines: give it 1, "
                'or take servers.spawner = "docker" on the machine with the GPUs.'
            )


def ensure_overlay(settings: Settings) -> None:
    """Make the network of the servers if it is not there, and put the hub's own container into it.

    An internal overlay network reaches its members on all machines of the swarm and nothing else, not even the machines themselves.

    Raises
    ------
    SettingsError
        The settings are not for a swarm.
    EngineError
        The engine does not answer, leads no swarm or refuses, or there is a network of that name for this machine only.
    """
    import docker

    check_settings(settings)
    name = settings.containers.network
    client = connect(settings)
    try:
        if not client.info().get("Swarm", {}).get("ControlAvailable"):
            raise EngineError.no_swarm(settings.containers.engine)
        try:
            found = _allocated(client, name)
        except docker.errors.NotFound:
            client.create_network(name, **_network(settings))
            found = _allocated(client, name)
        if found["Driver"] != "overlay" or not found["Attachable"]:
            raise EngineError.no_overlay(name)
        _join(client, found, settings.network.hub_name)
    except docker.errors.APIError as error:
        raise EngineError.no_network(name, settings.containers.subnet, error.explanation or str(error)) from error
    finally:
        client.close()


def _allocated(client: docker.APIClient, name: str) -> dict[str, Any]:
    """What the engine says of a network; one that was made a moment ago has no driver until the swarm has given it its addresses."""
    deadline = time.monotonic() + ALLOCATED_S
    while True:
        found: dict[str, Any] = client.inspect_network(name)
        if found["Driver"] or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _join(client: docker.APIClient, network: dict[str, Any], hub: str) -> None:
    import docker

    if hub in {member["Name"] for member in (network.get("Containers") or {}).values()}:
        return
    # Always the same one: after a restart of the hub, servers may be told its earlier address for a while.
    subnet = ipaddress.ip_network(network["IPAM"]["Config"][0]["Subnet"])
    try:
        client.connect_container_to_network(hub, network["Id"], ipv4_address=str(subnet[-2]))
    except docker.errors.NotFound:
        # A name that no container here has is an alias: whoever gave it has put the container into the network.
        return
    except docker.errors.APIError as error:
        raise EngineError.not_joined(network["Name"], hub, error.explanation or str(error)) from error


def _network(settings: Settings) -> dict[str, Any]:
    from docker.types import IPAMConfig, IPAMPool

    subnet = ipaddress.ip_network(settings.containers.subnet)
    return {
        "driver": "overlay",
        "attachable": True,
        "internal": not settings.containers.internet,
        "check_duplicate": True,
        "ipam": IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet), gateway=str(next(subnet.hosts())))]),
        "labels": {"imagine.network": settings.servers.spawner},
    }


def _images(settings: Settings) -> set[str]:
    return {settings.containers.image, *(image_of(settings, profile) for profile in settings.profiles)}


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
