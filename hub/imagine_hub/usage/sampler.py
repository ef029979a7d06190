"""The sampler: asks the hub which servers run, reads what each has used, and writes it to the ledger."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from imagine_hub.gpus.inventory import use
from imagine_hub.usage.book import Office
from imagine_hub.usage.gpus import leases_between
from imagine_hub.usage.homes import measured_homes
from imagine_hub.usage.readings import READERS, Running

# How often homes are measured, and months closed.
HOUSEKEEPING_S = 3600.0
# After a pause longer than this nobody knows what the GPUs did in it.
LONGEST_GAP = 3

Fetch = Callable[[str], Awaitable[bytes]]

log = logging.getLogger("imagine_hub.usage")


@dataclass
class Sampler:
    """Reads every ``sample_s`` seconds, and closes months that are over.

    Attributes
    ----------
    office : Office
    fetch : callable
        Asks the hub's API: a path in, the answer out.
    last_at : float
        When servers were last read; 0 before the first time.
    profiles : Counter of str
        Running servers by size.
    """

    office: Office
    fetch: Fetch
    last_at: float = 0.0
    profiles: Counter[str] = field(default_factory=Counter)
    _kept_at: float = 0.0

    async def run(self) -> None:
        """Go on until cancelled; what fails is said in the log and tried again."""
        pause = self.office.accounting.sample_s
        while True:
            begun = time.time()
            try:
                await self.sample()
                if begun - self._kept_at >= HOUSEKEEPING_S:
                    await asyncio.to_thread(self.keep_house)
                    self._kept_at = begun
            except (OSError, SQLAlchemyError, ValueError, KeyError) as error:
                log.warning("Servers could not be read (%s: %s): tried again in %s s.", type(error).__name__, error, pause)
            await asyncio.sleep(max(0.5, pause - (time.time() - begun)))

    async def sample(self) -> None:
        """Read every running server once."""
        running = await running_servers(self.fetch)
        await asyncio.to_thread(self.write, running)

    def write(self, running: Collection[Running], now: float | None = None) -> None:
        """Read what these servers have used, and write it to the ledger.

        Parameters
        ----------
        running : collection of Running
        now : float, optional
            Seconds since 1970.
        """
        accounting, ledger = self.office.accounting, self.office.ledger
        read = READERS.get(accounting.spawner)
        readings = read(accounting, running) if read is not None and running else {}
        now = time.time() if now is None else now
        gpu_s = self._gpu_seconds(now) if running else {}
        for server in running:
            key = server.user, server.server
            reading = readings.get(key)
            ledger.sample(
                *key,
                server.started,
                now,
                cpu_s=reading.cpu_s if reading is not None else None,
                memory_bytes=reading.memory_bytes if reading is not None else None,
                gpu_s=gpu_s.get(key, 0.0),
            )
        profiles = ledger.profiles()
        of = self.office.pseudonyms.of
        self.profiles = Counter(profiles.get((of(server.user), server.server), "") for server in running)
        self.last_at = now

    def keep_house(self) -> None:
        """Measure the homes, close months that are over, delete what is old enough."""
        sizes = measured_homes(self.office.accounting)
        self.office.ledger.measured_homes(sizes, time.time())
        for month in self.office.close_months():
            log.info("The figures of %s are closed.", month)

    def _gpu_seconds(self, now: float) -> dict[tuple[str, str], float]:
        """How long the GPUs of each server computed since the last reading."""
        since = self.last_at or now
        if not 0 < now - since <= LONGEST_GAP * self.office.accounting.sample_s:
            return {}
        leases = leases_between(self.office.accounting, since, now)
        busy = use() if leases else {}
        found: Counter[tuple[str, str]] = Counter()
        for lease in leases:
            # A part of a GPU (MIG) does not say how busy it is.
            percent = busy[lease.uuid].percent if lease.uuid in busy else None
            found[lease.user, lease.server] += (percent or 0) / 100 * (lease.until - max(since, lease.since))  # type: ignore[assignment]
        return dict(found)


async def running_servers(fetch: Fetch) -> list[Running]:
    """The servers that are up, from the hub's API, which gives so many users at a time.

    Parameters
    ----------
    fetch : callable
    """
    found: list[Running] = []
    path: str | None = "users?state=active&limit=200"
    while path is not None:
        page = json.loads(await fetch(path))
        for user in page["items"]:
            found += [Running(user["name"], name, _seconds(server["started"])) for name, server in _up(user)]
        following = page["_pagination"]["next"]
        path = f"users?state=active&limit={following['limit']}&offset={following['offset']}" if following else None
    return found


def _up(user: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, server) for name, server in user.get("servers", {}).items() if server.get("ready") and server.get("started")]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
