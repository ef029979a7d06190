"""A server is a service of one task on one of several machines."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dockerspawner import SwarmSpawner
from jupyterhub.spawner import SpawnException
from traitlets import default

from imagine_hub.gpus import machines
from imagine_hub.spawners import container, service
from imagine_hub.spawners.docker import ContainerSpawner, configure_containers
from imagine_hub.spawners.overlay import PREFIX, check_settings
from imagine_hub.spawners.sized import SURE_OF

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Profile, Settings

# Room may come free while somebody else's server ends; after that nobody waits any longer.
ROOM_S = 8.0
# A server that ends takes its grace period, and its machine says so a moment later.
END_S = service.GRACE_S + 20.0
PAUSE_S = 0.3
NAME = 63


class ServiceSpawner(ContainerSpawner, SwarmSpawner):  # type: ignore[misc]
    """One service per server, of the size that was chosen, with a home on storage that all machines share."""

    @default("object_name")
    def _object_name_default(self) -> str:
        # A service has its name as a name in the network, and those end at 63 characters.
        name = str(self._render_templates(self.name_template))
        return name if len(name) <= NAME else f"{name[: NAME - 17]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    async def create_object(self) -> dict[str, Any]:
        """Make the service, once nothing of an earlier one runs any more.

        Raises
        ------
        SpawnException
            An earlier server has not ended, or the machine with the GPU is gone.
        """
        profile = self.profile
        assert profile is not None  # taken when the start began
        if left := await self._wait_for_the_end():
            words = (
                f"Your last server has not ended on {await self._machine(left)} and may still write in your home: "
                "tell whoever runs this hub."
            )
            raise SpawnException(words, reason="home")
        node = await self._node_of_gpu() if profile.gpus else ""
        labels = container.labels(self.site, user=self.user.name, server=self.name, profile=profile.name)
        folders = {folder: (place["bind"], place["mode"] == "ro") for folder, place in self.volume_binds.items()}
        task = service.task_template(
            self.site,
            image=self.image,
            command=await self.get_command(),
            environment=self.get_env(),
            labels=labels,
            folders=folders,
            memory=int(self.mem_limit),
            cpus=profile.cpus,
            cpus_sure=max(0.1, profile.cpus * SURE_OF),
            node=node,
        )
        # No virtual address in front of the task: that needs a module which not every kernel has.
        made: dict[str, Any] = await self.docker(
            "create_service", task, name=self.service_name, labels=labels, endpoint_spec={"Mode": "dnsrr"}
        )
        return made

    async def start_object(self) -> None:
        """Wait until the task runs.

        Raises
        ------
        SpawnException
            No machine has room for it, or it has ended.
        """
        no_room_since: float | None = None
        while True:
            task = await self._task()
            if task is None or service.state_of(task) != "pending" or not service.reason_of(task):
                no_room_since = None
            elif no_room_since is None:
                no_room_since = time.monotonic()
            elif time.monotonic() - no_room_since > ROOM_S:
                words = service.why_it_waits(service.reason_of(task), gpu=bool(self.gpu_uuids))
                raise SpawnException(words, reason="room", log_message=f"{words} {service.reason_of(task)}")
            if task is not None and service.state_of(task) == service.RUNNING:
                return
            if task is not None and service.has_ended(task):
                words = f"Your server could not be started ({await self._how_it_ended(task)}): tell whoever runs this hub."
                raise SpawnException(words, reason="ended")
            await asyncio.sleep(PAUSE_S)

    async def get_ip_and_port(self) -> tuple[str, int]:
        """The address of the task in the network of the servers: a name can go on meaning an earlier one for a while.

        Raises
        ------
        SpawnException
            The task has none.
        """
        task = await self._task()
        address = "" if task is None else service.address_of(task, self.network_name)
        if not address:
            raise SpawnException(f"Your server has no address in the network {self.network_name}: tell whoever runs this hub.")
        return address, self.port

    async def remove_object(self) -> None:
        """Remove the service and wait until its task has ended: two servers must not write in one home."""
        from docker.errors import NotFound

        try:
            await self.docker("remove_service", self.service_name)
        except NotFound:
            self.log.info("Service %s is gone already", self.service_name)
        if left := await self._wait_for_the_end():
            self.log.warning(
                "The server of %s has not ended on %s within %.0f s: it cannot be started again before.",
                *(self.user.name, await self._machine(left), END_S),
            )

    async def poll(self) -> int | str | None:
        """None while it runs or waits for a machine; otherwise how it ended, in words."""
        if await self.get_object() is None:
            return await self.ended("it is gone")
        task = await self._task()
        if task is not None and service.has_ended(task):
            return await self.ended(await self._how_it_ended(task))
        if task is not None and task["DesiredState"] in ("shutdown", "remove") and not await self._answers(task):
            # Its machine cannot be asked; the swarm has given it up.
            return await self.ended("its machine does not answer")
        await self.keep_gpus()
        return None

    def get_env(self) -> dict[str, Any]:
        """The environment, with what a program has to know of its size."""
        found: dict[str, Any] = super().get_env()
        profile = self.profile
        return {**found, **(self.size_environment(profile) if profile is not None else {})}

    def take_profile(self) -> Profile:
        """Take the size; its memory is reserved in full, so that a machine is never promised twice."""
        profile = super().take_profile()
        self.mem_guarantee = self.mem_limit
        return profile

    async def last_words(self) -> str:
        """What the server said at last, if a machine had it."""
        task = await self._task()
        if task is None or not task["Status"].get("ContainerStatus", {}).get("ContainerID"):
            return ""
        said = await self.docker("service_logs", self.service_name, stdout=True, stderr=True, tail=40, is_tty=False)
        return b"".join(said).decode(errors="replace")

    async def _task(self) -> Mapping[str, Any] | None:
        """The newest task of the service; None before there is one, and after its end."""
        from docker.errors import NotFound

        try:
            found: list[dict[str, Any]] = await self.docker("tasks", filters={"service": self.service_name})
        except NotFound:
            return None
        return max(found, key=lambda task: str(task["CreatedAt"]), default=None)

    async def _wait_for_the_end(self) -> Mapping[str, Any] | None:
        """Wait until no machine has a task of this server; returns one that has not ended in time.

        Tasks outlive their service until their machine has ended them, so they are looked for by their labels.
        """
        wanted = {"imagine.state": str(self.site.state.path), "imagine.user": self.user.name}
        labels = [f"{name}={value}" for name, value in wanted.items()]
        deadline = time.monotonic() + END_S
        while True:
            found: list[dict[str, Any]] = await self.docker("tasks", filters={"label": labels})
            left = [
                task
                for task in found
                if service.is_on_a_machine(task)
                and task["Spec"]["ContainerSpec"].get("Labels", {}).get("imagine.server") == self.name
            ]
            if not left:
                return None
            if time.monotonic() > deadline:
                return left[0]
            await asyncio.sleep(PAUSE_S)

    async def _how_it_ended(self, task: Mapping[str, Any]) -> str:
        from docker.errors import APIError

        out_of_memory = None
        if number := task["Status"].get("ContainerStatus", {}).get("ContainerID"):
            try:
                # The engine hears of the end and of its reason one after the other.
                for pause_s in (0.0, 0.3, 0.7, 2.0):
                    await asyncio.sleep(pause_s)
                    state = (await self.docker("inspect_container", number))["State"]
                    out_of_memory = bool(state["OOMKilled"])
                    if out_of_memory or state["ExitCode"] != service.KILLED:
                        break
            except APIError:
                self.log.debug("The container of %s lies on another machine", self.user.name)
        return service.how_it_ended(task, out_of_memory=out_of_memory)

    async def _answers(self, task: Mapping[str, Any]) -> bool:
        return bool((await self._node(task)).get("Status", {}).get("State") == "ready")

    async def _machine(self, task: Mapping[str, Any]) -> str:
        name = (await self._node(task)).get("Description", {}).get("Hostname", "")
        return f"the machine {name}" if name else "one of the machines"

    async def _node(self, task: Mapping[str, Any]) -> dict[str, Any]:
        from docker.errors import APIError

        try:
            found: dict[str, Any] = await self.docker("inspect_node", task.get("NodeID", ""))
        except (APIError, ValueError):
            return {}
        return found

    async def _node_of_gpu(self) -> str:
        """The machine that has the GPU which was granted."""
        (uuid,) = self.gpu_uuids
        nodes = await asyncio.to_thread(machines.labelled, self.site.containers.engine)
        if uuid not in nodes:
            raise SpawnException(service.why_it_waits("", gpu=True), reason="gpu")
        return nodes[uuid]


def configure_swarm(c: Config, settings: Settings) -> None:
    """Set up services on several machines.

    Raises
    ------
    SettingsError
        The settings are not for a swarm.
    """
    check_settings(settings)
    configure_containers(c, settings)
    c.JupyterHub.spawner_class = ServiceSpawner
    c.DockerSpawner.prefix = PREFIX
    c.DockerSpawner.use_internal_ip = True
    # Each machine gets its images by itself; that of the hub need not have them.
    c.DockerSpawner.pull_policy = "skip"
