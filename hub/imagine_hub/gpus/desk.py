"""Where the hub's own process asks for GPUs: the allocator, and what the driver shows, looked at again now and then."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.inventory import Inventory
from imagine_hub.gpus.machines import look, swarm_of
from imagine_hub.settings import Gpus
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

# The driver takes up to a few seconds to answer.
LOOK_AGAIN_S = 60.0


def gives_gpus(settings: Settings) -> bool:
    """Whether the hub itself gives out GPUs: to containers, by UUID. On Kubernetes the cluster does that."""
    return settings.servers.spawner in ("docker", "swarm") and any(profile.gpus for profile in settings.profiles)


def database_url(settings: Settings) -> str:
    """The database with the leases: that of the hub, or a file of its own beside the hub's."""
    return settings.state.database or f"sqlite:///{StateFolder(settings.state.path).gpus}"


class Desk:
    """The allocator with the GPUs of this machine, or of those of a swarm.

    Parameters
    ----------
    url : str
        The database.
    rules : Gpus
        Section ``[gpus]`` of the settings.
    swarm : str
        Address of the engine whose swarm has the GPUs; ``""`` for this machine.
    """

    def __init__(self, url: str, rules: Gpus, swarm: str = "") -> None:
        self.rules = rules
        self._swarm = swarm
        self.allocator = Allocator(url, rules)
        self._inventory: Inventory | None = None
        self._looked = 0.0
        self._looking = asyncio.Lock()

    async def inventory(self) -> Inventory:
        """What may be given out, at most a minute old; the allocator knows it too."""
        async with self._looking:
            if self._inventory is None or time.monotonic() - self._looked > LOOK_AGAIN_S:
                self._inventory = await asyncio.to_thread(look, self.rules.uuids, swarm=self._swarm)
                self._looked = time.monotonic()
                await asyncio.to_thread(self.allocator.set_pool, [gpu.uuid for gpu in self._inventory.gpus])
            return self._inventory


def desk(settings: Settings) -> Desk:
    """The one desk of this process for these settings."""
    return _desk(database_url(settings), json.dumps(asdict(settings.gpus), sort_keys=True), swarm_of(settings))


@functools.cache
def _desk(url: str, rules: str, swarm: str) -> Desk:
    return Desk(url, rules_from_json(rules), swarm)


def rules_from_json(text: str) -> Gpus:
    """The section ``[gpus]`` as another process was given it."""
    values = json.loads(text)
    return Gpus(**{**values, "uuids": tuple(values["uuids"])})
