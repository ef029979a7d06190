"""Which GPUs the machines of a swarm have: their labels say it, because no machine can ask the driver of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagine_hub.gpus import inventory
from imagine_hub.gpus.inventory import Driver, Gpu, Inventory

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

# docker node update --label-add imagine.gpus=GPU-…,GPU-… MACHINE
LABEL = "imagine.gpus"
PATIENCE_S = 20


def swarm_of(settings: Settings) -> str:
    """Where the engine of the swarm listens; ``""`` where GPUs are those of this machine."""
    return settings.containers.engine if settings.servers.spawner == "swarm" else ""


def look(uuids: Sequence[str] = ("auto",), *, swarm: str = "") -> Inventory:
    """What may be given out, on this machine or, with an engine that leads a swarm, on those of the swarm.

    Parameters
    ----------
    uuids : sequence of str
        ``gpus.uuids`` of the settings; "auto" for all that there are.
    swarm : str
        Address of the engine.
    """
    if not swarm:
        return inventory.look(uuids)
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        found = labelled(swarm)
    except (DockerException, RequestException) as error:
        return Inventory(Driver.BROKEN, problem=f"The swarm does not say which GPUs it has ({error}): see its engine.")
    kept = {uuid: node for uuid, node in found.items() if "auto" in uuids or uuid in uuids}
    if not kept:
        words = f"No machine of the swarm that takes servers is labelled with a GPU to give out: docker node update --label-add {LABEL}=…"
        return Inventory(Driver.EMPTY, problem=words)
    missing = [uuid for uuid in uuids if uuid != "auto" and uuid not in kept]
    words = f"No machine of the swarm that takes servers has the label {LABEL} with {', '.join(missing)}." if missing else ""
    return Inventory(Driver.READY, tuple(Gpu(uuid, "GPU", 0) for uuid in kept), words)


def labelled(swarm: str) -> Mapping[str, str]:
    """The GPUs of all machines that take servers, by UUID, each with the number of its machine.

    Raises
    ------
    docker.errors.DockerException
        The engine does not answer, or leads no swarm.
    """
    import docker

    client = docker.APIClient(base_url=swarm, version="auto", timeout=PATIENCE_S)
    try:
        nodes: list[dict[str, Any]] = client.nodes()
    finally:
        client.close()
    return {
        uuid: node["ID"]
        for node in nodes
        if node["Status"]["State"] == "ready" and node["Spec"].get("Availability", "active") == "active"
        for uuid in named(node)
    }


def named(node: Mapping[str, Any]) -> list[str]:
    """The GPUs that the label of a machine names."""
    text = (node["Spec"].get("Labels") or {}).get(LABEL, "")
    return [uuid.strip() for uuid in text.split(",") if uuid.strip()]
