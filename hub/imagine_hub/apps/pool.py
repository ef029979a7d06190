"""All kernels of the service: spare ones, those that people have, and when each of them ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil

from imagine_hub.apps.errors import TooManyApps
from imagine_hub.apps.folders import KERNEL_VARIABLE, make_private, rooms
from imagine_hub.apps.kernel import END_PATIENCE_S, Kernel
from imagine_hub.apps.values import Values
from imagine_hub.errors import HubError

# A page that loses its connection tries again for a while; one that was closed says so, unless the browser was killed.
AWAY_S = 10.0
# A page that was asked for and never came.
ARRIVAL_S = 60.0
# A spare is started a little after the last one was given away, so that it does not slow down what was just opened.
REFILL_S = 2.0

_log = logging.getLogger(__name__)


class Kernels:
    """The kernels of all people.

    Parameters
    ----------
    values : Values
    home_url : str
        Where apps lead back to.
    """

    def __init__(self, values: Values, home_url: str) -> None:
        self.values, self.home_url = values, home_url
        self._open: dict[str, Kernel] = {}
        self._opening: Counter[str] = Counter()
        self._spares: list[asyncio.Task[Kernel]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._finishing = False

    def begin(self) -> None:
        """End what an earlier service has left, start the spares and watch from now on; called in the loop."""
        make_private(self.values.folder)
        end_leftovers(self.values)
        self._fill()
        self._keep(self._watch())

    def of(self, user: str, kernel_id: str) -> Kernel | None:
        """A kernel of this person; another's is as unknown as one that does not exist."""
        kernel = self._open.get(kernel_id)
        return kernel if kernel is not None and kernel.owner == user and not kernel.ending else None

    def count(self, user: str) -> int:
        """How many apps this person has open, or is opening."""
        return sum(kernel.owner == user for kernel in self._open.values()) + self._opening[user]

    @property
    def total(self) -> int:
        """How many apps are open in all, or opening."""
        return len(self._open) + self._opening.total()

    @contextlib.contextmanager
    def place(self, user: str) -> Iterator[None]:
        """Hold a place for one more app of this person, so that two requests at once do not share the last one.

        Raises
        ------
        TooManyApps
            There is none.
        """
        if self.count(user) >= self.values.kernels_per_user:
            raise TooManyApps.of_yours(self.values.kernels_per_user)
        if self.total >= self.values.kernels:
            raise TooManyApps.of_all(self.values.kernels)
        self._opening[user] += 1
        try:
            yield
        finally:
            self._opening[user] -= 1

    async def give(self, user: str) -> Kernel:
        """Give a kernel to a person: a spare, or a fresh one. The caller holds a `place` meanwhile.

        Raises
        ------
        AppNotStarted
            None came up.
        """
        kernel = await self._ready()
        try:
            await kernel.hand_over(user, self.values.folder)
        except BaseException:
            self._keep(self._end(kernel))
            raise
        self._open[kernel.id] = kernel
        self._keep(self._fill_later())
        return kernel

    def close(self, kernel: Kernel) -> None:
        """End a kernel; it cannot be reached from now on, and its place is free when its process has ended."""
        if not kernel.ending:
            kernel.ending = True
            self._keep(self._end(kernel))

    async def close_all_of(self, user: str) -> None:
        """End all apps of a person, and wait until they are gone; not for ever, if one does not want to."""
        own = [kernel for kernel in self._open.values() if kernel.owner == user]
        for kernel in own:
            self.close(kernel)
        deadline = time.monotonic() + 2 * END_PATIENCE_S
        while any(kernel.id in self._open for kernel in own) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def finish(self) -> None:
        """End everything."""
        self._finishing = True
        for task in [*self._tasks, *(spare for spare in self._spares if not spare.done())]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._spares, return_exceptions=True)
        ready = [spare.result() for spare in self._spares if not spare.cancelled() and spare.exception() is None]
        await asyncio.gather(*(kernel.end() for kernel in [*ready, *self._open.values()]), return_exceptions=True)
        self._spares.clear()
        self._open.clear()

    async def _ready(self) -> Kernel:
        while self._spares:
            # The one that is furthest: those that are ready come first.
            spare = min(self._spares, key=lambda task: not task.done())
            self._spares.remove(spare)
            try:
                kernel = await spare
            except HubError as error:
                _log.warning("A spare kernel did not start: %s", error)
                continue
            if kernel.alive:
                return kernel
            self._keep(self._end(kernel))
        return await self._start()

    async def _start(self) -> Kernel:
        return await Kernel.start(self.values.folder, os.environ, self.home_url)

    def _fill(self) -> None:
        # Spares count as well, so that the machine never carries more than it should.
        wanted = 0 if self._finishing else min(self.values.warm_kernels, self.values.kernels - self.total)
        while len(self._spares) < wanted:
            self._spares.append(asyncio.ensure_future(self._start()))

    async def _fill_later(self) -> None:
        await asyncio.sleep(REFILL_S)
        self._fill()

    async def _end(self, kernel: Kernel) -> None:
        try:
            await kernel.end()
        except Exception:  # the place must become free whatever happens
            _log.exception("A kernel did not end as it should")
        finally:
            self._open.pop(kernel.id, None)
        self._fill()

    async def _watch(self) -> None:
        idle_s = self.values.idle_s
        pause = min(1.0, idle_s / 10)
        measured = 0.0
        while True:
            await asyncio.sleep(pause)
            now = time.monotonic()
            if look := now - measured >= idle_s / 10:
                measured = now
            for kernel in list(self._open.values()):
                if kernel.ending:
                    continue
                if look and await asyncio.to_thread(kernel.computed):
                    kernel.last_use = now
                if self._is_over(kernel, now):
                    self.close(kernel)

    def _is_over(self, kernel: Kernel, now: float) -> bool:
        if not kernel.alive:
            reason = "its process has ended"
        elif kernel.left is not None and now - kernel.left > (AWAY_S if kernel.relay and kernel.relay.seen else ARRIVAL_S):
            reason = "its page has gone"
        elif now - kernel.last_use > self.values.idle_s:
            reason = "nobody uses it"
        else:
            return False
        _log.info("Ending a kernel of %s: %s", kernel.owner, reason)
        return True

    def _keep(self, work: Any) -> None:
        # The loop holds tasks only weakly.
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def end_leftovers(values: Values) -> int:
    """End the kernels of an earlier service that was killed, and empty their rooms; returns how many there were."""
    found = []
    mark = str(rooms(values.folder).parent)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(KERNEL_VARIABLE) == mark:
                process.kill()
                found.append(process)
    psutil.wait_procs(found, timeout=5)
    shutil.rmtree(rooms(values.folder), ignore_errors=True)
    return len(found)
