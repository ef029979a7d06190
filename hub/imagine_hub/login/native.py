"""A password of one's own, after a sign-up that an administrator approves.

NativeAuthenticator keeps the sign-ups in the hub's database. Its own pages, limits and rules are replaced: they approve by a GET request,
let administrators set the passwords of others, compute passwords while everybody waits, and approve whoever signs up first under the name
of an administrator.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from typing import Any

from jupyterhub import orm
from nativeauthenticator import NativeAuthenticator
from nativeauthenticator.orm import UserInfo
from tornado import web
from traitlets import Unicode

from imagine_hub.login import passwords
from imagine_hub.login.guarded import GuardedAuthenticator, LoginPage
from imagine_hub.login.sign_up import PasswordPage, SignUpPage
from imagine_hub.login.throttle import Throttle

# So many may wait for an approval; nobody reads more, and nobody can fill the database.
WAITING = 200


class Native(GuardedAuthenticator, NativeAuthenticator):  # type: ignore[misc]
    """Names, passwords and approvals in the hub's database.

    The first administrators cannot be approved by another: their names are taken only with the code that the terminal shows.
    """

    code = Unicode("", config=True, help="Code with which administrators sign up.")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sign_ups = Throttle(self.failures, self.wait_s)

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """Our pages; those of NativeAuthenticator are left out."""
        pages = [("/signup", SignUpPage)] if self.enable_signup else []
        return [*GuardedAuthenticator.get_handlers(self, app), *pages, ("/password", PasswordPage)]

    def login_words(self) -> dict[str, Any]:
        """The login page offers the sign-up."""
        return {"signup": self.enable_signup}

    def may_enter(self, name: str) -> bool:
        """Whoever was approved."""
        found = self.get_user(name)
        return found is not None and bool(found.is_authorized)

    async def authenticate(self, handler: Any, data: Any) -> dict[str, Any] | None:
        """The person, if the password is theirs and they are approved."""
        if not isinstance(handler, LoginPage):
            # Requests for tokens may bring a name and a password too, and nobody would count them.
            return None
        name = data["username"]
        if not await self.is_password_of(name, data["password"]):
            return None
        if not self.may_enter(name):
            raise web.HTTPError(403, "Your password is right, but no administrator has let you in: you can log in after that.")
        return self.people.model_of(name)

    async def is_password_of(self, name: str, password: str) -> bool:
        """Whether it is; computed beside the loop, so that nobody else waits."""
        found = self.get_user(name)
        return await asyncio.to_thread(passwords.fits, password, found.password if found is not None else None)

    def refusal(self, password: str, name: str) -> str | None:
        """Why a password is not taken, in one sentence, or None."""
        return passwords.refusal(password, name, least=self.minimum_password_length)

    def is_taken(self, name: str) -> bool:
        """Whether somebody has this name already: by a sign-up, or by files from before there were sign-ups."""
        user = orm.User.find(self.db, name)
        return self.get_user(name) is not None or (user is not None and bool(user.orm_spawners))

    def is_code(self, typed: str) -> bool:
        """Whether it is the code that the terminal shows."""
        return bool(self.code) and hmac.compare_digest(typed.strip().encode(), self.code.encode())

    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return bool(self.db.query(UserInfo).filter(UserInfo.is_authorized.is_(False)).count() >= WAITING)

    def keep_sign_up(self, name: str, password: bytes, *, approved: bool) -> None:
        """Write a sign-up down; that of an administrator takes the place of one that somebody else tried under the name."""
        found = self.get_user(name)
        if found is None:
            self.db.add(UserInfo(username=name, password=password, is_authorized=approved))
        else:
            found.password, found.is_authorized = password, approved
        self.db.commit()

    def keep_password(self, name: str, password: bytes) -> None:
        """Write another password down."""
        self.get_user(name).password = password
        self.db.commit()

    def registrations(self) -> Iterator[tuple[str, bool]]:
        """Everybody who signed up, and whether they were approved."""
        for found in UserInfo.all_users(self.db):
            yield found.username, bool(found.is_authorized)

    def approve(self, name: str) -> bool:
        """Let somebody in; False if there is no such sign-up."""
        return self._decide(name, approved=True)

    def block(self, name: str) -> bool:
        """Let somebody in no longer; the name and the files stay theirs."""
        return self._decide(name, approved=False)

    def refuse(self, name: str) -> bool:
        """Delete a sign-up that was never approved; others are kept, so that nobody else gets the name and its files."""
        found, user = self.get_user(name), orm.User.find(self.db, name)
        if found is None or found.is_authorized or (user is not None and user.last_activity):
            return False
        self.db.delete(found)
        self.db.commit()
        return True

    def _decide(self, name: str, *, approved: bool) -> bool:
        found = self.get_user(name)
        if found is not None:
            found.is_authorized = approved
            self.db.commit()
        return found is not None
