"""A real hub on a real PostgreSQL, behind a proxy that runs on its own: what compose puts together, as processes."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import hub_running as running
import postgresql
import pytest
from imagine_hub.network import free_port
from imagine_hub.settings import REPOSITORY


@dataclass
class Parts:
    """Database and proxy, and what a hub has to know of them."""

    database: postgresql.Database
    port: int
    overrides: dict[str, str]
    proxy: subprocess.Popen[bytes]
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60, trust_env=False, cookies=self.cookies)


@pytest.fixture(scope="module")
def parts(site: dict[str, str]) -> Iterator[Parts]:
    with postgresql.running() as database:
        port, api_port, hub_port = free_port(), free_port(), free_port()
        token = secrets.token_hex(32)
        command = [sys.executable, "-m", "imagine_hub.proxy", f"--port={port}", f"--api-port={api_port}"]
        command.append(f"--error-target=http://127.0.0.1:{hub_port}/hub/error")
        environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": token, "PYTHONPATH": str(REPOSITORY / "hub")}
        overrides = {
            **site,
            "IMAGINE_HUB_STATE_DATABASE": database.url,
            "IMAGINE_HUB_NETWORK_PROXY_API": f"http://127.0.0.1:{api_port}",
            "IMAGINE_HUB_NETWORK_HUB_PORT": str(hub_port),
            "CONFIGPROXY_AUTH_TOKEN": token,
        }
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as proxy:
            try:
                yield Parts(database, port, overrides, proxy)
            finally:
                proxy.terminate()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub") / "state"


def log_in(parts: Parts, hub: running.Hub) -> None:
    with parts.client() as client:
        page = client.get("/hub/login")
        token = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text)
        assert token is not None
        answer = client.post("/hub/login", data={"username": "scientist", "password": hub.password, "_xsrf": token[1]})
        assert answer.status_code == 302, answer.text[-500:]
        parts.cookies = client.cookies


def test_the_hub_keeps_everything_in_postgresql(parts: Parts, state: Path) -> None:
    with running.start(state, port=parts.port, settings=parts.overrides) as hub:
        log_in(parts, hub)
        with parts.client() as client:
            assert client.get("/hub/home").status_code == 200
    names = [row[0] for row in postgresql.query(parts.database, "SELECT name FROM users ORDER BY name")]
    assert "scientist" in names
    # Nothing is left for a file; the launcher makes an empty one.
    assert (state / "jupyterhub.sqlite").stat().st_size == 0


def test_the_password_of_the_database_is_in_no_log(parts: Parts, state: Path) -> None:
    assert parts.database.password not in (state / "hub.log").read_text(encoding="utf-8", errors="replace")


def test_the_proxy_goes_on_without_the_hub(parts: Parts) -> None:
    assert parts.proxy.poll() is None
    with parts.client() as client:
        answer = client.get("/hub/home")
    assert answer.status_code == 503
    assert "try again in a few seconds" in answer.text


def test_a_hub_that_was_started_again_still_knows_who_is_logged_in(parts: Parts, state: Path) -> None:
    with running.start(state, port=parts.port, settings=parts.overrides), parts.client() as client:
        page = client.get("/hub/home")
        assert page.status_code == 200
        token = re.search(r'data-xsrf="([^"]+)"', page.text)
        assert token is not None
        headers = {"X-XSRFToken": token[1], "Referer": f"{parts.address}/hub/home"}
        started = client.post("/hub/api/users/scientist/server", headers=headers)
        assert started.status_code in (201, 202), started.text
        assert wait(client, "/user/scientist/api").status_code == 200
    rows = postgresql.query(parts.database, "SELECT count(*) FROM spawners")
    assert rows[0][0] == 1


def wait(client: httpx.Client, path: str) -> httpx.Response:
    deadline = time.monotonic() + 60
    while True:
        answer = client.get(path)
        if answer.status_code == 200 or time.monotonic() > deadline:
            return answer
        time.sleep(0.3)
