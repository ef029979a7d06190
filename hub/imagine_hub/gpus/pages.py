"""The page on GPUs, the same for programs, and what the home page says about them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers import BaseHandler
from tornado import web

from imagine_hub.gpus.desk import desk, gives_gpus
from imagine_hub.gpus.inventory import Gpu
from imagine_hub.gpus.records import GpuError, Holding
from imagine_hub.gpus.status import Status, status
from imagine_hub.profiles import offered
from imagine_hub.settings import Settings

# What a server says about its GPU is shown to its user and written down, but not at any length.
LONGEST = 200


@dataclass(frozen=True)
class DeviceLine:
    """One GPU on the page; who has it is nobody's business."""

    name: str
    words: str


async def status_of(settings: Settings, user: Any) -> Status:
    """How it is for one user now."""
    there = desk(settings)
    inventory = await there.inventory()
    groups = sorted(group.name for group in user.groups)
    standing = await asyncio.to_thread(there.allocator.standing, user.name, "", groups)
    return status(standing, settings.gpus, inventory.problem)


@dataclass(frozen=True)
class GpuStatusNow:
    """What the templates see as ``gpu_status``: called only by pages that want to know."""

    settings: Settings

    def __call__(self, user: Any) -> Callable[[], Awaitable[Status | None]]:
        """A function for the template of one page."""

        async def ask() -> Status | None:
            return await status_of(self.settings, user) if user is not None and gives_gpus(self.settings) else None

        return ask


class GpuPageHandler(BaseHandler):  # type: ignore[misc]
    """The page /hub/gpus."""

    def initialize(self, settings: Settings) -> None:
        """Take the settings that the routes name."""
        self.site = settings

    @web.authenticated
    async def get(self) -> None:
        """What is free, one's place, and one's budgets."""
        await self._show("")

    @web.authenticated
    async def post(self) -> None:
        """Keep a GPU, or leave the queue."""
        user = self.current_user.name
        allocator = desk(self.site).allocator
        action = self.get_body_argument("action", "")
        try:
            if action == "keep":
                await asyncio.to_thread(allocator.renew, user)
            elif action == "leave":
                await asyncio.to_thread(allocator.leave, user)
            else:
                raise web.HTTPError(400, "This page knows only two actions: keep and leave.")
        except GpuError as error:
            self.set_status(409)
            await self._show(str(error))
            return
        self.redirect(f"{self.hub.base_url}gpus", status=303)

    async def _show(self, error: str) -> None:
        user = self.current_user
        there = desk(self.site)
        inventory = await there.inventory()
        sizes = offered(self.site.profiles, {group.name for group in user.groups})
        html = await self.render_template(
            "gpus.html",
            gpu=await status_of(self.site, user),
            devices=_devices(inventory.gpus, await asyncio.to_thread(there.allocator.holdings)),
            running=user.active,
            small=next((size.name for size in sizes if not size.gpus), ""),
            error=error,
        )
        self.finish(html)


class GpuApiHandler(APIHandler):  # type: ignore[misc]
    """The same for programs, and the address at which a server reports how it is with its GPU."""

    def initialize(self, settings: Settings) -> None:
        """Take the settings that the routes name."""
        self.site = settings

    @web.authenticated
    async def get(self) -> None:
        """How it is for the user whose cookie or token this is."""
        self._check_is_user()
        self.write((await status_of(self.site, self.current_user)).for_reading)

    @web.authenticated
    async def post(self) -> None:
        """Take a server's report: ``{"lost": "…"}``, "" as long as it reaches its GPU; the answer is the same as for GET."""
        user = self._check_is_user()
        body = self.get_json_body()
        said = body.get("lost") if isinstance(body, dict) else None
        if not isinstance(said, str):
            raise web.HTTPError(400, 'A report is {"lost": "what is wrong, or nothing"}.')
        said = " ".join(said.split())[:LONGEST]
        before = await asyncio.to_thread(desk(self.site).allocator.report, user.name, "", said)
        if before is not None and said != before.lost:
            if said:
                words = "The server of %s has lost its GPU %s (%s): it has to be stopped and started again."
                self.log.warning(words, user.name, ", ".join(before.uuids), said)
            else:
                self.log.info("The server of %s reaches its GPU again.", user.name)
        self.write((await status_of(self.site, user)).for_reading)

    def _check_is_user(self) -> Any:
        # The token of a service belongs to nobody who could have a GPU.
        if getattr(self.current_user, "kind", "user") != "user":
            raise web.HTTPError(403, "Only users have GPUs.")
        return self.current_user


def gpu_handlers(settings: Settings) -> list[tuple[str, type, dict[str, Settings]]]:
    """The routes below /hub, for ``c.JupyterHub.extra_handlers``; none where the hub gives out no GPU."""
    if not gives_gpus(settings):
        return []
    return [(r"/gpus", GpuPageHandler, {"settings": settings}), (r"/api/gpus", GpuApiHandler, {"settings": settings})]


def _devices(gpus: tuple[Gpu, ...], holdings: tuple[Holding, ...]) -> list[DeviceLine]:
    taken = {uuid for each in holdings for uuid in each.uuids}
    found = []
    for gpu in gpus:
        memory = f"{gpu.memory_mb / 1024:.0f} GB · " if gpu.memory_mb else ""
        found.append(DeviceLine(gpu.name, f"{memory}{'in use' if gpu.uuid in taken else 'free'}"))
    return found
