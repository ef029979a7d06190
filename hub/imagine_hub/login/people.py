"""Who may come in, who belongs to which group, and who is an administrator: what the settings say, for every kind of login."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagine_hub.login.roles import ADMINISTRATORS

if TYPE_CHECKING:
    from imagine_hub.settings import Settings


@dataclass(frozen=True)
class People:
    """The people of the settings, under the names that they have in the hub.

    Attributes
    ----------
    users : frozenset of str
        Who may come in by name.
    named_admins : frozenset of str
        Administrators by name.
    admin_groups : frozenset of str
        Groups whose members are administrators.
    groups : mapping
        Members of each group, by hand.
    """

    users: frozenset[str]
    named_admins: frozenset[str]
    admin_groups: frozenset[str]
    groups: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, settings: Settings, rename: Callable[[str], str] = str) -> People:
        """The people of the settings; ``rename`` makes a name of the hub from one of the settings."""
        login = settings.login
        return cls(
            frozenset(map(rename, login.users)),
            frozenset(map(rename, login.admins)),
            frozenset(login.admin_groups),
            {group: frozenset(map(rename, members)) for group, members in settings.groups.items()},
        )

    @property
    def admins(self) -> frozenset[str]:
        """Administrators by name, and by hand through a group."""
        return self.named_admins.union(*(self.groups.get(group, frozenset()) for group in self.admin_groups))

    def groups_of(self, name: str, others: Iterable[str] = ()) -> list[str]:
        """Groups of a person: by hand, those that a provider has named, and that of the administrators."""
        groups = ({group for group, members in self.groups.items() if name in members} | set(others)) - {ADMINISTRATORS}
        is_admin = name in self.named_admins or not self.admin_groups.isdisjoint(groups)
        return sorted(groups | ({ADMINISTRATORS} if is_admin else set()))

    def model_of(self, name: str, others: Iterable[str] = ()) -> dict[str, Any]:
        """What the hub has to know of a person; always complete, so that what is taken away is taken away."""
        return {"name": name, "groups": self.groups_of(name, others), "admin": False}
