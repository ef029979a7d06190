"""A hub in a container and a swarm of two real machines: from the form to a server on the other machine, and what becomes of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import engine as engines
import hub_running as running
import pytest
from imagine_hub.spawners import service
from swarm_machine import IMAGE, Machine, machines, run
from visitor import Visitor

pytestmark = pytest.mark.slow

# Set aside for trials between networks; the host reaches the first machine, and the machines reach each other.
FIRST, SECOND, HOST, FIRST_FOR_HOST = "198.18.0.1", "198.18.0.2", "198.18.0.5", "198.18.0.6"
PORT = 8000
SETTINGS = """
[[profiles]]
name = "small"
title = "Small"
cpus = 0.8
memory_gb = 0.7
"""


@dataclass
class Swarm:
    """Two machines, the first of which leads and has the hub's container."""

    first: Machine
    second: Machine
    folder: Path
    hub: running.Hub

    @property
    def leader(self) -> docker.APIClient:
        return self.first.client

    def tasks(self) -> list[dict[str, Any]]:
        """What runs."""
        return [task for task in self.leader.tasks() if service.is_on_a_machine(task)]

    def inside(self, user: str, program: str) -> str:
        """Run a Python program in the server of a user on the second machine."""
        client = self.second.client
        (found,) = client.containers(filters={"label": f"imagine.user={user}"})
        job = client.exec_create(found["Id"], ["python", "-c", program])
        said: bytes = client.exec_start(job["Id"])
        assert client.exec_inspect(job["Id"])["ExitCode"] == 0, said
        return said.decode()

    def link(self, state: str) -> None:
        """Connect the machines, or cut them off from each other."""
        run("ip", "-n", self.second.name, "link", "set", "swarm0", state)


def connect(first: Machine, second: Machine) -> None:
    """Lay the cables, and make one swarm of the two."""
    run("ip", "link", "add", "swarm0", "netns", first.name, "type", "veth", "peer", "name", "swarm0", "netns", second.name)
    # The name of a link on the host must be short, and free.
    run("ip", "link", "add", f"im{os.getpid()}", "type", "veth", "peer", "name", "host0", "netns", first.name)
    run("ip", "-n", first.name, "address", "add", f"{FIRST}/30", "dev", "swarm0")
    run("ip", "-n", second.name, "address", "add", f"{SECOND}/30", "dev", "swarm0")
    run("ip", "-n", first.name, "address", "add", f"{FIRST_FOR_HOST}/30", "dev", "host0")
    run("ip", "address", "add", f"{HOST}/30", "dev", f"im{os.getpid()}")
    for machine, link in ((first, "swarm0"), (second, "swarm0"), (first, "host0")):
        run("ip", "-n", machine.name, "link", "set", link, "up")
    run("ip", "link", "set", f"im{os.getpid()}", "up")
    run("docker", "--host", first.address, "swarm", "init", "--advertise-addr", FIRST)
    token = run("docker", "--host", first.address, "swarm", "join-token", "--quiet", "worker")
    run("docker", "--host", second.address, "swarm", "join", "--token", token, f"{FIRST}:2377")
    takes_servers(first, "no")


def takes_servers(first: Machine, word: str) -> None:
    """Label the first machine, so that servers are kept off it or not."""
    run("docker", "--host", first.address, "node", "update", "--label-add", f"imagine.servers={word}", first.name)


def hub_container(first: Machine, folder: Path) -> running.Hub:
    """Start the hub as the documentation says: in a container with a port, the engine's socket, its state and the shared homes."""
    (folder / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "site").mkdir()
    site = running.small_site(folder / "site")
    mounts = engines.Engine(Path(), "").mounts(folder / "site" / "notebooks")
    for name in ("state", "homes"):
        (folder / name).mkdir()
        os.chown(folder / name, 1000, 100)
    values = {
        **site,
        "IMAGINE_HUB_SERVERS_SPAWNER": "swarm",
        "IMAGINE_HUB_SERVERS_WARM_APPS": "0",
        "IMAGINE_HUB_NETWORK_ADDRESS": "0.0.0.0",
        "IMAGINE_HUB_NETWORK_PUBLIC_URL": f"http://{FIRST_FOR_HOST}:{PORT}",
        "IMAGINE_HUB_NETWORK_HUB_ADDRESS": "0.0.0.0",
        "IMAGINE_HUB_NETWORK_HUB_NAME": "hub",
        "IMAGINE_HUB_CONTAINERS_IMAGE": IMAGE,
        "IMAGINE_HUB_CONTAINERS_NETWORK": "imagine-servers",
        "IMAGINE_HUB_CONTAINERS_SUBNET": "172.30.0.0/20",
        "IMAGINE_HUB_CONTAINERS_HOMES": str(folder / "homes"),
        "IMAGINE_HUB_CONTAINERS_READ_ONLY_MOUNTS": ",".join(mounts),
    }
    socket = first.folder / "docker.sock"
    run("docker", "--host", first.address, "network", "create", "outside")
    command = [
        *("docker", "--host", first.address, "run", "--name", "hub", "--network", "outside", "--publish", f"{PORT}:{PORT}"),
        *("--user", "1000:100", "--group-add", str(socket.stat().st_gid), "--volume", f"{socket}:/var/run/docker.sock"),
        *("--volume", f"{folder}:{folder}"),
        *(part for mount in mounts for part in ("--volume", f"{mount}:ro")),
        *(part for name, value in values.items() for part in ("--env", f"{name}={value}")),
        *(IMAGE, "python", f"{running.REPOSITORY}/hub/run.py", f"--port={PORT}"),
        *(f"--state={folder}/state", f"--settings={folder}/settings.toml"),
    ]
    return hub_of(command, folder)


