"""The launcher: what it prints, what it refuses, and that nothing is left when it ends."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import httpx
import hub_running as running
import psutil
import pytest
from imagine_hub.network import check_port, free_port
from imagine_hub.processes import marked
from test_hub_login import log_in, start_server


def refused(state: Path, port: int, **settings: str) -> list[str]:
    """What the launcher says before it gives up."""
    process = running.launch(state, port, settings)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    return text.strip().splitlines()


def wait_for(condition: object, what: str, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_port_in_use_is_said_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        lines = refused(tmp_path / "state", port)
    assert lines == [
        f"Port {port} on 127.0.0.1 is used by another program: stop that one, or take another port, "
        f"for example: make run PORT={port + 1}"
    ]
    assert not marked(tmp_path / "state")


def test_a_mistake_in_the_settings_is_said(tmp_path: Path) -> None:
    (line,) = refused(tmp_path / "state", free_port(), IMAGINE_HUB_SERVERS_SPAWNER="dokcer", IMAGINE_HUB_SERVERS_IDLE_MINUTES="x")
    assert line == "servers.idle_minutes in the environment is 'x', but must be a whole number."


def test_a_database_that_is_none_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "jupyterhub.sqlite").write_text("this is no database", encoding="utf-8")
    lines = refused(state, free_port())
    assert lines[-1] == f"The hub ended while starting (exit code 1): the last lines of {state / 'hub.log'} say why."
    assert not marked(state)


def test_the_life_of_a_hub(tmp_path: Path, site: dict[str, str]) -> None:
    state, port = tmp_path / "state", free_port()
    with running.start(state, port=port, settings=site) as hub:
        assert hub.address == f"http://127.0.0.1:{port}"
        # Nothing but the box: the terminal stays quiet.
        assert hub.printed[0] == "Starting the hub …\n"
        assert not [line for line in hub.printed if "[I " in line or "Warning" in line or "Traceback" in line]

        # The same folder twice would break the database.
        assert refused(state, free_port()) == [
            f"The hub is already running at {hub.address} with {state}: open that address, or stop it there with Ctrl-C."
        ]

        with httpx.Client(base_url=hub.address, timeout=60, trust_env=False) as client:
            log_in(client, "scientist", hub.password)
            start_server(client, "scientist")
            cookies = dict(client.cookies)
        wait_for(lambda: len(hub.processes()) >= 5, "no kernel was prepared")
        assert hub.stop(signal.SIGINT) == 0
    assert hub.processes() == []
    check_port("127.0.0.1", port)
    first_password = hub.password

    with running.start(state, port=port, settings=site) as hub:
        print(f"second start: {hub.seconds:.1f} s")
        assert hub.seconds <= 15
        assert hub.password != first_password
        with httpx.Client(base_url=hub.address, timeout=60, trust_env=False, cookies=cookies) as client:
            # Who was logged in still is; the old password is worth nothing.
            assert client.get("/hub/home").status_code == 200
            start_server(client, "scientist")
        with httpx.Client(base_url=hub.address, timeout=60, trust_env=False) as client:
            assert log_in(client, "scientist", first_password).status_code == 403
        # The power fails: launcher and hub are gone at once, the others are not.
        (middle,) = (process for process in marked(state) if "jupyterhub" in process.cmdline())
        hub.process.kill()
        middle.kill()
        psutil.wait_procs([middle], timeout=10)
        assert any("imagine_hub.proxy" in line for line in hub.processes())

    with running.start(state, port=port, settings=site) as hub:
        assert any(line.startswith("Ended ") and "an earlier hub had left behind" in line for line in hub.printed)
        assert hub.stop(signal.SIGTERM) == 0
    assert hub.processes() == []
    check_port("127.0.0.1", port)


@pytest.mark.parametrize("what", ["launcher", "hub"])
def test_an_end_in_between_leaves_nothing(tmp_path: Path, site: dict[str, str], what: str) -> None:
    state = tmp_path / "state"
    with running.start(state, settings=site) as hub:
        (middle,) = (process for process in marked(state) if "jupyterhub" in process.cmdline())
        if what == "launcher":
            hub.process.kill()
        else:
            middle.kill()
            assert hub.process.wait(timeout=30) == 1
            wait_for(lambda: "by itself" in "".join(hub.printed), "nothing was said")
        wait_for(lambda: not hub.processes(), "processes are left")
