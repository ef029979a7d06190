"""What running servers have used: processes of this machine, or containers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from imagine_hub.processes import RUN_VARIABLE
from imagine_hub.usage.places import Accounting

log = logging.getLogger("imagine_hub.usage")

# A process is older than the moment it says by this much at most: the kernel counts in ticks since it booted.
_CLOCK_S = 2.0


@dataclass(frozen=True)
class Running:
    """A server that the hub says is running; `started` is in seconds since 1970."""

    user: str
    server: str
    started: float


@dataclass(frozen=True)
class Reading:
    """Seconds of one processor since the server started, and memory in bytes."""

    cpu_s: float
    memory_bytes: int


Readings = Mapping[tuple[str, str], Reading]


def read_processes(accounting: Accounting, running: Collection[Running]) -> Readings:
    """Add up the processes of each server.

    The environment that the hub gave a server says whose it is, and its children inherit it; one that wipes its environment is still
    the child of its parent. The time of children that have ended is in their parents' counters, so nothing is missed between two
    readings, however short it lived.
    """
    started = {(server.user, server.server): server.started for server in running}
    owner: dict[int, tuple[str, str]] = {}
    parents: dict[int, int] = {}
    processes: dict[int, psutil.Process] = {}
    for process in psutil.process_iter(["ppid"]):
        parents[process.pid] = process.info["ppid"] or 0
        processes[process.pid] = process
        try:
            variables = process.environ()
        except (psutil.Error, OSError):
            continue
        if variables.get(RUN_VARIABLE) == accounting.state and "JUPYTERHUB_USER" in variables:
            owner[process.pid] = variables["JUPYTERHUB_USER"], variables.get("JUPYTERHUB_SERVER_NAME", "")
    totals: dict[tuple[str, str], Reading] = {}
    for pid, process in processes.items():
        key = _owner(pid, owner, parents)
        if key is None or key not in started:
            continue
        try:
            # What an earlier server of the same person has left running is not this one's.
            if process.create_time() < started[key] - _CLOCK_S:
                continue
            times, memory = process.cpu_times(), process.memory_info().rss
        except (psutil.Error, OSError):
            continue
        before = totals.get(key, Reading(0.0, 0))
        cpu_s = times.user + times.system + getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        totals[key] = Reading(before.cpu_s + cpu_s, before.memory_bytes + memory)
    return totals


def read_containers(accounting: Accounting, running: Collection[Running]) -> Readings:
    """Ask the container engine; containers carry the labels ``imagine.state``, ``imagine.user`` and ``imagine.server``."""
    import docker
    from docker.errors import DockerException

    wanted = {(server.user, server.server) for server in running}
    found: dict[tuple[str, str], Reading] = {}
    try:
        client = docker.DockerClient(base_url=accounting.engine, timeout=20)
        try:
            for container in client.containers.list(filters={"label": f"imagine.state={accounting.state}"}):
                key = container.labels.get("imagine.user", ""), container.labels.get("imagine.server", "")
                if key in wanted:
                    # One reading is enough: the second one would only serve to work out a percentage.
                    found[key] = _reading(container.client.api.stats(container.id, stream=False, one_shot=True))
        finally:
            client.close()
    except (DockerException, OSError, KeyError, TypeError) as error:
        log.warning("The container engine at %s does not say what servers use (%s).", accounting.engine, error)
    return found


def _reading(stats: Any) -> Reading:
    memory = stats["memory_stats"]
    # Files that the system keeps in memory are not the server's: it gives them back when others need room.
    inactive = memory.get("stats", {}).get("inactive_file", memory.get("stats", {}).get("total_inactive_file", 0))
    return Reading(stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, max(0, memory.get("usage", 0) - inactive))


def _owner(pid: int, owner: Mapping[int, tuple[str, str]], parents: Mapping[int, int]) -> tuple[str, str] | None:
    for _ in range(64):
        if pid in owner:
            return owner[pid]
        if pid <= 1 or pid not in parents:
            return None
        pid = parents[pid]
    return None


#: By the kind of spawner; with others nothing measures processors, and the figures say so. In a swarm an engine tells the use of its own
#: containers only: what one machine says would look like the whole.
READERS: dict[str, Callable[[Accounting, Collection[Running]], Readings]] = {
    "local": read_processes,
    "docker": read_containers,
}