def hub_of(command: list[str], folder: Path) -> running.Hub:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
    hub = running.Hub(folder / "state", PORT, process)
    hub.wait_until_up()
    return hub


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swarm]:
    folder = tmp_path_factory.mktemp("swarm")
    # The hub in its container is not root.
    folder.chmod(0o755)
    with machines("first", "second") as (first, second):
        connect(first, second)
        both = Swarm(first, second, folder, hub_container(first, folder))
        yield both
        with contextlib.suppress(docker.errors.APIError):
            first.client.stop("hub", timeout=30)
        both.hub.process.wait(timeout=60)


def until(true: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


# What a server reaches from the other machine.
REACHES = """
import json, socket

def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False

print(json.dumps([place for place in PLACES if reaches(*place)]))
"""


def test_a_server_lives_on_the_other_machine(swarm: Swarm) -> None:
    with Visitor(swarm.hub.address, "scientist") as scientist:
        scientist.log_in(swarm.hub.password)
        seconds = scientist.start("small")
        print(f"a server on the other machine could be used after {seconds:.1f} s")
        (task,) = swarm.tasks()
        assert swarm.leader.inspect_node(task["NodeID"])["Description"]["Hostname"] == swarm.second.name
        assert scientist.http.get(f"{scientist.base}/api/status").status_code == 200
        kernel = scientist.kernel()
        assert scientist.run(kernel, "count = 41\nopen('/home/jovyan/result.txt', 'w').write('counted')") == ""
        assert (swarm.folder / "homes" / "scientist" / "result.txt").read_text(encoding="utf-8") == "counted"

        # It reaches the hub, and neither a machine of the swarm nor anything beyond.
        ports = json.loads((swarm.folder / "state" / "ports.json").read_text(encoding="utf-8"))
        places = [("hub", ports["hub_port"]), ("hub", ports["proxy_port"]), (FIRST, 2377), (SECOND, 7946), ("1.1.1.1", 53)]
        said = swarm.inside("scientist", f"PLACES = {places!r}\n{REACHES}")
        assert json.loads(said) == [["hub", ports["hub_port"]]]

        # The hub's container is killed, with its proxy, and started again: it finds the service and everything in it.
        swarm.leader.kill("hub", signal=signal.SIGKILL)
        swarm.hub.process.wait(timeout=30)
        swarm.hub = hub_of(["docker", "--host", swarm.first.address, "start", "--attach", "hub"], swarm.folder)
        assert scientist.api("GET", "users/scientist").json()["servers"][""]["ready"] is True
        assert [found["ID"] for found in swarm.tasks()] == [task["ID"]]
        assert scientist.run(kernel, "print(count + 1)") == "42"

        scientist.stop()
        assert swarm.leader.services() == []
        assert swarm.tasks() == []
        until(lambda: not swarm.second.client.containers(), "the container of the server goes on")

        # What lay at home is there the next time.
        scientist.start("small")
        assert scientist.call("GET", "contents/result.txt").json()["content"] == "counted"
        scientist.stop()


def test_the_hub_checks_itself(swarm: Swarm) -> None:
    client = swarm.leader
    job = client.exec_create(
        "hub", ["python", "-m", "imagine_hub.care", "check", "--json", f"--settings={swarm.folder}/settings.toml"]
    )
    said, _ = client.exec_start(job["Id"], demux=True)
    found = json.loads(said)
    seen = {finding["name"]: finding for finding in found["findings"]}
    print(json.dumps(seen, indent=1))
    for name in ("settings for a swarm", "homes of all machines", "network of the servers", "images"):
        assert seen[name]["state"] == "ok", seen[name]
    assert f"{swarm.second.name}: ready" in seen["machines of the swarm"]["seen"]


def test_a_machine_that_is_cut_off_may_still_write_in_a_home(swarm: Swarm) -> None:
    with Visitor(swarm.hub.address, "scientist") as scientist:
        scientist.log_in(swarm.hub.password)
        scientist.start("small")
        try:
            swarm.link("down")
            # The swarm gives the machine up, and the hub the server; its container does not know.
            until(lambda: not scientist.api("GET", "users/scientist").json()["servers"], "the hub has not noticed", seconds=120)
            assert swarm.second.client.containers(filters={"label": "imagine.user=scientist"})
            takes_servers(swarm.first, "yes")
            answer = scientist.ask_for("small")
            until(
                lambda: (
                    f"has not ended on the machine {swarm.second.name}" in scientist.http.get("/hub/spawn-pending/scientist").text
                ),
                answer.text,
                seconds=90,
            )
            assert swarm.leader.services() == []
        finally:
            swarm.link("up")
        # Once the machine is back it ends the server, and another one may start.
        until(lambda: not swarm.second.client.containers(filters={"label": "imagine.user=scientist"}), "it goes on", seconds=120)
        scientist.start("small")
        scientist.stop()
