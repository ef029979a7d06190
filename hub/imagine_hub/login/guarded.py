"""What all logins have in common: the people of the settings, their groups, and the limits for failed tries."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.login import LoginHandler
from traitlets import Bool, Float, Instance, Integer

from imagine_hub.login.people import People
from imagine_hub.login.people_page import PeoplePage
from imagine_hub.login.throttle import Throttle, client_address
from imagine_hub.login.trial import asked_by_the_trial
from imagine_hub.settings import USER_NAME

# Longer ones are no passwords: they are refused before anything is computed with them.
PASSWORD_BYTES = 1024
TOO_MANY_REQUESTS = 429


class GuardedAuthenticator(Authenticator):  # type: ignore[misc]
    """People come and go with the settings: everything is looked up again at each login, and every five minutes."""

    people = Instance(People, config=True, help="Who may come in, and who is what.")
    failures = Integer(8, config=True, help="Failed logins after which further ones wait.")
    wait_s = Float(600.0, config=True, help="How long they wait [s].")
    proxy_elsewhere = Bool(False, config=True, help="Whether the proxy runs on another machine.")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.throttle = Throttle(self.failures, self.wait_s)
        # Passwords are compared for two at a time: it takes a good part of a second of a processor.
        self.turn = asyncio.Semaphore(2)

    def may_enter(self, name: str) -> bool:
        """Whether a person may come in at this moment."""
        return name in self.people.users or name in self.people.admins

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Whether somebody who has proved who they are may come in."""
        return self.may_enter(username)

    def check_allow_config(self) -> None:
        """Nothing to warn of: the settings have been checked."""

    async def refresh_user(self, user: Any, handler: Any = None, **_: Any) -> Any:
        """The groups of somebody with an old cookie; False if they may no longer come in."""
        if asked_by_the_trial(handler):
            return True
        return self.people.model_of(user.name) if self.may_enter(user.name) else False

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """The login page and the page of the people."""
        return [("/login", LoginPage), ("/people", PeoplePage)]

    def login_words(self) -> dict[str, Any]:
        """What the login page says besides."""
        return {}

    def address_of(self, request: Any) -> str:
        """Address that a request comes from."""
        return client_address(request, proxy_elsewhere=self.proxy_elsewhere)

    def count_failure(self, *keys: str) -> None:
        """Count a failure, and say it once when the limit is reached."""
        for key in self.throttle.failed(*keys):
            self.log.warning("%d failed logins for the %s: further ones wait %.0f s.", self.failures, key, self.wait_s)


class LoginPage(LoginHandler):  # type: ignore[misc]
    """The login page, which lets nobody try passwords without end."""

    async def post(self) -> None:
        """Let somebody in, or say why not."""
        guard = self.authenticator
        name, password = self.name_typed(), self.text_typed("password", PASSWORD_BYTES)
        keys = [f"address {guard.address_of(self.request)}", *([f"name {name}"] if name else [])]
        if not self.refused_for_now(keys):
            async with guard.turn:
                # Others may have failed while this one waited for its turn.
                if self.refused_for_now(keys):
                    await self.say_to_wait(keys, name)
                    return
                user = await self.login_user({"username": name, "password": password}) if name and password else None
                if user is None:
                    guard.count_failure(*keys)
            if user is not None:
                guard.throttle.forget(f"name {name}")
                self._jupyterhub_user = user
                self.redirect(self.get_next_url(user))
                return
            self.set_status(403)
            self.finish(await self._render(login_error="Invalid username or password", username=name))
            return
        await self.say_to_wait(keys, name)

    def refused_for_now(self, keys: list[str]) -> bool:
        """Whether there were too many failures."""
        return bool(self.authenticator.throttle.waits(*keys) > 0)

    async def say_to_wait(self, keys: list[str], name: str) -> None:
        """Answer with one sentence."""
        wait = self.authenticator.throttle.waits(*keys)
        self.set_status(TOO_MANY_REQUESTS)
        self.set_header("Retry-After", str(int(wait) + 1))
        self.finish(await self._render(login_error=words_to_wait(wait), username=name))

    def name_typed(self) -> str:
        """The user name as it was typed, "" if it cannot be one."""
        text = self.text_typed("username", 64).strip(" ")
        # Some letters of other alphabets become Latin ones in lower case.
        return text.lower() if text.isascii() and USER_NAME.fullmatch(text.lower()) else ""

    def text_typed(self, field: str, longest: int) -> str:
        """A field of the form as it was sent, "" if it is too long or no text."""
        sent = self.request.body_arguments.get(field, [b""])[-1]
        try:
            return str(sent.decode("utf-8")) if len(sent) <= longest else ""
        except UnicodeDecodeError:
            return ""

    def render_template(self, name: str, **values: Any) -> Any:
        """The form again instead of an error page, without what cannot be a name."""
        if name == "error.html" and self.request.method == "POST":
            error = values.pop("message", "") or values.get("status_message", "")
            return self._render(login_error=error, username=self.name_typed(), sync=values.get("sync", False))
        return super().render_template(name, **values)

    def _render(self, login_error: str | None = None, username: str | None = None, **values: Any) -> Any:
        return super()._render(login_error, username, **self.authenticator.login_words(), **values)

    def _log(self) -> None:
        # It was said when the limit was reached; a line for each further try would fill the disk.
        if self.get_status() != TOO_MANY_REQUESTS:
            super()._log()


def words_to_wait(seconds: float) -> str:
    """The sentence for somebody who has to wait."""
    minutes = int(seconds // 60) + 1
    return f"Too many failed logins from your address or for this name: try again in {minutes} minute{'s' * (minutes > 1)}."
