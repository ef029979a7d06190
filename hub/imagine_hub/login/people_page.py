"""The page of the administrators: who works here, who has asked to, whose server runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from tornado import web

from imagine_hub.login.roles import ADMINISTRATORS, PEOPLE_SCOPE


@dataclass(frozen=True)
class Person:
    """One line of the page.

    Attributes
    ----------
    name, display : str
        In the hub, and as the provider calls the person.
    state : str
        "" where nobody has to be approved; else "waiting", "approved" or "blocked".
    admin : bool
    groups : tuple of str
    servers : tuple of str
        Names of the servers that run; "" is the usual one.
    last : datetime or None
        When the person was last active, in UTC.
    """

    name: str
    display: str = ""
    state: str = ""
    admin: bool = False
    groups: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    last: Any = None


class PeoplePage(BaseHandler):  # type: ignore[misc]
    """Lists people, stops servers and, where they sign up, approves and blocks them."""

    async def prepare(self) -> None:
        """Nobody but administrators; whoever is not logged in is sent to the login page."""
        await super().prepare()
        if self.current_user is None and self.request.method == "POST":
            raise web.HTTPError(403, "Log in first.")
        if self.current_user is not None and PEOPLE_SCOPE not in self.expanded_scopes:
            raise web.HTTPError(403, "This page is for administrators.")

    @web.authenticated
    async def get(self) -> None:
        """The list, those who wait first."""
        people = sorted(self._people(), key=lambda person: (person.state != "waiting", not person.servers, person.name))
        approves = hasattr(self.authenticator, "registrations")
        self.finish(await self.render_template("people.html", people=people, approves=approves, here="people"))

    async def post(self) -> None:
        """Do what a button says, and show the list again."""
        action, name = self.get_body_argument("action", ""), self.get_body_argument("name", "")
        known: dict[str, Callable[[str], Coroutine[Any, Any, None]]] = {"stop": self._stop}
        if hasattr(self.authenticator, "registrations"):
            known |= {"approve": self._approve, "block": self._block, "refuse": self._refuse}
        if action not in known:
            raise web.HTTPError(400, "There is no such button.")
        await known[action](name)
        self.log.info("%s: %s %s", self.current_user.name, action, ascii(name[:32]))
        self.redirect(f"{self.hub.base_url}people")

    def _people(self) -> list[Person]:
        registered = dict(self.authenticator.registrations()) if hasattr(self.authenticator, "registrations") else {}
        seen = set()
        people = []
        for user in self.db.query(orm.User):
            seen.add(user.name)
            approved = registered.get(user.name)
            groups = {group.name for group in user.groups}
            people.append(
                Person(
                    user.name,
                    (user.user_info or {}).get("name", ""),
                    # Who has never been here is asking, even if the settings have made a place for the name.
                    "" if approved is None else "approved" if approved else "blocked" if user.last_activity else "waiting",
                    ADMINISTRATORS in groups,
                    tuple(sorted(groups - {ADMINISTRATORS})),
                    tuple(sorted(name for name, spawner in user.orm_spawners.items() if spawner.server is not None)),
                    user.last_activity,
                )
            )
        people += [
            Person(name, state="approved" if approved else "waiting") for name, approved in registered.items() if name not in seen
        ]
        return people

    async def _stop(self, name: str) -> None:
        user = self.find_user(name)
        if user is None:
            raise web.HTTPError(404, "There is no such person.")
        for server, spawner in list(user.spawners.items()):
            if spawner.active and not spawner.pending:
                await self.stop_single_user(user, server)

    async def _approve(self, name: str) -> None:
        if name in self.authenticator.people.admins:
            raise web.HTTPError(400, "Administrators sign up with the code that the terminal shows; nobody approves them here.")
        self._found(self.authenticator.approve(name))

    async def _block(self, name: str) -> None:
        if name in self.authenticator.people.admins:
            raise web.HTTPError(400, "Administrators are named in the settings: take the name out there first.")
        self._found(self.authenticator.block(name))
        user = self.find_user(name)
        if user is not None:
            # Asked at the next request, instead of some minutes later.
            user._auth_refreshed = None
            await self._stop(name)

    async def _refuse(self, name: str) -> None:
        self._found(self.authenticator.refuse(name))

    def _found(self, found: bool) -> None:
        if not found:
            raise web.HTTPError(404, "There is no such sign-up any more.")
