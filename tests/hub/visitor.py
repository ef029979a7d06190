"""A person with a browser's cookies, for tests that need no pictures: logs in, starts a server, calls it."""

from __future__ import annotations

import json
import re
import time
import uuid
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
import websocket


class Visitor:
    """One person.

    Parameters
    ----------
    address : str
        Of the hub.
    name : str
    """

    def __init__(self, address: str, name: str) -> None:
        self.address, self.name = address, name
        self.http = httpx.Client(base_url=address, timeout=60, trust_env=False, follow_redirects=True)

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.http.close()

    @property
    def base(self) -> str:
        """Path of the person's server."""
        return f"/user/{self.name}"

    def log_in(self, password: str) -> httpx.Response:
        page = self.http.get("/hub/login")
        answer = self.http.post("/hub/login", data={"username": self.name, "password": password, "_xsrf": xsrf_of(page)})
        assert answer.url.path == "/hub/home", answer.text
        return answer

    def api(self, method: str, path: str, **keywords: Any) -> httpx.Response:
        """Call the hub's REST interface as the pages do."""
        page = self.http.get("/hub/home")
        return self.http.request(method, f"/hub/api/{path}", headers={"X-XSRFToken": xsrf_of(page)}, **keywords)

    def start(self, profile: str | None = None, *, timeout_s: float = 90) -> float:
        """Start the server with the form and wait until it answers; returns the seconds."""
        began = time.monotonic()
        self.ask_for(profile)
        self.wait_until_ready(timeout_s=timeout_s)
        return time.monotonic() - began

    def ask_for(self, profile: str | None = None) -> httpx.Response:
        """Post the spawn form."""
        page = self.http.get(f"/hub/spawn/{self.name}")
        if page.url.path.startswith("/hub/spawn-pending") or page.url.path.startswith(self.base):
            return page
        return self.http.post(f"/hub/spawn/{self.name}", data={"profile": profile or "", "_xsrf": xsrf_of(page)})

    def wait_until_ready(self, *, timeout_s: float = 90) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            answer = self.http.get(f"{self.base}/api/status")
            if answer.status_code == 200 and "kernels" in answer.text:
                return
            if answer.status_code == 403:
                # It runs; a page takes the person through the hub to it, as a browser would.
                self.http.get(f"{self.base}/lab")
            time.sleep(0.1)
        raise AssertionError(f"the server of {self.name} did not answer: {answer.status_code} {answer.text[:500]}")

    def stop(self, *, timeout_s: float = 30) -> None:
        assert self.api("DELETE", f"users/{self.name}/server").status_code in (202, 204)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.api("GET", f"users/{self.name}").json().get("servers"):
                return
            time.sleep(0.2)
        raise AssertionError(f"the server of {self.name} did not stop")

    def call(self, method: str, path: str, *, base: str | None = None, **keywords: Any) -> httpx.Response:
        """Call a server, one's own or another's, with the token that its pages carry in a cookie."""
        base = base or self.base
        self.http.get(f"{base}/lab")
        token = next(
            (cookie.value for cookie in self.http.cookies.jar if cookie.name == "_xsrf" and cookie.path == f"{base}/"), ""
        )
        return self.http.request(method, f"{base}/api/{path}", headers={"X-XSRFToken": token or ""}, **keywords)

    def socket(self, path: str) -> websocket.WebSocket:
        """Open a websocket below the hub's address with the cookies of the browser.

        Raises
        ------
        websocket.WebSocketBadStatusException
            The answer is no websocket.
        """
        own = [f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar if path.startswith(cookie.path)]
        connection = websocket.WebSocket()
        connection.connect(f"ws://{urlsplit(self.address).netloc}{path}", cookie="; ".join(own), timeout=60, origin=self.address)
        return connection

    def kernel(self) -> str:
        """Start a kernel; returns its id."""
        answer = self.call("POST", "kernels", json={"name": "python3"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def run(self, kernel: str, code: str, *, timeout_s: float = 60) -> str:
        """Run code in a kernel; returns what it printed, or the error's last line, or ``"dead"``."""
        connection = self.socket(f"{self.base}/api/kernels/{kernel}/channels")
        connection.settimeout(timeout_s)
        message = uuid.uuid4().hex
        header = {
            "msg_id": message,
            "msg_type": "execute_request",
            "username": "",
            "session": uuid.uuid4().hex,
            "version": "5.3",
            "date": "",
        }
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        connection.send(
            json.dumps(
                {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
            )
        )
        said: list[str] = []
        try:
            while True:
                got = json.loads(connection.recv())
                kind = got["msg_type"]
                if kind == "status" and got["content"]["execution_state"] in ("dead", "restarting", "autorestarting"):
                    return "dead"
                if got["parent_header"].get("msg_id") != message:
                    continue
                if kind == "stream":
                    said.append(got["content"]["text"])
                elif kind == "error":
                    said.append(got["content"]["ename"])
                elif kind == "status" and got["content"]["execution_state"] == "idle":
                    return "".join(said).strip()
        finally:
            connection.close()


def xsrf_of(page: httpx.Response) -> str:
    """The token that a page of the hub carries."""
    found = re.search(r'(?:name="_xsrf" value|data-xsrf)="([^"]+)"', page.text)
    assert found is not None, f"{page.url} has no token: {page.text[:300]}"
    return found[1]
