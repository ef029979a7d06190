"""What a service of the swarm is made of, and how the life of its task is told in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagine_hub.spawners.container import GROUP_ID, MEGABYTE, USER_ID

if TYPE_CHECKING:
    from docker.types import TaskTemplate

    from imagine_hub.settings import Settings

# From its making to its end a task goes through these, as the engine names them.
WAITING = ("new", "pending")
ON_THE_WAY = ("assigned", "accepted", "preparing", "ready", "starting")
RUNNING = "running"
# Time that a server has to end by itself.
GRACE_S = 10
NANO = 10**9
# docker node update --label-add imagine.servers=no MACHINE, for that of the hub: a drained one could not have the hub in the network.
NO_SERVERS = "node.labels.imagine.servers!=no"
# 128 + SIGKILL: somebody ended it from outside.
KILLED = 137


def task_template(
    settings: Settings,
    *,
    image: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    folders: Mapping[str, tuple[str, bool]],
    memory: int,
    cpus: float,
    cpus_sure: float,
    node: str = "",
) -> TaskTemplate:
    """The one task of a service: the same limits and prohibitions as for a container, in the words of a swarm.

    Parameters
    ----------
    settings : Settings
    image : str
    command : sequence of str
        What the entry point of the image starts.
    environment, labels : mapping
    folders : mapping of str to tuple of str and bool
        Folders of the host, each with its place in the container and whether it is read-only. They must be there on each machine.
    memory : int
        Limit, and reserved in full [B]: what is promised to two servers is ended when both use it.
    cpus, cpus_sure : float
        Limit, and what is reserved.
    node : str
        The one machine on which it may run, by its number in the swarm; ``""`` for any that takes servers.
    """
    from docker.types import ContainerSpec, Mount, Placement, Resources, RestartPolicy, TaskTemplate

    containers = settings.containers
    mounts = [Mount(target=place, source=folder, type="bind", read_only=fixed) for folder, (place, fixed) in folders.items()]
    spec = ContainerSpec(
        image=image,
        args=list(command),
        env=dict(environment),
        labels=dict(labels),
        user=f"{USER_ID}:{GROUP_ID}",
        mounts=[*mounts, _in_memory("/dev/shm", containers.shared_memory_mb), _in_memory("/tmp", containers.temporary_mb)],  # noqa: S108
        read_only=containers.read_only,
        cap_drop=["ALL"],
        # Engines from release 25 on know it, earlier ones pass it over: with no capabilities there is little to gain.
        privileges={"NoNewPrivileges": True},
        stop_grace_period=GRACE_S * NANO,
    )
    resources = Resources(
        cpu_limit=int(cpus * NANO), mem_limit=memory, cpu_reservation=int(cpus_sure * NANO), mem_reservation=memory
    )
    resources["Limits"]["Pids"] = containers.processes
    return TaskTemplate(
        spec,
        resources=resources,
        # A server that has ended is started by its person; the hub must be able to read how it ended.
        restart_policy=RestartPolicy(condition="none"),
        placement=Placement(constraints=[NO_SERVERS, *([f"node.id=={node}"] if node else [])]),
        networks=[containers.network],
        log_driver={"Name": "json-file", "Options": {"max-size": "5m", "max-file": "2"}},
    )


def _in_memory(place: str, megabytes: int) -> Any:
    from docker.types import Mount

    mount = Mount(target=place, source=None, type="tmpfs", tmpfs_size=megabytes * MEGABYTE, tmpfs_mode=0o1777)
    # Executable, because compilers put what they make there; engines before release 27 do not know this and forbid it.
    mount["TmpfsOptions"]["Options"] = [["exec"]]
    return mount


def has_ended(task: Mapping[str, Any]) -> bool:
    """Whether a task is over for good; one that waits for a machine is not."""
    return state_of(task) not in (*WAITING, *ON_THE_WAY, RUNNING)


def is_on_a_machine(task: Mapping[str, Any]) -> bool:
    """Whether a machine has it, so that it may be writing in a home."""
    return state_of(task) in (*ON_THE_WAY, RUNNING)


def state_of(task: Mapping[str, Any]) -> str:
    """The state of a task as the engine names it."""
    return str(task["Status"]["State"])


def reason_of(task: Mapping[str, Any]) -> str:
    """What the engine says of it; ``""`` if nothing."""
    return str(task["Status"].get("Err", ""))


def address_of(task: Mapping[str, Any], network: str) -> str:
    """Address of a task in a network; ``""`` if it has none."""
    for attachment in task.get("NetworksAttachments") or ():
        if attachment["Network"]["Spec"]["Name"] == network and attachment.get("Addresses"):
            return str(attachment["Addresses"][0]).partition("/")[0]
    return ""


def how_it_ended(task: Mapping[str, Any], *, out_of_memory: bool | None) -> str:
    """The end of a task in words.

    Parameters
    ----------
    task : mapping
        As the engine lists it.
    out_of_memory : bool, optional
        Whether the kernel ended it for that; None where its container lies on another machine, which nobody can ask from here.
    """
    state, reason = state_of(task), reason_of(task)
    if state == "rejected":
        return why_rejected(reason)
    code = int(task["Status"].get("ContainerStatus", {}).get("ExitCode", 0))
    if out_of_memory:
        return "it needed more memory than its size has"
    if code == KILLED and out_of_memory is None:
        return f"exit code {code}: probably it needed more memory than its size has"
    if state in ("shutdown", "remove", "orphaned"):
        return "its machine was taken out of the swarm, or somebody stopped it there"
    return f"exit code {code}"


def why_rejected(reason: str) -> str:
    """Why a machine could not even begin, in words."""
    if "no such image" in reason.lower():
        return f"its machine cannot get the image ({reason})"
    if "bind source path" in reason:
        return f"a shared folder is not on its machine ({reason.rpartition(': ')[2]})"
    return f"its machine refused it ({reason})"


def why_it_waits(reason: str, *, gpu: bool) -> str:
    """Why the swarm finds no machine for a task, as a sentence for the person who waits.

    Parameters
    ----------
    reason : str
        As the engine says it.
    gpu : bool
        Whether it can be on one machine only, which has its GPU.
    """
    if "insufficient resources" in reason:
        return "No machine of the swarm has room for this size: take a smaller one, or try again when others have stopped."
    if gpu:
        return "The machine with your GPU takes no servers now: take a size without, and tell whoever runs this hub."
    return "No machine of the swarm takes servers now: tell whoever runs this hub."
