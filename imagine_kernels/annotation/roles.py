"""Who may do what in a project.

========  ==========================================================================================
view      look
annotate  and mark, name and delete, add media, say what has been looked at
review    and take back what others have done, merge copies, export and import
own       and give roles, move to another version of the label tree, change name and description
========  ==========================================================================================

A role is given to a person or to a group, by the names that they have on the hub; the highest one counts.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from imagine_kernels.annotation.events import plain
from imagine_kernels.annotation.schema import projects, roles
from imagine_kernels.errors import DataError, ImagineError

Role = Literal["view", "annotate", "review", "own"]
ROLES: tuple[Role, ...] = ("view", "annotate", "review", "own")

_CAN = {"view": "look at", "annotate": "annotate", "review": "review", "own": "change the rules of"}


class NotAllowed(ImagineError):
    """The person has no role in the project that lets them do it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who works with a project.

    Attributes
    ----------
    name : str
        On the hub.
    groups : tuple of str
        The person's groups on the hub.
    """

    name: str
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        plain(self.name, "The name")

    @classmethod
    def here(cls) -> Person:
        """Who this process belongs to: name and groups on the hub, or else the name of the account."""
        from imagine_kernels.annotation.store import person

        groups = json.loads(os.environ.get("IMAGINE_GROUPS") or "[]")
        return cls(person(), tuple(map(str, groups)))

    @property
    def holders(self) -> tuple[str, ...]:
        """As what a role may have been given to them."""
        return (f"user:{self.name}", *(f"group:{name}" for name in self.groups))


def held(person: Person) -> sa.Label[str | None]:
    """A column ``held`` for a query of projects: the roles that a person has in each, by name or by group, divided by commas."""
    of_person = (roles.c.project == projects.c.id, roles.c.who.in_(person.holders))
    return sa.select(sa.func.aggregate_strings(roles.c.role, ",")).where(*of_person).scalar_subquery().label("held")


def highest(given: str | None) -> Role | None:
    """The highest of the roles in such a column."""
    found = (given or "").split(",")
    return next((role for role in reversed(ROLES) if role in found), None)


def check(given: str | None, project: str, person: Person, needed: Role) -> None:
    """Nothing, if the person may; `given` is what the column `held` says.

    Raises
    ------
    NotAllowed
        The person has no such role.
    """
    role = highest(given)
    if role is None or ROLES.index(role) < ROLES.index(needed):
        has = f"has the role {role}" if role else "has no role in it"
        raise NotAllowed(
            f"{person.name} may not {_CAN[needed]} the project {project} ({has}): ask one of its owners for the role {needed}."
        )


def check_names(who: str, role: str | None) -> None:
    """Nothing, if a role can be given like that.

    Raises
    ------
    DataError
        It is no role, or neither a person nor a group.
    """
    kind, _, name = who.partition(":")
    if kind not in ("user", "group") or not name:
        raise DataError(f"A role cannot be given to {who!r}: give user:NAME or group:NAME.")
    plain(name, "The name")
    if role is not None and role not in ROLES:
        raise DataError(f"Unknown role {role!r}: use one of {', '.join(ROLES)}.")
