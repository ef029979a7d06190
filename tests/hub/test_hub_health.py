"""``imagine-hub health`` against a real hub: a whole trial with the library, and what it says when something is broken."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hub_running as running
import pytest
from imagine_hub.care.health import HealthError, failed_step, try_hub
from imagine_hub.errors import SettingsError
from imagine_hub.services.health import health, token_file
from imagine_hub.settings import REPOSITORY, Settings
from traitlets.config import Config

import imagine_kernels as ik

TRIAL = {"IMAGINE_HUB_HEALTH_USER": "trial"}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, starter_model: Callable[[str], Any]) -> Iterator[running.Hub]:
    """A hub with the real notebooks, the starter model and the bundled sample."""
    state = tmp_path_factory.mktemp("health") / "state"
    state.mkdir(mode=0o700)
    shutil.copytree(starter_model("zooscan").path, state / "models" / "zooscan-starter")
    shutil.copytree(ik.use_case("zooscan").bundled_sample(), state / "samples" / "zooscan-sample")
    with running.start(state, settings=TRIAL) as hub:
        yield hub


@pytest.fixture
def settings(tried: running.Hub) -> Settings:
    return Settings().replace("state", folder=str(tried.state)).replace("health", user="trial")


def start_command(hub: running.Hub, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    variables = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY / "hub"),
        "IMAGINE_HUB_STATE_FOLDER": str(hub.state),
        **TRIAL,
        **environ,
    }
    line = [sys.executable, "-m", "imagine_hub.care", "health", *arguments]
    return subprocess.Popen(line, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def api(hub: running.Hub, method: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"token {token_file(hub.state).read_text(encoding='ascii').strip()}"}
    return httpx.request(method, f"{hub.address}/hub/api{path}", headers=headers, trust_env=False, timeout=60)


def servers(hub: running.Hub) -> dict[str, Any]:
    found: dict[str, Any] = api(hub, "GET", "/users/trial").json()["servers"]
    return found


def test_a_whole_trial(tried: running.Hub) -> None:
    process = start_command(tried, "--json")
    said, complaint = process.communicate(timeout=200)
    assert (process.returncode, complaint) == (0, "")
    value = json.loads(said)
    assert value["state"] == "ok"
    assert [step["name"] for step in value["steps"]] == ["hub answers", "server starts", "use case", "app opens", "server stops"]
    steps = {step["name"]: step for step in value["steps"]}
    assert steps["use case"]["seen"].startswith("zooscan: 48 objects identified, abundance_ind_m3 up to ")
    assert steps["use case"]["seconds"] > 0
    assert "voila/render/zooscan/identify.ipynb" in steps["app opens"]["seen"]
    assert servers(tried) == {}
    # Nothing of it is counted, and its token stands nowhere in the log.
    assert not list((tried.state / "homes" / "trial").rglob("usage/*"))
    assert token_file(tried.state).read_text(encoding="ascii").strip() not in tried.log()
    assert token_file(tried.state).stat().st_mode & 0o777 == 0o600


def test_the_token_reaches_that_one_account_only(tried: running.Hub) -> None:
    assert api(tried, "GET", "/users/trial").status_code == 200
    for method, path in (
        ("GET", "/users/scientist"),
        ("POST", "/users/scientist/server"),
        ("DELETE", "/users/scientist/server"),
        ("POST", "/users/other"),
        ("DELETE", "/users/trial"),
        ("POST", "/users/trial/tokens"),
        ("GET", "/users"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ):
        assert api(tried, method, path).status_code in (403, 404), (method, path)


def test_nobody_logs_in_as_the_account(tried: running.Hub) -> None:
    from test_hub_login import log_in

    with httpx.Client(base_url=tried.address, timeout=60, trust_env=False) as client:
        assert log_in(client, "trial", tried.password).status_code == 403


def test_a_use_case_that_is_none(tried: running.Hub, settings: Settings) -> None:
    steps = try_hub(settings.replace("health", use_case="whales"), lambda words: None)
    failed = failed_step(steps)
    assert failed is not None
    assert failed.name == "use case"
    assert failed.problem.startswith("The use case whales does not work: UnknownName: ")
    assert failed.remedy.endswith("imagine identify whales")
    # What was started is stopped, and the page of a use case that does not work is not asked for.
    assert [step.name for step in steps] == ["hub answers", "server starts", "use case", "server stops"]
    assert servers(tried) == {}


def test_never_two_at_once_and_broken_off_in_order(tried: running.Hub, settings: Settings) -> None:
    process = start_command(tried)
    deadline = time.monotonic() + 60
    while not servers(tried):
        assert time.monotonic() < deadline, "no server was started"
        time.sleep(0.1)
    with pytest.raises(HealthError, match=f"tried already \\(process {process.pid}\\)"):
        try_hub(settings, lambda words: None)
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=150)
    assert (process.returncode, complaint) == (1, "The trial was broken off; the server that it had started is stopped.\n")
    assert servers(tried) == {}


def test_too_slow_with_a_server_that_was_left(tried: running.Hub, settings: Settings) -> None:
    # Left by a trial that was killed.
    assert api(tried, "POST", "/users/trial/server").status_code in (201, 202)
    # Less than the settings take, so that the test need not wait.
    object.__setattr__(settings.health, "timeout_s", 0.5)
    steps = try_hub(settings, lambda words: None)
    failed = failed_step(steps)
    assert failed is not None
    assert failed.name == "server starts"
    assert "not done within the 0.5 s of health.timeout_s" in failed.problem
    assert [step.name for step in steps] == ["hub answers", "server starts", "server stops"]
    assert servers(tried) == {}


def test_a_hub_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    settings = Settings().replace("state", folder=str(tmp_path / "state")).replace("network", port=running.free_port())
    with pytest.raises(HealthError, match="There is no account to try the hub with"):
        try_hub(settings, lambda words: None)
    settings = settings.replace("health", user="trial")
    with pytest.raises(HealthError, match="health_token cannot be read"):
        try_hub(settings, lambda words: None)
    assert health(settings) is not None
    (step,) = try_hub(settings, lambda words: None)
    assert step.problem.startswith(f"The hub does not answer at http://127.0.0.1:{settings.network.port}")


def test_the_service(tmp_path: Path) -> None:
    settings = Settings().replace("state", folder=str(tmp_path))
    assert health(settings) is None
    made = health(settings.replace("health", user="trial"))
    assert made is not None
    assert made == health(settings.replace("health", user="trial"))
    assert "command" not in made.definition
    (role,) = made.roles
    assert role["scopes"] == ["servers!user=trial", "access:servers!user=trial"]
    with pytest.raises(SettingsError, match="who also may log in"):
        health(settings.replace("health", user="scientist"))
    with pytest.raises(SettingsError, match="cannot be a user name"):
        health(settings.replace("health", user="The Trial"))


def test_it_is_among_the_services(tmp_path: Path) -> None:
    from imagine_hub.services import configure_services

    c = Config()
    configure_services(c, Settings().replace("state", folder=str(tmp_path)).replace("health", user="trial"))
    assert "health" in [service["name"] for service in c.JupyterHub.services]
