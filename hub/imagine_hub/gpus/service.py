"""The service that looks after the GPUs beside the hub: it asks the driver, and stops servers as their users would."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.desk import rules_from_json
from imagine_hub.gpus.inventory import use
from imagine_hub.gpus.machines import look
from imagine_hub.gpus.records import Holding
from imagine_hub.gpus.watch import LOG, look_after

# The service is told these in its environment: other users could read its command line.
DATABASE_VARIABLE = "IMAGINE_GPU_DATABASE"
RULES_VARIABLE = "IMAGINE_GPU_RULES"
SWARM_VARIABLE = "IMAGINE_GPU_SWARM"
EVERY_VARIABLE = "IMAGINE_GPU_EVERY_S"
EVERY_S = 30.0
# A server that has just been asked for may not be in the hub's list yet.
YOUNG_S = 60.0
PAGE = 100


class Hub:
    """The hub's API, with the token of the service.

    Parameters
    ----------
    address : str
        With ``/hub/api`` at its end.
    token : str
    """

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        self._headers = {"Authorization": f"token {token}", "Accept": "application/jupyterhub-pagination+json"}

    async def active(self) -> set[tuple[str, str]]:
        """User and server of everything that runs or starts.

        Raises
        ------
        OSError
            The hub does not answer as it should.
        """
        found: set[tuple[str, str]] = set()
        offset: int | None = 0
        while offset is not None:
            answer = await self._ask("GET", f"users?state=active&limit={PAGE}&offset={offset}")
            found |= {(user["name"], server) for user in answer["items"] for server in user.get("servers", {})}
            following = answer["_pagination"]["next"]
            offset = following["offset"] if following else None
        return found

    async def stop(self, holding: Holding) -> None:
        """Stop a server as its user would.

        Raises
        ------
        OSError
            The hub refuses.
        """
        server = f"servers/{quote(holding.server, safe='')}" if holding.server else "server"
        await self._ask("DELETE", f"users/{quote(holding.user, safe='')}/{server}")

    async def _ask(self, method: str, path: str) -> Any:
        try:
            answer = await AsyncHTTPClient().fetch(
                f"{self._address}/{path}", method=method, headers=self._headers, request_timeout=60
            )
        except HTTPClientError as error:
            raise OSError(f"the hub answered {error.code} to {method} {path}") from error
        return json.loads(answer.body) if answer.body else None


async def run(allocator: Allocator, hub: Hub, *, every_s: float, swarm: str = "") -> None:
    """Look after the GPUs until the process ends.

    The driver of this machine says how busy GPUs are. Those of other machines of a swarm it does not know, and they never count as idle.
    """
    while True:
        started = time.time()
        try:
            inventory = await asyncio.to_thread(look, allocator.rules.uuids, swarm=swarm)
            await asyncio.to_thread(allocator.set_pool, [gpu.uuid for gpu in inventory.gpus])
            # Leases are read before the list is asked for: what is in them and not in the list has ended.
            for gone in allocator.reconcile(await hub.active(), known_before=started - YOUNG_S):
                LOG.warning("The server of %s is gone: its GPU is free again.", gone.user)
            used = await asyncio.to_thread(use)
            await look_after(allocator, now=time.time(), used=used, stop=hub.stop)
        except OSError as error:
            LOG.warning("The GPUs could not be looked after (%s): it is tried again in %.0f s.", error, every_s)
        await asyncio.sleep(every_s)


def main(environ: Mapping[str, str] = os.environ) -> None:
    """Run as the hub starts it."""
    logging.basicConfig(level=logging.INFO, format="[%(levelname).1s %(asctime)s gpus] %(message)s")
    allocator = Allocator(environ[DATABASE_VARIABLE], rules_from_json(environ[RULES_VARIABLE]))
    hub = Hub(environ["JUPYTERHUB_API_URL"], environ["JUPYTERHUB_API_TOKEN"])
    every_s, swarm = float(environ.get(EVERY_VARIABLE, EVERY_S)), environ.get(SWARM_VARIABLE, "")
    asyncio.run(run(allocator, hub, every_s=every_s, swarm=swarm))


if __name__ == "__main__":
    main()
