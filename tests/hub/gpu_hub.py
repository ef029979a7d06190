"""A real hub that gives out GPUs: its servers are processes of a size, so that neither an engine nor a GPU is needed.

Everything else is what an operator gets: form, pages, database, the service that looks after the GPUs, and the user's server.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from gpu_machine import H100, Machine
from hub_running import REPOSITORY
from imagine_hub import processes
from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.service import EVERY_VARIABLE
from imagine_hub.network import free_port
from imagine_hub.settings import Settings, read_settings
from imagine_hub.state import StateFolder

PASSWORD = "correct-horse-battery-staple"
TOKEN = "of-the-tests-only-0123456789"

SETTINGS = f"""
[state]
folder = "{{state}}"
[network]
port = {{port}}
[login]
users = ["anna", "bruno", "carla", "dora"]
[groups]
gpu = ["anna", "bruno", "dora"]
[servers]
notebooks = "{{notebooks}}"
warm_apps = 0
[usage]
enabled = false
[gpus]
uuids = ["{H100}"]
hold_minutes = 0.15
idle_minutes = 0.3
warning_minutes = 0.15
user_hours = 20
[[profiles]]
name = "small"
title = "Small"
words = "Look at samples, correct what was identified, write reports."
cpus = 1
memory_gb = 4
[[profiles]]
name = "large"
title = "Large <b>&"
words = "Identify whole cruises, train on frozen features."
cpus = 4
memory_gb = 16
[[profiles]]
name = "gpu"
title = "GPU"
words = "Fine-tune models and identify video."
cpus = 4
memory_gb = 32
gpus = 1
groups = ["gpu"]
"""

# Answers everything, so that a test need not wait for a whole server where it looks at the hub; dora has a real one.
SERVER = """
import http.server, os, urllib.parse

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here is the server")

port = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""

CONFIGURATION = f"""
import os, sys
sys.path.insert(0, {str(REPOSITORY / "hub")!r})
from pathlib import Path
from imagine_hub.configuration import configure
from imagine_hub.gpus import giving
from imagine_hub.network import with_free_ports
from imagine_hub.pages import configure_pages
from imagine_hub.services import configure_services
from imagine_hub.settings import read_settings
from imagine_hub.spawn_form import configure_profiles
from imagine_hub.spawners.local import LocalSpawner
from imagine_hub.spawners.sized import Sized

class SizedProcess(Sized, LocalSpawner):
    async def start(self):
        profile = self.take_profile()
        await self.take_gpus(profile)
        path = os.pathsep.join((str(Path(__file__).parent / "inside"), os.environ["PATH"]))
        self.environment = {{**self.environment, **self.size_environment(profile), "PATH": path}}
        if self.user.name != "dora":
            self.cmd = [sys.executable, str(Path(__file__).with_name("server.py"))]
        try:
            return await super().start()
        except BaseException:
            await self.leave_gpus()
            raise

    async def stop(self, now=False):
        await super().stop(now=now)
        # A process that is found ended has forgotten its state by now.
        await giving.release(self)

settings = with_free_ports(read_settings(Path(__file__).with_name("settings.toml")))
configure(c, settings, password={PASSWORD!r})
in_containers = settings.replace("servers", spawner="docker")
configure_pages(c, in_containers)
configure_profiles(c, in_containers)
configure_services(c, in_containers)
c.JupyterHub.services.append({{"name": "tests", "api_token": {TOKEN!r}}})
c.JupyterHub.load_roles.append({{"name": "tests", "scopes": ["admin:users", "admin:servers"], "services": ["tests"]}})
c.JupyterHub.spawner_class = SizedProcess
c.Sized.site = in_containers
"""


@dataclasses.dataclass
class GpuHub:
    """A running hub with GPUs.

    Attributes
    ----------
    settings : Settings
        With containers, as its pages see them.
    machine, inside : Machine
        What the hub sees of the driver, and what the servers see.
    """

    address: str
    settings: Settings
    machine: Machine
    inside: Machine
    allocator: Allocator
    log: Path

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the hub as an administrator's script does."""
        headers = {"Authorization": f"token {TOKEN}"}
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(method, f"{self.address}/hub/api/{path}", headers=headers, json=body)

    def options(self, user: str) -> Any:
        """What is kept as the last choice of a user."""
        return self.api("GET", f"users/{user}?include_stopped_servers=1").json()["servers"].get("", {}).get("user_options")

    def stop_all(self) -> None:
        """No server runs, nobody has a GPU, nobody waits."""
        for user in self.settings.login.users:
            self.api("DELETE", f"users/{user}/server")
            self.allocator.leave(user)
        until(lambda: not any(self.api("GET", f"users/{user}").json()["servers"] for user in self.settings.login.users))
        until(lambda: not self.allocator.holdings())


def until(true: Any, *, seconds: float = 60) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.2)


@contextmanager
def gpu_hub(folder: Path) -> Iterator[GpuHub]:
    """Start one, and end everything that belongs to it."""
    port = free_port()
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    file = folder / "settings.toml"
    file.write_text(SETTINGS.format(state=folder / "state", port=port, notebooks=notebooks), encoding="utf-8")
    (folder / "configuration.py").write_text(CONFIGURATION, encoding="utf-8")
    (folder / "server.py").write_text(SERVER, encoding="utf-8")
    settings = read_settings(file, {}).replace("servers", spawner="docker")
    state = StateFolder(settings.state.path)
    state.prepare()
    machine = Machine(folder / "driver")
    machine.compute({H100: "80"})
    inside = Machine(folder / "inside")
    environ = {
        **os.environ,
        "PATH": f"{machine.folder}{os.pathsep}{os.environ['PATH']}",
        EVERY_VARIABLE: "1",
        processes.RUN_VARIABLE: str(state.path),
    }
    with state.log.open("w") as log:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "configuration.py")]
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=state.path)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or _answers(address), seconds=120)
        assert process.poll() is None, state.log.read_text(encoding="utf-8")[-3000:]
        allocator = Allocator(f"sqlite:///{state.gpus}", settings.gpus)
        yield GpuHub(address, settings, machine, inside, allocator, state.log)
        allocator.close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        finally:
            processes.end_all(state.path)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/hub/health", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
