"""Attacks of one user on another, on the hub and on the engine's host, each with real servers in real containers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import hub_running as running
import pytest
import websocket
from container_hub import inside, record
from engine import NETWORK, Engine
from visitor import Visitor

SECRET = "a count that nobody else may see"
PAGE = "<script>parent.stolen = document.cookie</script>"
DRAWING = f'<svg xmlns="http://www.w3.org/2000/svg">{PAGE}</svg>'


@pytest.fixture(scope="module")
def people(containers: running.Hub) -> Iterator[tuple[Visitor, Visitor]]:
    """Somebody who attacks, and somebody with a file and a kernel; both have a server."""
    with Visitor(containers.address, "scientist") as mallory, Visitor(containers.address, "colleague") as victim:
        for person in (mallory, victim):
            person.log_in(containers.password)
            person.start("small")
        made = victim.call("PUT", "contents/secret.txt", json={"type": "file", "format": "text", "content": SECRET})
        assert made.status_code == 201, made.text
        yield mallory, victim


def api_token(engine: Engine, user: str) -> str:
    """The token of a user's server, which programs in her container can read."""
    entries = dict(entry.split("=", 1) for entry in record(engine, user)["Config"]["Env"])
    return entries["JUPYTERHUB_API_TOKEN"]


@pytest.mark.parametrize(
    "path",
    [
        "/user/colleague/api/contents/secret.txt",
        "/user/colleague/files/secret.txt",
        "/user/colleague/lab/tree/secret.txt",
        "/user/colleague/voila/render/zooscan/identify.ipynb",
        "/user/scientist/../colleague/files/secret.txt",
        "/user/scientist/%2e%2e/colleague/files/secret.txt",
        "/user/scientist/files/..%2f..%2fcolleague/secret.txt",
        "//user/colleague/files/secret.txt",
        "/user/colleague/files/secret.txt?token=abc",
    ],
)
def test_the_files_of_another_cannot_be_read(people: tuple[Visitor, Visitor], path: str) -> None:
    mallory, victim = people
    answer = mallory.http.get(path)
    assert SECRET not in answer.text
    assert answer.status_code in (400, 403, 404, 405) or answer.url.path.startswith(("/hub/", "/user/scientist/")), answer.url
    # There it is, for whom it belongs to.
    assert SECRET in victim.call("GET", "contents/secret.txt").text


def test_the_server_of_another_cannot_be_stopped_started_or_shared(people: tuple[Visitor, Visitor], engine: Engine) -> None:
    mallory, _ = people
    before = record(engine, "colleague")["State"]["StartedAt"]
    for method, path in (
        ("DELETE", "users/colleague/server"),
        ("POST", "users/colleague/server"),
        ("POST", "users/colleague/tokens"),
        ("GET", "users/colleague/tokens"),
        ("POST", "shares/colleague/"),
        ("DELETE", "users/colleague"),
        ("PATCH", "users/scientist"),
        ("POST", "users/mallory"),
        ("GET", "users"),
        ("GET", "proxy"),
        ("POST", "shutdown"),
        ("GET", "services"),
    ):
        answer = mallory.api(method, path, json={"admin": True} if method in ("PATCH", "POST") else None)
        assert answer.status_code in (403, 404, 405), (method, path, answer.status_code, answer.text[:200])
    assert record(engine, "colleague")["State"]["StartedAt"] == before
    assert mallory.api("GET", "user").json()["admin"] is False


def test_the_kernel_of_another_is_out_of_reach_by_its_id(people: tuple[Visitor, Visitor]) -> None:
    mallory, victim = people
    kernel = victim.kernel()
    victim.run(kernel, "secret = 'counted'")
    for path in (f"/user/colleague/api/kernels/{kernel}", f"/user/scientist/api/kernels/{kernel}"):
        assert mallory.http.get(path).status_code in (403, 404)
        assert mallory.http.request("DELETE", path).status_code in (403, 404)
        with pytest.raises(websocket.WebSocketBadStatusException, match=r"Handshake status (403|404|302)"):
            mallory.socket(f"{path}/channels")
    assert victim.run(kernel, "print(secret)") == "counted"


# What a program in one container can try against the hub and against another container.
FROM_INSIDE = """
import json, urllib.error, urllib.request

def ask(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(300).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError as error:
        return 0, str(error)

token = {"Authorization": f"token {TOKEN}"}
print(json.dumps({
    "neighbour": [ask(NEIGHBOUR + path, **headers) for path in ("/api/contents/secret.txt", "/files/secret.txt") for headers in ({}, token)],
    "hub": [ask(API + path, method, **token) for method, path in (
        ("GET", "/users"), ("GET", "/users/colleague"), ("DELETE", "/users/colleague/server"), ("POST", "/users/colleague/tokens"),
        ("POST", "/users/scientist/tokens"), ("GET", "/proxy"), ("POST", "/shutdown"), ("GET", "/services"), ("GET", "/groups"),
    )],
    "own": ask(API + "/user", **token)[0],
}))
"""


