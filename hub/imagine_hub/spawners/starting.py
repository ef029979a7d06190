"""What people see while a server starts, and how its end is noticed at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from jupyterhub.spawner import SpawnException


class Starting:
    """To be mixed into a spawner."""

    # The spawner's own: None while the server runs, otherwise how it ended.
    poll: Any

    async def until_it_listens(self, address: str, port: int) -> None:
        """Notice at once when the server ends; the hub alone would go on asking until its time is over.

        Raises
        ------
        SpawnException
            It has ended.
        """
        while True:
            code = await self.poll()
            if code is not None:
                raise SpawnException(
                    f"The server ended while it was starting ({code_words(code)}): the hub's log says why.", reason="ended"
                )
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), timeout=5)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the progress page shows until the server answers: about five seconds."""
        yield {"progress": 10, "message": "Your folder is ready."}
        done = 20.0
        words = "Starting your server …"
        while True:
            yield {"progress": int(done), "message": words}
            await asyncio.sleep(0.4)
            # Ever closer to the end and never there: nobody knows how long it takes on a busy machine.
            done += (95 - done) * 0.09
            if done > 60:
                words = "Opening it …"


def code_words(code: int | str) -> str:
    """The end of a server in a few words."""
    return f"exit code {code}" if isinstance(code, int) else code
