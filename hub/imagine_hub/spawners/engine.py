"""The container engine: reached where the settings say, with the network in which the servers live."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from imagine_hub.errors import EngineError

if TYPE_CHECKING:
    import docker

    from imagine_hub.settings import Settings

PATIENCE_S = 60


def connect(settings: Settings) -> docker.APIClient:
    """A client of the engine.

    Raises
    ------
    EngineError
        It does not answer.
    """
    import docker
    import requests

    try:
        client = docker.APIClient(base_url=settings.containers.engine, version="auto", timeout=PATIENCE_S)
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise EngineError.silent(settings.containers.engine, str(error)) from error
    return client


def ensure_network(settings: Settings) -> str:
    """Make the network of the servers if it is not there, and say where the hub has its address in it.

    From an internal network nothing is reached but its own members and this host: neither the internet, nor the neighbours of the
    host, nor the address 169.254.169.254 at which clouds hand out credentials.

    Returns
    -------
    str
        Address of this host in the network.

    Raises
    ------
    EngineError
        The engine does not answer or refuses, or the network has no gateway.
    """
    import docker

    name = settings.containers.network
    client = connect(settings)
    try:
        found: dict[str, Any] = client.inspect_network(name)
    except docker.errors.NotFound:
        try:
            client.create_network(name, **_network(settings))
            found = client.inspect_network(name)
        except docker.errors.APIError as error:
            raise EngineError.no_network(name, settings.containers.subnet, error.explanation or str(error)) from error
    finally:
        client.close()
    for part in found["IPAM"]["Config"] or ():
        if gateway := part.get("Gateway"):
            return str(gateway)
    raise EngineError.no_gateway(name)


def _network(settings: Settings) -> dict[str, Any]:
    from docker.types import IPAMConfig, IPAMPool

    subnet = ipaddress.ip_network(settings.containers.subnet)
    pool = IPAMPool(subnet=str(subnet), gateway=str(next(subnet.hosts())))
    return {
        "driver": "bridge",
        "internal": not settings.containers.internet,
        "check_duplicate": True,
        # Servers have nothing to say to each other.
        "options": {"com.docker.network.bridge.enable_icc": "false"},
        "ipam": IPAMConfig(pool_configs=[pool]),
        "labels": {"imagine.network": settings.servers.spawner},
    }