def test_from_one_container_neither_another_nor_the_hub_obeys(people: tuple[Visitor, Visitor], engine: Engine) -> None:
    neighbour = record(engine, "colleague")["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
    entries = dict(entry.split("=", 1) for entry in record(engine, "scientist")["Config"]["Env"])
    values = f"TOKEN, API = {entries['JUPYTERHUB_API_TOKEN']!r}, {entries['JUPYTERHUB_API_URL']!r}\n"
    values += f"NEIGHBOUR = 'http://{neighbour}:8888/user/colleague'\n"
    code, said = inside(engine, "scientist", "python", "-c", values + FROM_INSIDE)
    assert code == 0, said
    found = json.loads(said)
    # 302: to the hub's login, which this program does not have.
    assert all(status in (0, 302, 403, 404) and SECRET not in text for status, text in found["neighbour"]), found["neighbour"]
    assert all(status in (403, 404, 405) for status, _ in found["hub"]), found["hub"]
    # The token does what it is for.
    assert found["own"] == 200


def test_requests_of_other_sites_change_nothing(people: tuple[Visitor, Visitor]) -> None:
    mallory, _ = people
    foreign = {"Origin": "https://evil.example", "Referer": "https://evil.example/", "Sec-Fetch-Site": "cross-site"}
    assert mallory.http.post("/hub/spawn/scientist", data={"profile": "small"}, headers=foreign).status_code == 403
    assert mallory.http.request("DELETE", "/hub/api/users/scientist/server", headers=foreign).status_code == 403
    assert mallory.http.post("/user/scientist/api/kernels", json={"name": "python3"}, headers=foreign).status_code in (403, 404)
    assert mallory.http.put("/user/scientist/api/contents/x.txt", json={"type": "file"}, headers=foreign).status_code == 403
    assert mallory.http.get("/user/scientist/api/status").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/hub/home", "/hub/login", "/hub/token", "/hub/nothing", "/user/scientist/lab", "/user/scientist/nothing", "/user/nobody/"],
)
def test_no_page_can_be_framed(people: tuple[Visitor, Visitor], path: str) -> None:
    answer = people[0].http.get(path)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_cookies_are_kept_from_scripts_and_other_sites(people: tuple[Visitor, Visitor], containers: running.Hub) -> None:
    mallory, _ = people
    with Visitor(mallory.address, "scientist") as again:
        seen: list[str] = []
        again.http.event_hooks["response"] = [lambda answer: seen.extend(answer.headers.get_list("set-cookie"))]
        again.log_in(containers.password)
        again.http.get("/user/scientist/lab")
    assert {line.partition("=")[0] for line in seen} >= {"_xsrf", "jupyterhub-hub-login", "jupyterhub-user-scientist"}
    # One that is taken back has no value that could be seen.
    for line in (line for line in seen if '=""' not in line):
        name = line.partition("=")[0]
        assert "samesite=lax" in line.lower(), line
        # JupyterLab has to send this one back in a header, and nothing can be done with it alone.
        if not (name == "_xsrf" and "path=/user/" in line.lower()):
            assert "httponly" in line.lower(), line


def test_html_and_drawings_of_users_run_in_a_sandbox(people: tuple[Visitor, Visitor]) -> None:
    mallory, _ = people
    for name, text in (("page.html", PAGE), ("drawing.svg", DRAWING)):
        made = mallory.call("PUT", f"contents/{name}", json={"type": "file", "format": "text", "content": text})
        assert made.status_code in (200, 201)
        answer = mallory.http.get(f"/user/scientist/files/{name}")
        assert answer.status_code == 200
        policy = [part.strip() for part in answer.headers["Content-Security-Policy"].split(";")]
        sandbox = next(part for part in policy if part.startswith("sandbox"))
        assert "allow-same-origin" not in sandbox
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_secret_is_in_the_log_or_in_a_page(people: tuple[Visitor, Visitor], containers: running.Hub, engine: Engine) -> None:
    mallory, _ = people
    secrets = {
        "password": containers.password,
        "cookie secret": (containers.state / "cookie_secret").read_text().strip(),
        "proxy token": (containers.state / "proxy_token").read_text().strip(),
        "token of a server": api_token(engine, "scientist"),
        "token of another server": api_token(engine, "colleague"),
        "cookie": next(cookie.value or "" for cookie in mallory.http.cookies.jar if cookie.name.startswith("jupyterhub-user")),
    }
    texts = {"hub.log": containers.log()}
    for user in ("scientist", "colleague"):
        texts[f"log of {user}"] = engine.client.logs(f"imagine-{user}").decode(errors="replace")
    for path in ("/hub/home", "/hub/token", "/user/scientist/lab", "/user/scientist/voila/render/zooscan/report.ipynb"):
        texts[path] = mallory.http.get(path).text
    found = [(place, name) for place, text in texts.items() for name, secret in secrets.items() if secret in text]
    assert found == []


def test_what_the_hub_keeps_is_closed_to_others(containers: running.Hub) -> None:
    open_to_others = [
        str(path.relative_to(containers.state))
        for path in containers.state.iterdir()
        if path.stat().st_mode & 0o077 and not path.is_dir() and path.name not in ("lock", "proxy.pid", "listing.json")
    ]
    assert containers.state.stat().st_mode & 0o777 == 0o700
    assert open_to_others == []
