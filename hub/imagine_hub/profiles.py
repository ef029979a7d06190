"""Which size of server a person may choose, and which one she has chosen, whatever was posted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from imagine_hub.errors import HubError

if TYPE_CHECKING:
    from imagine_hub.settings import Profile

#: The only thing that is read of what is posted.
KEY = "profile"
_SHOWN = 40


class ProfileError(HubError):
    """The size that was asked for cannot be had."""

    @classmethod
    def unknown(cls, asked: object, names: Sequence[str]) -> ProfileError:
        """No such size, or not for this person: which of the two is not said."""
        text = asked if isinstance(asked, str) else type(asked).__name__
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return cls(f"There is no size {shown!r} for you: choose one of {', '.join(names)}.")

    @classmethod
    def none(cls) -> ProfileError:
        """Every size is for some group."""
        return cls("No size of server is offered to you: ask whoever runs this hub to add you to a group.")


def offered(profiles: Sequence[Profile], groups: Collection[str]) -> tuple[Profile, ...]:
    """The sizes that a member of these groups may choose, in their order."""
    return tuple(profile for profile in profiles if not profile.groups or set(profile.groups) & set(groups))


def choose(profiles: Sequence[Profile], user_options: object, groups: Collection[str]) -> Profile:
    """The size that was asked for; the first one offered if none was.

    Parameters
    ----------
    profiles : sequence of Profile
    user_options : object
        What was posted, by the form or over the REST API: anything. Only the key ``profile`` is read.
    groups : collection of str
        Groups of the user.

    Raises
    ------
    ProfileError
        There is no such size, or it is for others.
    """
    sizes = offered(profiles, groups)
    if not sizes:
        raise ProfileError.none()
    names = [profile.name for profile in sizes]
    if user_options is None:
        return sizes[0]
    if not isinstance(user_options, Mapping):
        raise ProfileError.unknown(user_options, names)
    asked = user_options.get(KEY)
    if asked is None:
        return sizes[0]
    if not isinstance(asked, str) or asked not in names:
        raise ProfileError.unknown(asked, names)
    return sizes[names.index(asked)]


def options_from_form(formdata: Mapping[str, object]) -> dict[str, str]:
    """What is kept of the form: the name of a size, if there is exactly one that could be one.

    Parameters
    ----------
    formdata : mapping
        Lists of values by field, as the hub gives them.
    """
    values = formdata.get(KEY)
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str):
        return {KEY: values[0]}
    return {}


def number(value: float) -> str:
    """A number without needless digits: 4, 0.5."""
    return f"{value:g}"


def size_words(profile: Profile) -> str:
    """A size in a line: "4 processors · 16 GB · 1 GPU"."""
    parts = [f"{number(profile.cpus)} processor{'' if profile.cpus == 1 else 's'}", f"{number(profile.memory_gb)} GB"]
    if profile.gpus:
        parts.append(f"{profile.gpus} GPU{'' if profile.gpus == 1 else 's'}")
    return " · ".join(parts)
