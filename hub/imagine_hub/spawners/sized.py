"""A server of a chosen size, with the GPUs that were granted: what is common to containers on one machine and on several."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from typing import Any

from jupyterhub.spawner import SpawnException
from traitlets import Instance, List, Unicode
from traitlets.config import LoggingConfigurable

from imagine_hub.gpus import giving
from imagine_hub.login.claims import country_of
from imagine_hub.profiles import ProfileError, choose
from imagine_hub.settings import Profile, Settings
from imagine_hub.usage.ledger import Ledger

GIGABYTE = 10**9
# Part of its processors that a server on one of several machines is sure of: most wait for their person most of the time.
SURE_OF = 0.25
# Group names that can be the name of a folder.
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Sized(LoggingConfigurable):
    """To be mixed into a spawner: the size is looked at again at the last moment, whatever was posted."""

    # The spawner's own.
    name: Any
    user: Any
    user_options: Any
    mem_limit: Any
    cpu_limit: Any

    site = Instance(Settings, help="Settings of the hub.").tag(config=True)
    profile_name = Unicode(help="Name of the size that the server has, or had last.")
    gpu_uuids = List(Unicode(), help="GPUs that the server holds.")
    _kept = False

    @property
    def group_names(self) -> set[str]:
        """Groups of the user, as the hub knows them now."""
        return {group.name for group in self.user.groups}

    @property
    def profile(self) -> Profile | None:
        """The size that the server has; None if it was taken out of the settings since."""
        return next((profile for profile in self.site.profiles if profile.name == self.profile_name), None)

    def take_profile(self) -> Profile:
        """Take the size that was asked for, if the user may have it, and nothing else of what was posted.

        Raises
        ------
        SpawnException
            There is no such size, or it is for others.
        """
        try:
            profile = choose(self.site.profiles, self.user_options, self.group_names)
        except ProfileError as error:
            raise SpawnException(str(error), reason="profile") from error
        self.user_options = {"profile": profile.name}
        self.profile_name = profile.name
        self.mem_limit = int(profile.memory_gb * GIGABYTE)
        self.cpu_limit = profile.cpus
        return profile

    async def take_gpus(self, profile: Profile) -> None:
        """Get as many GPUs as the size has, each by its UUID, or a place in the queue.

        Raises
        ------
        SpawnException
            None is free; the user has a place in the queue.
        """
        if profile.gpus:
            self.gpu_uuids = list(await giving.acquire(self, profile))
            self._kept = True

    async def keep_gpus(self) -> None:
        """After a restart of the hub: say once that the server, which ran on, still holds its GPUs."""
        if self.gpu_uuids and not self._kept:
            await giving.adopt(self, self.gpu_uuids)
        self._kept = True

    async def leave_gpus(self) -> None:
        """Give the GPUs back, if there are any; more than once does no harm."""
        if self.gpu_uuids:
            await giving.release(self)
            self.gpu_uuids = []

    def size_environment(self, profile: Profile) -> dict[str, str]:
        """What a program has to know of its size: libraries would start a thread for every processor of the host."""
        threads = str(max(1, math.ceil(profile.cpus)))
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        return {
            **dict.fromkeys(names, threads),
            "IMAGINE_PROFILE": profile.name,
            # "void": the container runtime for GPUs gives none, even where it is the default and the image asks for all.
            "NVIDIA_VISIBLE_DEVICES": ",".join(self.gpu_uuids) or "void",
            **({"IMAGINE_GPU": ",".join(self.gpu_uuids)} if self.gpu_uuids else {}),
        }

    async def note_started(self, profile: Profile) -> None:
        """Write the start into the ledger of use."""
        country = country_of(self.user) or "unknown"

        def write(ledger: Ledger) -> None:
            ledger.started(self.user.name, self.name, profile=profile.name, cpus=profile.cpus, gpus=profile.gpus, country=country)

        await self._note(write)

    async def note_stopped(self, reason: str) -> None:
        """Write the end into the ledger of use."""
        await self._note(lambda ledger: ledger.stopped(self.user.name, self.name, reason=reason))

    async def ended(self, words: str) -> str:
        """Give back what a server had and note its end, once: it is asked again and again while nothing runs."""
        if self.profile_name:
            await self.leave_gpus()
            await self.note_stopped(words)
            self.profile_name = ""
        return words

    async def _note(self, write: Callable[[Ledger], None]) -> None:
        if not self.site.usage.enabled:
            return

        def note() -> None:
            ledger = Ledger.of(self.site)
            try:
                write(ledger)
            finally:
                ledger.close()

        await asyncio.to_thread(note)

    def get_state(self) -> dict[str, Any]:
        """What a restarted hub has to know of a running server."""
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]
        return {**state, "profile_name": self.profile_name, "gpu_uuids": list(self.gpu_uuids)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what was kept."""
        super().load_state(state)  # type: ignore[misc]
        self.profile_name = state.get("profile_name", "")
        self.gpu_uuids = state.get("gpu_uuids", [])
