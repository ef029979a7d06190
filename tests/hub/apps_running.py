"""People who use the apps of a real hub without a browser, and what one has to know of its kernels."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import hub_running as running
import psutil
from imagine_hub.apps.folders import KERNEL_VARIABLE
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

SERVICE = "/services/apps/"
APP = f"{SERVICE}voila/render/zooscan/identify.ipynb"


class Person:
    """Somebody who is logged in, without a browser."""

    def __init__(self, hub: running.Hub, name: str) -> None:
        self.hub, self.name = hub, name
        self.client = httpx.Client(base_url=hub.address, timeout=60, trust_env=False, follow_redirects=True)
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.client.get("/hub/login").text)
        assert token is not None
        form = {"username": name, "password": hub.password, "_xsrf": token[1]}
        assert self.client.post("/hub/login?next=", data=form).status_code == 200
        assert self.client.get(SERVICE).status_code == 200

    def open(self, address: str = APP) -> tuple[str, str]:
        """Open an app; gives the number of its kernel, and the token with which its page can close it."""
        page = self.client.get(address)
        assert page.status_code == 200, page.text
        self.page = page.text
        kernel, token = re.search(r"api/kernels/([0-9a-f]{32})", page.text), re.search(r'"X-XSRFToken": "([^"]+)"', page.text)
        assert kernel is not None, page.text
        assert token is not None, page.text
        return kernel[1], token[1]

    def token(self) -> str:
        """The token of this person's forms."""
        return str(self.client.cookies.get("_xsrf", path=SERVICE))

    def close_all(self) -> None:
        """Press the button that closes all apps, and wait until they are closed."""
        assert "You have no app open" in self.client.post(f"{SERVICE}close", data={"_xsrf": self.token()}).text

    def cookies(self) -> str:
        """As a browser sends them to the service."""
        return "; ".join(f"{each.name}={each.value}" for each in self.client.cookies.jar if each.path in ("/", SERVICE))

    async def connect(self, kernel: str, **headers: str) -> WebSocketClientConnection:
        """Open the websocket of a kernel."""
        address = f"{self.hub.address.replace('http', 'ws')}{SERVICE}api/kernels/{kernel}/channels?session_id=abc"
        return await websocket_connect(HTTPRequest(address, headers={"Cookie": self.cookies(), **headers}))

    @property
    def facts(self) -> dict[str, Any]:
        """What this person's last kernel has told."""
        path = self.hub.state / "apps" / self.name / "imagine" / "facts.json"
        return dict(json.loads(path.read_text(encoding="utf-8")))


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def kernels(state: Path) -> set[int]:
    """The processes of all kernels, spares among them."""
    mark, found = str(state / "apps" / ".service"), set()
    for process in psutil.process_iter():
        try:
            if process.environ().get(KERNEL_VARIABLE) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


def message(kind: str, content: dict[str, Any], channel: str = "shell", **more: Any) -> str:
    header = {
        "msg_id": "m1",
        "msg_type": kind,
        "session": "abc",
        "username": "",
        "date": "2026-01-01T00:00:00Z",
        "version": "5.3",
    }
    return json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel} | more)
