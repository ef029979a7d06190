"""Where a spawner asks for GPUs and gives them back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import SpawnException
from markupsafe import Markup

from imagine_hub.gpus import words
from imagine_hub.gpus.desk import desk
from imagine_hub.gpus.records import Ask, Granted, Waiting

if TYPE_CHECKING:
    from imagine_hub.settings import Profile


class GpuRefused(SpawnException):  # type: ignore[misc]
    """A server with a GPU cannot start now; the page says the sentence and leads to the page on GPUs.

    Parameters
    ----------
    sentence : str
    page : str
        Address of the page on GPUs.
    """

    def __init__(self, sentence: str, *, page: str) -> None:
        html = Markup('{} <a href="{}">See the queue and what is free.</a>').format(sentence, page)
        super().__init__(sentence, reason="gpu", message_html=str(html), status_code=409)
        # Under these names the page for starting finds them.
        self.jupyterhub_message = sentence
        self.jupyterhub_html_message = str(html)


async def acquire(spawner: Any, profile: Profile) -> tuple[str, ...]:
    """Get the GPUs of a size for a server that starts.

    Parameters
    ----------
    spawner : Spawner
        With the hub's settings as ``site``.
    profile : Profile

    Returns
    -------
    tuple of str
        UUIDs.

    Raises
    ------
    GpuRefused
        None is free, and the user has a place in the queue now; or there is nothing to wait for.
    """
    page = f"{spawner.hub.base_url}gpus"
    there = desk(spawner.site)
    inventory = await there.inventory()
    if not inventory.gpus:
        raise GpuRefused(inventory.problem, page=page)
    ask = Ask(
        user=spawner.user.name,
        server=spawner.name,
        groups=_groups(spawner),
        gpus=profile.gpus,
        profile=profile.name,
    )
    answer = await asyncio.to_thread(there.allocator.request, ask)
    if isinstance(answer, Granted):
        return answer.uuids
    raise GpuRefused(words.queued(answer) if isinstance(answer, Waiting) else answer.words, page=page)


async def ask_first(spawner: Any, profile: Profile) -> None:
    """Find out before the start whether the GPUs of a size can be had, so that the page for starting can say so itself.

    Raises
    ------
    GpuRefused
        As :func:`acquire` would; the user has a place in the queue then.
    """
    there = desk(spawner.site)
    inventory = await there.inventory()
    standing = await asyncio.to_thread(there.allocator.standing, spawner.user.name, spawner.name, _groups(spawner))
    held = standing.ticket is not None and standing.ticket.held_until is not None
    if not inventory.gpus or standing.used_up or not (held or standing.free >= profile.gpus):
        await acquire(spawner, profile)


async def release(spawner: Any) -> None:
    """The server has ended, or did not start: its GPUs go to the next."""
    await asyncio.to_thread(desk(spawner.site).allocator.release, spawner.user.name, spawner.name)


async def adopt(spawner: Any, uuids: Sequence[str]) -> None:
    """A server that ran on without the hub was found again: it keeps its GPUs.

    Raises
    ------
    GpuError
        Another server has one of them.
    """
    adopt_now = desk(spawner.site).allocator.adopt
    await asyncio.to_thread(adopt_now, spawner.user.name, spawner.name, _groups(spawner), tuple(uuids))


def _groups(spawner: Any) -> tuple[str, ...]:
    return tuple(sorted(group.name for group in spawner.user.groups))
