"""Failed logins: who has to wait and who has not, what it costs, and what is written down."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import hub_running as running
import pytest
from imagine_hub.login.throttle import KEPT, Throttle, client_address
from test_hub_login import follow, log_in
from tornado.httputil import HTTPHeaders

# More than all other tests of this file need together.
LIMIT = 60

AWKWARD = [
    "scientist\0",
    "scien\ntist",
    "../scientist",
    "scientist/..",
    "..",
    "/etc/passwd",
    "Ünïcode",
    "\u202escientist",
    "ſcientist",
    "sc\u0131entist",
    "'scientist'",
    '"; drop table users; --',
    "<script>alert(1)</script>",
    "scientist%2f..",
    "%73cientist",
    "{username}",
    "{{ 7 * 7 }}",
    "scientist colleague",
    "a" * 33,
    "😀",
    "-scientist",
    "\r\nSet-Cookie: a=b",
]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_after_so_many_failures_one_waits_so_long() -> None:
    clock = Clock()
    throttle = Throttle(3, 60, clock=clock)
    assert [throttle.failed("a") for _ in range(3)] == [[], [], ["a"]]
    assert throttle.waits("a", "b") == 60
    assert throttle.waits("b") == 0
    clock.now += 59
    assert throttle.waits("a") == 1
    clock.now += 1
    assert throttle.waits("a") == 0
    # A count that is over begins anew.
    assert throttle.failed("a") == []
    assert throttle.waits("a") == 0


def test_the_limit_is_said_once() -> None:
    throttle = Throttle(2, 60)
    assert [throttle.failed("a") for _ in range(50)].count(["a"]) == 1


def test_a_success_begins_anew() -> None:
    throttle = Throttle(2, 60)
    throttle.failed("name a", "address b")
    throttle.forget("name a")
    assert throttle.failed("name a", "address b") == ["address b"]
    assert throttle.waits("name a") == 0


def test_what_is_over_is_forgotten_and_the_rest_is_bounded() -> None:
    clock = Clock()
    throttle = Throttle(2, 60, clock=clock)
    tracemalloc.start()
    for number in range(5 * KEPT):
        throttle.failed(f"address {number}")
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(throttle) == KEPT
    assert taken < 5e6
    clock.now += 60
    throttle.failed("another")
    assert len(throttle) == 1


def request(forwarded: str, peer: str = "127.0.0.1", own: str = "127.0.0.1", **more: str) -> SimpleNamespace:
    socket = SimpleNamespace(getpeername=lambda: (peer, 40000), getsockname=lambda: (own, 8081))
    headers = HTTPHeaders({"X-Forwarded-For": forwarded, **more} if forwarded else more)
    return SimpleNamespace(headers=headers, connection=SimpleNamespace(stream=SimpleNamespace(socket=socket)))


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        (request("192.0.2.7"), "192.0.2.7"),
        # The first is what the client claims, the last what our proxy or the server in front of it has seen.
        (request("198.51.100.1, 192.0.2.7"), "192.0.2.7"),
        (request("192.0.2.7", **{"X-Real-Ip": "198.51.100.1"}), "192.0.2.7"),
        (request("nonsense"), "127.0.0.1"),
        (request(""), "127.0.0.1"),
        # A server of a user asks the hub itself, and claims what it likes.
        (request("198.51.100.1", peer="172.30.0.9", own="172.30.0.1"), "172.30.0.9"),
        (request("192.0.2.7", peer="172.30.0.1", own="172.30.0.1"), "192.0.2.7"),
        # One person has a whole network of IPv6.
        (request("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64"),
        (request("::ffff:192.0.2.7"), "192.0.2.7"),
    ],
)
def test_only_the_end_of_the_way_is_believed(asked: SimpleNamespace, address: str) -> None:
    assert client_address(asked, proxy_elsewhere=False) == address


def test_a_proxy_on_another_machine_is_believed() -> None:
    asked = request("192.0.2.7", peer="172.30.0.9", own="172.30.0.1")
    assert client_address(asked, proxy_elsewhere=True) == "192.0.2.7"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Hub]:
    folder = tmp_path_factory.mktemp("guarded")
    settings = running.small_site(folder) | {
        "IMAGINE_HUB_LOGIN_FAILURES": str(LIMIT),
        "IMAGINE_HUB_LOGIN_FAILURE_MINUTES": "0.1",
        "IMAGINE_HUB_LOGIN_ADMINS": "chief",
    }
    with running.start(folder / "state", settings=settings) as hub:
        yield hub


@pytest.fixture
def stranger(guarded: running.Hub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.address, timeout=60, trust_env=False) as client:
        yield client


def test_awkward_names_reach_no_file_and_no_log(guarded: running.Hub, stranger: httpx.Client) -> None:
    before = len(guarded.log())
    for name in AWKWARD:
        answer = log_in(stranger, name, guarded.password)
        assert answer.status_code == 403, name
        assert follow(stranger, "/hub/home")[-1].url.path == "/hub/login"
        assert "<script>alert" not in answer.text
        assert "49" not in re.findall(r'id="username_input"[^>]*value="([^"]*)"', answer.text)
    written = guarded.log()[before:]
    assert not [name for name in AWKWARD if name.strip("./") and name in written]
    assert "Traceback" not in written
    assert sorted(path.name for path in (guarded.state / "homes").iterdir()) == []


def test_a_name_of_a_megabyte_is_refused_quickly(guarded: running.Hub, stranger: httpx.Client) -> None:
    before = len(guarded.log())
    started = time.monotonic()
    assert log_in(stranger, "a" * 1_000_000, guarded.password).status_code == 403
    assert log_in(stranger, "scientist", "a" * 1_000_000).status_code == 403
    seconds = time.monotonic() - started
    print(f"two tries of 1 MB: {seconds:.2f} s")
    assert seconds < 2
    assert len(guarded.log()) - before < 5000


def test_spaces_and_capitals_are_forgiven(guarded: running.Hub, stranger: httpx.Client) -> None:
    assert log_in(stranger, " Scientist ", guarded.password).status_code == 302


def test_requests_for_tokens_take_no_password(guarded: running.Hub, stranger: httpx.Client) -> None:
    for password in (guarded.password, "wrong"):
        answer = stranger.post("/hub/api/users/scientist/tokens", json={"auth": {"username": "scientist", "password": password}})
        assert answer.status_code == 403


def test_administrators_have_a_password_of_their_own(guarded: running.Hub, stranger: httpx.Client) -> None:
    printed = "".join(guarded.printed)
    code = re.search(r"admins +(\S+)", printed)
    assert code is not None
    assert code[1] not in guarded.log()
    assert log_in(stranger, "chief", guarded.password).status_code == 403
    assert log_in(stranger, "scientist", code[1]).status_code == 403
    assert log_in(stranger, "chief", code[1]).status_code == 302
    assert "scientist" in stranger.get("/hub/people").text


def test_200_failures_are_refused_quickly_and_said_once(guarded: running.Hub, stranger: httpx.Client) -> None:
    before = len(guarded.log())
    statuses, seconds = [], []
    for number in range(200):
        started = time.monotonic()
        stranger.headers["X-Forwarded-For"] = f"192.0.2.{number}"
        stranger.headers["X-Real-Ip"] = f"192.0.2.{number}"
        statuses.append(log_in(stranger, "scientist", f"wrong {number}").status_code)
        seconds.append(time.monotonic() - started)
    assert 403 in statuses[:LIMIT]
    assert set(statuses[LIMIT:]) == {429}
    print(f"median of two requests: {sorted(seconds)[100] * 1000:.0f} ms")
    assert sorted(seconds)[100] < 0.25
    refused = log_in(stranger, "scientist", guarded.password)
    assert refused.status_code == 429
    assert "Too many failed logins from your address or for this name: try again in 1 minute." in refused.text
    assert int(refused.headers["Retry-After"]) <= 7
    written = guarded.log()[before:]
    assert written.count(f"{LIMIT} failed logins for the address 127.0.0.1: further ones wait 6 s.") == 1
    assert written.count(f"{LIMIT} failed logins for the name") <= 1
    assert " 429 " not in written
    # Another name from the same address waits as well; what needs no login goes on.
    assert log_in(stranger, "colleague", guarded.password).status_code == 429
    assert stranger.get("/hub/health").status_code == 200
    time.sleep(int(refused.headers["Retry-After"]))
    assert log_in(stranger, "scientist", guarded.password).status_code == 302
