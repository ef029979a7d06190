"""The page on which a person chooses the size of a server, and what becomes of the choice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader
from jupyterhub.spawner import SpawnException

from imagine_hub.gpus.desk import desk, gives_gpus
from imagine_hub.gpus.giving import ask_first
from imagine_hub.gpus.words import available
from imagine_hub.pages import TEMPLATES
from imagine_hub.profiles import KEY, ProfileError, choose, offered, options_from_form, size_words
from imagine_hub.settings import Settings

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Profile


@dataclass(frozen=True)
class SizeCard:
    """One size on the page.

    Attributes
    ----------
    note : str
        How it is with its GPUs now, or why it cannot be chosen.
    """

    name: str
    title: str
    words: str
    size: str
    who: str
    note: str = ""
    disabled: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class SizesForm:
    """What JupyterHub calls as ``options_form``: the cards, or nothing where there is nothing to choose."""

    settings: Settings

    async def __call__(self, spawner: Any) -> str:
        """The cards as HTML; everything in them is escaped."""
        groups = {group.name for group in spawner.user.groups}
        sizes = offered(self.settings.profiles, groups)
        if len(sizes) == 1 and not sizes[0].gpus:
            return ""
        notes = await self._gpu_notes(spawner, groups) if any(size.gpus for size in sizes) else {}
        cards = [self._card(size, *notes.get(size.name, ("", False))) for size in sizes]
        environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
        return environment.get_template("sizes.html").render(cards=_with_choice(cards, self._last(spawner)))

    async def _gpu_notes(self, spawner: Any, groups: set[str]) -> dict[str, tuple[str, bool]]:
        """A sentence on every size with GPUs, and whether it cannot be had."""
        sizes = [size for size in offered(self.settings.profiles, groups) if size.gpus]
        if not gives_gpus(self.settings):
            return {}
        there = desk(self.settings)
        inventory = await there.inventory()
        if not inventory.gpus:
            return {size.name: (inventory.problem, True) for size in sizes}
        standing = await asyncio.to_thread(there.allocator.standing, spawner.user.name, spawner.name, sorted(groups))
        empty = standing.used_up
        notes = {}
        for size in sizes:
            if empty is not None:
                notes[size.name] = (empty.used_up_words, True)
            elif size.gpus > standing.in_all:
                notes[size.name] = (f"This hub has only {standing.in_all}.", True)
            else:
                notes[size.name] = (available(standing), False)
        return notes

    def _card(self, size: Profile, note: str, disabled: bool) -> SizeCard:
        who = f"For members of {', '.join(size.groups)}" if size.groups else ""
        return SizeCard(size.name, size.title, size.words, size_words(size), who, note, disabled)

    def _last(self, spawner: Any) -> str:
        """The size that was chosen last."""
        kept = (spawner.orm_spawner.user_options or {}).get(KEY) if spawner.orm_spawner is not None else None
        return kept if isinstance(kept, str) else ""


async def read_form(formdata: dict[str, Any], spawner: Any) -> dict[str, str]:
    """What is kept of the form; what is refused is said on the page itself.

    Raises
    ------
    SpawnException
        There is no such size, or it is for others, or its GPUs are not free.
    """
    kept = options_from_form(formdata)
    profile = _choose(spawner, kept)
    # Kept even if it cannot be had at once: the page comes back with the same choice.
    spawner.orm_spawner.user_options = kept
    spawner.db.commit()
    if profile.gpus and gives_gpus(spawner.site):
        await ask_first(spawner, profile)
    return kept


def take_choice(spawner: Any, user_options: object) -> None:
    """Keep nothing of what was posted but the size that may be had; JupyterHub calls this before every start.

    Raises
    ------
    SpawnException
        There is no such size, or it is for others.
    """
    # What cannot be had must not be kept as the choice of the next time.
    kept: dict[str, str] = {}
    try:
        kept = {KEY: _choose(spawner, user_options).name}
    finally:
        spawner.orm_spawner.user_options = spawner.user_options = kept
        spawner.db.commit()


def _choose(spawner: Any, user_options: object) -> Profile:
    try:
        return choose(spawner.site.profiles, user_options, {group.name for group in spawner.user.groups})
    except ProfileError as error:
        refused = SpawnException(str(error), reason="profile")
        # Under this name the pages find the sentence.
        refused.jupyterhub_message = str(error)
        raise refused from error


def configure_profiles(c: Config, settings: Settings) -> None:
    """Offer the sizes, where a server is a container or a pod; a process has none."""
    if not settings.servers.in_containers:
        return
    c.Spawner.options_from_form = read_form
    c.Spawner.apply_user_options = take_choice
    if len(settings.profiles) > 1 or any(profile.gpus for profile in settings.profiles):
        c.Spawner.options_form = SizesForm(settings)


def _with_choice(cards: list[SizeCard], last: str) -> list[SizeCard]:
    possible = [card.name for card in cards if not card.disabled]
    chosen = last if last in possible else next(iter(possible), "")
    return [replace(card, chosen=card.name == chosen) for card in cards]
