"""A server is a container on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dockerspawner import DockerSpawner
from jupyterhub.spawner import SpawnException

from imagine_hub.spawners import container
from imagine_hub.spawners.sized import Sized
from imagine_hub.spawners.starting import Starting
from imagine_hub.spawners.values import SERVER_MODULE

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Profile, Settings


class ContainerSpawner(Starting, Sized, DockerSpawner):  # type: ignore[misc]
    """One container per server, of the size that was chosen, with a home that outlives it."""

    async def start(self) -> tuple[str, int]:
        """Look at what was asked, prepare the folders, get the GPUs, start the container, and wait until it listens.

        Raises
        ------
        SpawnException
            The size may not be had, a GPU is not free, the image is missing, or the container has ended.
        """
        from docker.errors import APIError

        profile = self.take_profile()
        await self._prepare(profile)
        await self.take_gpus(profile)
        try:
            address, port = await super().start()
            await self.until_it_listens(address, port)
        except APIError as error:
            await self._give_up()
            raise self._refused(error) from error
        except BaseException:
            await self._give_up()
            raise
        await self.note_started(profile)
        return address, port

    async def stop(self, now: bool = False) -> None:
        """Stop and remove the container; the home stays."""
        try:
            await super().stop(now=now)
        finally:
            await self.ended("stopped")

    async def poll(self) -> int | str | None:
        """None while it runs; otherwise how it ended, in words."""
        found = await self.get_object()
        if found is None:
            return await self.ended("it is gone")
        state = found["State"]
        if state["Running"] or state["Status"] == "created":
            await self.keep_gpus()
            return None
        if state["OOMKilled"]:
            return await self.ended("it needed more memory than its size has")
        return await self.ended(f"exit code {state['ExitCode']}")

    async def _prepare(self, profile: Profile) -> None:
        self.image = container.image_of(self.site, profile)
        try:
            await asyncio.to_thread(container.prepare_folders, self.site, user=self.user.name, escaped=self.escaped_name)
        except OSError as error:
            words = f"Your folders cannot be prepared ({error.strerror or error}): tell whoever runs this hub."
            raise SpawnException(words, reason="home", log_message=f"{words} {error}") from error
        self.volumes = container.writable(self.site, user=self.user.name, escaped=self.escaped_name, groups=self.group_names)
        self.read_only_volumes = container.readable(self.site)

    async def _give_up(self) -> None:
        """Leave nothing behind of a start that failed."""
        try:
            if await self.get_object() is not None:
                self.log.error("The container of %s said at last:\n%s", self.user.name, await self.last_words())
                await self.remove_object()
        except Exception as error:  # the reason of the failure matters more than that of the tidying
            self.log.warning("The container of %s could not be removed: %s", self.user.name, error)
        await self.leave_gpus()

    async def last_words(self) -> str:
        """What the container said at last."""
        said: bytes = await self.docker("logs", self.container_id, tail=40)
        return said.decode(errors="replace")

    def _refused(self, error: Any) -> SpawnException:
        reason = error.explanation or str(error)
        if error.status_code == 404 and "image" in reason.lower():
            words = f"The image {self.image} is not on this machine: tell whoever runs this hub."
        elif self.gpu_uuids and "device" in reason.lower():
            words = "The container engine cannot give out GPUs: take a size without, and tell whoever runs this hub."
        else:
            words = "The container engine refused to start your server: tell whoever runs this hub."
        return SpawnException(words, reason="engine", log_message=f"{words} {reason}")


def host_config(spawner: ContainerSpawner) -> dict[str, Any]:
    """Limits and prohibitions of one container, asked for when it is made."""
    return container.host_config(spawner.site, memory=int(spawner.mem_limit), gpu_uuids=spawner.gpu_uuids)


def create_arguments(spawner: ContainerSpawner) -> dict[str, Any]:
    """User, labels and environment of one container, asked for when it is made."""
    profile = spawner.profile
    assert profile is not None  # taken when the start began
    return {
        "user": f"{container.USER_ID}:{container.GROUP_ID}",
        "labels": container.labels(spawner.site, user=spawner.user.name, server=spawner.name, profile=profile.name),
        "environment": spawner.size_environment(profile),
    }


def configure_containers(c: Config, settings: Settings) -> None:
    """What containers on one machine and on several have in common."""
    c.Sized.site = settings
    c.DockerSpawner.client_kwargs = {"base_url": settings.containers.engine, "timeout": 60}
    c.DockerSpawner.network_name = settings.containers.network
    c.DockerSpawner.prefix = "imagine"
    c.DockerSpawner.name_template = "{prefix}-{username}"
    c.DockerSpawner.pull_policy = "never"
    # Nobody names an image: a size has one.
    c.DockerSpawner.allowed_images = {}
    # A container may end without the hub, which then looks often enough for nobody to wait long.
    c.Spawner.poll_interval = 10
    c.Spawner.cmd = ["python", "-m", SERVER_MODULE]
    c.Spawner.args = []
    c.Spawner.ip = "0.0.0.0"  # noqa: S104 - all addresses of the container, which is in the servers' network only
    c.Spawner.port = 8888
    c.Spawner.notebook_dir = container.HOME
    c.Spawner.environment = container.environment(settings)


def configure_docker(c: Config, settings: Settings) -> None:
    """Set up containers on this machine."""
    configure_containers(c, settings)
    c.JupyterHub.spawner_class = ContainerSpawner
    c.DockerSpawner.remove = True
    c.DockerSpawner.use_internal_ip = True
    c.DockerSpawner.extra_host_config = host_config
    c.DockerSpawner.extra_create_kwargs = create_arguments
