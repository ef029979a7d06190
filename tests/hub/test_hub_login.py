"""A real hub: who gets in, what is sent to whom, and what is written down. No browser."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest
from hub_running import Hub
from imagine_hub.processes import marked


def log_in(client: httpx.Client, user: str, password: str) -> httpx.Response:
    form = client.get("/hub/login").text
    token = re.search(r'name="_xsrf" value="([^"]+)"', form)
    assert token is not None
    return client.post("/hub/login?next=", data={"username": user, "password": password, "_xsrf": token[1]})


def token_of(client: httpx.Client) -> str:
    found = re.search(r'data-xsrf="([^"]+)"', client.get("/hub/home").text)
    assert found is not None
    return found[1]


def start_server(client: httpx.Client, user: str) -> None:
    headers = {"X-XSRFToken": token_of(client)}
    running = client.get(f"/hub/api/users/{user}", headers=headers).json()["servers"]
    if not running:
        assert client.post(f"/hub/api/users/{user}/server", headers=headers).status_code in (201, 202)
    deadline = time.monotonic() + 60
    while True:
        model = client.get(f"/hub/api/users/{user}", headers=headers).json()
        if model["servers"].get("", {}).get("ready"):
            return
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.1)


def follow(client: httpx.Client, path: str) -> list[httpx.Response]:
    answers = [client.get(path)]
    while answers[-1].is_redirect and len(answers) < 12:
        answers.append(client.get(answers[-1].headers["Location"]))
    return answers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/hub/",
        "/hub/home",
        "/hub/token",
        "/hub/admin",
        "/hub/spawn",
        "/hub/imagine/picture/zooscan",
        "/user/scientist/",
        "/user/scientist/lab",
        "/user/scientist/voila/render/zooscan/identify.ipynb",
    ],
)
def test_nothing_is_shown_without_a_login(client: httpx.Client, path: str) -> None:
    last = follow(client, path)[-1]
    assert last.url.path == "/hub/login" or last.status_code == 403
    assert "zooscan-starter" not in last.text


@pytest.mark.parametrize("path", ["/hub/api/users", "/hub/api/users/scientist", "/hub/api/proxy", "/hub/metrics"])
def test_the_interface_is_closed_without_a_login(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 403


@pytest.mark.parametrize(("user", "password"), [("scientist", "wrong"), ("scientist", ""), ("stranger", None), ("", None)])
def test_wrong_logins_are_refused(client: httpx.Client, hub: Hub, user: str, password: str | None) -> None:
    answer = log_in(client, user, hub.password if password is None else password)
    assert answer.status_code == 403
    assert follow(client, "/hub/home")[-1].url.path == "/hub/login"


def test_a_login_without_the_token_of_the_form_is_refused(client: httpx.Client, hub: Hub) -> None:
    client.get("/hub/login")
    answer = client.post("/hub/login", data={"username": "scientist", "password": hub.password})
    assert answer.status_code == 403


def test_after_a_login_comes_the_home_page(client: httpx.Client, hub: Hub) -> None:
    answer = log_in(client, hub.user, hub.password)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/hub/home"
    home = client.get("/hub/home")
    assert "Zooplankton from ZooScan" in home.text
    assert "0.87 (95 % interval 0.81–0.92, n = 64)" in home.text
    assert client.get("/hub/imagine/picture/zooscan").headers["Content-Type"] == "image/svg+xml"
    assert client.get("/hub/imagine/picture/other").status_code == 404


def test_pages_carry_security_headers(client: httpx.Client, hub: Hub) -> None:
    log_in(client, hub.user, hub.password)
    for path in ("/hub/login", "/hub/home", "/hub/token", "/hub/nothing-here"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
    picture = client.get("/hub/imagine/picture/zooscan").headers["Content-Security-Policy"]
    assert "default-src 'none'" in picture
    assert "sandbox" in picture


def test_a_server_answers_its_owner_and_nobody_else(client: httpx.Client, hub: Hub) -> None:
    answers = [log_in(client, "scientist", hub.password)]
    start_server(client, "scientist")
    answers += follow(client, "/user/scientist/lab")
    assert answers[-1].status_code == 200
    assert "default-src 'self'" in answers[-1].headers["Content-Security-Policy"]

    # Scripts may read one cookie only: JupyterLab's own token, which is bound to the session. All others are for the server.
    cookies = [value for answer in answers for value in answer.headers.get_list("set-cookie") if '=""' not in value]
    assert any(cookie.startswith("jupyterhub-hub-login=") for cookie in cookies)
    assert any("jupyterhub-user-scientist" in cookie for cookie in cookies)
    open_to_scripts = [cookie for cookie in cookies if "HttpOnly" not in cookie]
    assert all(cookie.startswith("_xsrf=") and "Path=/user/scientist/" in cookie for cookie in open_to_scripts)
    assert not [cookie for cookie in cookies if "SameSite=Lax" not in cookie]

    with httpx.Client(base_url=hub.address, timeout=60, trust_env=False) as other:
        log_in(other, "colleague", hub.password)
        assert follow(other, "/user/scientist/lab")[-1].status_code in (403, 404)
        assert follow(other, "/user/scientist/api/contents")[-1].status_code in (403, 404)
        headers = {"X-XSRFToken": token_of(other)}
        assert other.get("/hub/api/users/scientist", headers=headers).status_code in (403, 404)
        assert other.delete("/hub/api/users/scientist/server", headers=headers).status_code in (403, 404)
        assert other.get("/hub/api/users", headers=headers).status_code == 403


def test_a_server_listens_on_this_machine_only(client: httpx.Client, hub: Hub) -> None:
    log_in(client, "scientist", hub.password)
    start_server(client, "scientist")
    listening = [
        connection
        for process in marked(hub.state)
        for connection in process.net_connections(kind="tcp")
        if connection.status == "LISTEN"
    ]
    assert len(listening) >= 4
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_hidden_files_of_a_home_are_not_listed(client: httpx.Client, hub: Hub) -> None:
    log_in(client, "scientist", hub.password)
    start_server(client, "scientist")
    follow(client, "/user/scientist/lab")
    names = [item["name"] for item in client.get("/user/scientist/api/contents").json()["content"]]
    assert "zooscan" in names
    assert not [name for name in names if name.startswith(".")]
    assert client.get("/user/scientist/api/contents/.imagine-notebooks.json").status_code == 404


def test_the_password_is_written_nowhere(client: httpx.Client, hub: Hub) -> None:
    log_in(client, "stranger", hub.password)
    log_in(client, "scientist", hub.password)
    assert sum(hub.password in line for line in hub.printed) == 1
    assert hub.password not in hub.log()
    written = [path for path in Path(hub.state).rglob("*") if path.is_file() and hub.password.encode() in path.read_bytes()]
    assert not written
    for process in marked(hub.state):
        assert hub.password not in " ".join(process.cmdline())
        if "imagine_hub.proxy" in process.cmdline() or "jupyterhub.singleuser" in process.cmdline():
            assert hub.password not in process.environ().values()


def test_the_style_sheet_is_there_before_the_login(client: httpx.Client) -> None:
    answer = client.get("/hub/imagine/style.css")
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "--ik-accent" in answer.text
    assert client.get("/hub/imagine/static/../pages.py").status_code == 404
    assert client.get("/hub/imagine/static/%2e%2e/pages.py").status_code in (403, 404)
