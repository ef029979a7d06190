"""The hub as the trial uses it: its interface, one server behind it, and a kernel in that."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from jupyterhub.utils import subdomain_hook_idna

from imagine_hub.care.checks.certificate import file_of
from imagine_hub.care.running import running_at
from imagine_hub.network import EVERYWHERE, public_address
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

CONNECT_S = 10
# Control characters with which a traceback is coloured.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class _Here(AbstractResolver):
    """Every name is this machine: the trial is of this hub, and its token must not travel to another."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        """The address on which the hub listens."""
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


@dataclass
class HubClient:
    """Requests with the token of the trial.

    Attributes
    ----------
    session : aiohttp.ClientSession
    hub, server : str
        Addresses of the hub and of the user's server, without a slash at their ends.
    user : str
    token : str
        Sent in a header only.
    """

    session: aiohttp.ClientSession
    hub: str
    server: str
    user: str
    token: str

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    async def _ask(self, method: str, url: str, **options: Any) -> tuple[int, str]:
        async with self.session.request(method, url, headers=self._headers, allow_redirects=False, **options) as answer:
            return answer.status, await answer.text()

    async def user_model(self) -> dict[str, Any]:
        """What the hub knows of the account and its server."""
        status, text = await self._ask("GET", f"{self.hub}/hub/api/users/{self.user}")
        if status != 200:
            raise RefusedError(status, text)
        found: dict[str, Any] = json.loads(text)
        return found

    async def start(self) -> None:
        """Ask for the server."""
        status, text = await self._ask("POST", f"{self.hub}/hub/api/users/{self.user}/server", json={})
        if status not in (201, 202):
            raise RefusedError(status, text)

    async def stop(self) -> None:
        """Ask for its end."""
        status, text = await self._ask("DELETE", f"{self.hub}/hub/api/users/{self.user}/server")
        # 400 and 404: it is about to start or stop, or there is none.
        if status not in (202, 204, 400, 404):
            raise RefusedError(status, text)

    async def progress(self) -> AsyncIterator[Mapping[str, Any]]:
        """What the hub says while the server starts."""
        url = f"{self.hub}/hub/api/users/{self.user}/server/progress"
        async with self.session.get(url, headers=self._headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise RefusedError(answer.status, await answer.text())
            async for line in answer.content:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])

    async def page(self, path: str) -> tuple[int, str]:
        """A page of the server."""
        return await self._ask("GET", f"{self.server}/{path}")

    async def execute(self, code: str) -> str:
        """Run code in a new kernel, and give what it prints.

        Raises
        ------
        CodeError
            It ended with an error.
        RefusedError
            There is no kernel.
        """
        status, text = await self._ask("POST", f"{self.server}/api/kernels", json={"name": "python3"})
        if status != 201:
            raise RefusedError(status, text)
        kernel = json.loads(text)["id"]
        try:
            return await self._execute(kernel, code)
        finally:
            await self._ask("DELETE", f"{self.server}/api/kernels/{kernel}")

    async def _execute(self, kernel: str, code: str) -> str:
        asked, session = uuid.uuid4().hex, uuid.uuid4().hex
        message = {
            "header": {
                "msg_id": asked,
                "msg_type": "execute_request",
                "username": self.user,
                "session": session,
                "version": "5.3",
            },
            "parent_header": {},
            "metadata": {},
            "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True},
            "channel": "shell",
            "buffers": [],
        }
        printed: list[str] = []
        idle = replied = False
        url = f"{self.server}/api/kernels/{kernel}/channels?session_id={session}"
        async with self.session.ws_connect(url, headers=self._headers, max_msg_size=2**28) as socket:
            await socket.send_json(message)
            async for answer in socket:
                if answer.type is not aiohttp.WSMsgType.TEXT:
                    break
                said = answer.json()
                kind, content = said["header"]["msg_type"], said["content"]
                if said["parent_header"].get("msg_id") != asked:
                    continue
                if kind == "stream" and content["name"] == "stdout":
                    printed.append(content["text"])
                elif kind == "error":
                    raise CodeError(_COLOURS.sub("", f"{content['ename']}: {content['evalue']}"))
                idle |= kind == "status" and content["execution_state"] == "idle"
                replied |= kind == "execute_reply"
                if idle and replied:
                    return "".join(printed)
        raise CodeError("the kernel ended while it computed")


class RefusedError(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        try:
            said = str(json.loads(text)["message"])
        except (ValueError, KeyError, TypeError):
            said = ""
        super().__init__(said or f"it answered {status}")


class CodeError(Exception):
    """Code in a kernel that ended with an error."""


@asynccontextmanager
async def connected(settings: Settings, token: str) -> AsyncIterator[HubClient]:
    """A client of the hub on this machine, by the names that people use."""
    network = settings.network
    listens = "127.0.0.1" if network.address in EVERYWHERE else network.address
    # The port may have been chosen for this run only; its launcher has written down where it is.
    there = urlsplit(running_at(StateFolder(settings.state.path)) or "")
    port = there.port if there.hostname == listens and there.port else network.port
    scheme = "https" if network.tls_certificate else "http"
    host = urlsplit(public_address(settings)).hostname or listens
    user = settings.health.user
    own = subdomain_hook_idna(user, host, "user") if network.subdomain_host else host
    connector = aiohttp.TCPConnector(resolver=_Here(listens), ssl=_exactly(settings) if network.tls_certificate else True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    # No proxy of the environment is asked either.
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield HubClient(session, f"{scheme}://{host}:{port}", f"{scheme}://{own}:{port}/user/{user}", user, token)


def _exactly(settings: Settings) -> aiohttp.Fingerprint:
    """The certificate of this hub and no other, whatever name it is for: `check` looks at names."""
    pem = file_of(settings.network.tls_certificate).read_text(encoding="ascii")
    first = pem[: pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    der = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN CERTIFICATE-----") :])
    return aiohttp.Fingerprint(hashlib.sha256(der).digest())
