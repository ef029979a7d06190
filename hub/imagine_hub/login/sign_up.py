"""The pages with which people sign up and change their password."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from tornado import web

from imagine_hub.login import passwords
from imagine_hub.login.guarded import PASSWORD_BYTES, TOO_MANY_REQUESTS, LoginPage, words_to_wait
from imagine_hub.settings import USER_NAME

NAME_RULE = "A user name has lower-case letters, digits, '-' and '_', begins with a letter and has at most 32 characters."


class SignUpPage(LoginPage):
    """Takes a name and a password; an administrator then decides."""

    async def get(self) -> None:
        """The empty form."""
        self.finish(await self._form())

    async def post(self) -> None:
        """Write the sign-up down, or say why not."""
        guard = self.authenticator
        place = f"address {guard.address_of(self.request)}"
        wait = max(guard.throttle.waits(place), guard.sign_ups.waits(place))
        if wait:
            self.set_status(TOO_MANY_REQUESTS)
            self.set_header("Retry-After", str(int(wait) + 1))
            self.finish(await self._form(words_to_wait(wait).replace("failed logins", "tries")))
            return
        name, password = self.name_typed(), self.text_typed("password", PASSWORD_BYTES)
        is_admin = name in guard.people.admins
        typed = self.text_typed("code", 64)
        problem = self._problem(name, password, is_admin=is_admin, has_code=guard.is_code(typed))
        if is_admin and not guard.is_code(typed):
            # The code is guessed at like a password.
            guard.count_failure(place)
        if problem is None:
            guard.sign_ups.failed(place)
            async with guard.turn:
                kept = await asyncio.to_thread(passwords.hashed, password)
            # Somebody may have been faster.
            problem = self._problem(name, password, is_admin=is_admin, has_code=guard.is_code(typed))
        if problem is not None:
            self.set_status(400)
            self.finish(await self._form(problem, name))
            return
        guard.keep_sign_up(name, kept, approved=is_admin)
        self.log.info("Sign-up: %s%s", name, ", an administrator" if is_admin else "")
        self.finish(await self._form(done="admin" if is_admin else "waiting", name=name))

    def _problem(self, name: str, password: str, *, is_admin: bool, has_code: bool) -> str | None:
        guard = self.authenticator
        if not USER_NAME.fullmatch(name):
            return NAME_RULE
        if is_admin and not has_code:
            return "This name is kept for an administrator: type the code that the terminal showed when the hub was started."
        if guard.may_enter(name) if is_admin else guard.is_taken(name):
            return "This name is taken: choose another one, or log in if it is yours."
        if not is_admin and guard.is_full():
            return "Too many people are waiting to be let in already: try again when an administrator has looked at them."
        if password != self.text_typed("again", PASSWORD_BYTES):
            return "The two passwords are not the same: type them again."
        return str(refused) if (refused := guard.refusal(password, name)) else None

    def _form(self, error: str = "", name: str = "", *, done: str = "", sync: bool = False) -> Any:
        guard = self.authenticator
        return super(LoginPage, self).render_template(
            "signup.html",
            sync=sync,
            signup_error=error,
            username=name,
            done=done,
            least=guard.minimum_password_length,
            wants_code=bool(guard.code),
        )

    def _render(self, login_error: str | None = None, username: str | None = None, **values: Any) -> Any:
        return self._form(login_error or "", username or "", sync=values.get("sync", False))


class PasswordPage(BaseHandler):  # type: ignore[misc]
    """Changes one's own password; administrators cannot change another's, with which they could open that person's files."""

    @web.authenticated
    async def get(self) -> None:
        """The empty form."""
        self.finish(await self._form())

    @web.authenticated
    async def post(self) -> None:
        """Keep the new password; other browsers have to log in again."""
        guard, user = self.authenticator, self.current_user
        keys = [f"address {guard.address_of(self.request)}", f"name {user.name}"]
        if wait := guard.throttle.waits(*keys):
            self.set_status(TOO_MANY_REQUESTS)
            self.finish(await self._form(words_to_wait(wait)))
            return
        old, new, again = (self._typed(field) for field in ("old", "password", "again"))
        async with guard.turn:
            right = await guard.is_password_of(user.name, old)
        problem = None
        if not right:
            guard.count_failure(*keys)
            problem = "The password that you have now is not right."
        elif new != again:
            problem = "The two new passwords are not the same: type them again."
        elif new == old:
            problem = "The new password is the old one: take another."
        else:
            problem = guard.refusal(new, user.name)
        if problem is not None:
            self.set_status(400)
            self.finish(await self._form(problem))
            return
        async with guard.turn:
            kept = await asyncio.to_thread(passwords.hashed, new)
        guard.keep_password(user.name, kept)
        guard.throttle.forget(f"name {user.name}")
        # The cookies of other browsers name the old one.
        user.orm_user.cookie_id = orm.new_token()
        self.db.commit()
        self.set_hub_cookie(user)
        self.log.info("Password changed: %s", user.name)
        self.finish(await self._form(done=True))

    def _typed(self, field: str) -> str:
        sent = self.request.body_arguments.get(field, [b""])[-1]
        return sent.decode("utf-8", "replace") if len(sent) <= PASSWORD_BYTES else ""

    def _form(self, error: str = "", *, done: bool = False) -> Any:
        return self.render_template(
            "password.html", password_error=error, done=done, least=self.authenticator.minimum_password_length
        )
