"""A real hub with real containers: limits that hold, walls that stand, files that stay, and a hub that may die."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import engine as engines
import hub_running as running
from chromium import Watch
from container_hub import inside, record
from playwright.sync_api import Browser, expect
from visitor import Visitor

CAPABILITIES = "0000000000000000"


def test_from_the_form_to_files_that_stay(containers: running.Hub, engine: engines.Engine, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    watch = Watch(page, containers.address)
    page.goto(containers.address)
    page.fill("#username_input", "scientist")
    page.fill("#password_input", containers.password)
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    page.get_by_role("link", name="All files (JupyterLab)").click()

    # Two sizes, in the user's words; the larger one is for her group.
    expect(page.get_by_text("Identify whole cruises.")).to_be_visible()
    page.get_by_text("Large", exact=True).click()
    page.get_by_role("button", name=re.compile("start", re.IGNORECASE)).click()
    page.wait_for_url("**/user/scientist/lab**", timeout=60_000)
    expect(page.get_by_text("zooscan").first).to_be_visible(timeout=60_000)

    made = record(engine, "scientist")
    limits = made["HostConfig"]
    assert limits["Memory"] == limits["MemorySwap"] == 1_200_000_000
    assert (limits["CpuQuota"], limits["CpuPeriod"]) == (150_000, 100_000)
    assert limits["PidsLimit"] == 200
    assert limits["ShmSize"] == 256 * 1024 * 1024
    assert limits["CapDrop"] == ["ALL"]
    assert limits["CapAdd"] is None
    assert limits["SecurityOpt"] == ["no-new-privileges:true"]
    assert limits["IpcMode"] == "private"
    assert limits["ReadonlyRootfs"] is True
    assert limits["Privileged"] is False
    assert limits["DeviceRequests"] is None
    assert made["Config"]["User"] == "1000:100"
    assert made["Config"]["Labels"]["imagine.profile"] == "large"
    assert not [bind for bind in limits["Binds"] if "docker.sock" in bind or "jupyterhub.sqlite" in bind]

    # An app works in it, and what is written at home is there after a restart.
    page.goto(f"{containers.address}/user/scientist/voila/render/zooscan/identify.ipynb")
    page.get_by_role("button", name="Measure").click(timeout=60_000)
    expect(page.get_by_text("measured 42")).to_be_visible(timeout=30_000)
    assert inside(engine, "scientist", "sh", "-c", "echo counted > /home/jovyan/result.txt")[0] == 0
    page.goto(f"{containers.address}/hub/home")
    page.get_by_role("button", name="Stop server").click()
    expect(page.get_by_text("Your server is not running")).to_be_visible(timeout=30_000)
    context.close()
    watch.assert_clean()
    with Visitor(containers.address, "scientist") as scientist:
        scientist.log_in(containers.password)
        scientist.start("small")
        assert scientist.call("GET", "contents/result.txt").json()["content"] == "counted\n"
    assert record(engine, "scientist")["Id"] != made["Id"]
    assert record(engine, "scientist")["HostConfig"]["Memory"] == 700_000_000


# One program that looks at its own walls; each value is what it found.
WALLS = r"""
import json, os, pathlib, socket

def status(name):
    return next(l.split()[1] for l in open("/proc/self/status") if l.startswith(name + ":"))

def writes(path):
    try:
        pathlib.Path(path, "probe").write_text("x")
        return True
    except OSError:
        return False

def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=1.5).close()
        return True
    except OSError:
        return False

print(json.dumps({
    "uid": os.getuid(),
    "capabilities": [status(n) for n in ("CapEff", "CapPrm", "CapBnd", "CapAmb")],
    "no_new_privileges": status("NoNewPrivs"),
    "seccomp": status("Seccomp"),
    "writes": {p: writes(p) for p in ("/", "/etc", "/usr", "/data", "/models", "/groups/plankton", "/tmp", "/home/jovyan", "/usage")},
    "sees": {p: os.path.exists(p) for p in ("/data/scan.txt", "/groups/plankton", "/groups/others", "/var/run/docker.sock", STATE)},
    "reaches": {
        f"{h}:{p}": reaches(h, p)
        for h, p in (
            ("169.254.169.254", 80), ("1.1.1.1", 53), (HUB, HUB_PORT), (HUB, PROXY_PORT), ("127.0.0.1", PROXY_PORT)
        )
    },
    "hidden": sorted(os.listdir("/groups")),
}))
"""


def test_the_walls_of_a_container(containers: running.Hub, engine: engines.Engine) -> None:
    with Visitor(containers.address, "scientist") as scientist:
        scientist.log_in(containers.password)
        scientist.start("small")
    ports = json.loads((containers.state / "ports.json").read_text(encoding="utf-8"))
    (pool,) = engine.client.inspect_network(engines.NETWORK)["IPAM"]["Config"]
    gateway = pool["Gateway"]
    program = f"STATE, HUB, HUB_PORT, PROXY_PORT = {str(containers.state)!r}, {gateway!r}, {ports['hub_port']}, {ports['proxy_port']}\n{WALLS}"
    code, said = inside(engine, "scientist", "python", "-c", program)
    assert code == 0, said
    found = json.loads(said)
    assert found["uid"] == 1000
    assert found["capabilities"] == [CAPABILITIES] * 4
    assert found["no_new_privileges"] == "1"
    assert found["seccomp"] == "2"
    assert {path for path, can in found["writes"].items() if can} == {"/groups/plankton", "/tmp", "/home/jovyan", "/usage"}
    assert {path for path, there in found["sees"].items() if there} == {"/data/scan.txt", "/groups/plankton"}
    assert found["hidden"] == ["plankton"]
    # The hub's address for servers, and nothing else: no metadata, no internet, not the proxy's routes.
    assert [place for place, can in found["reaches"].items() if can] == [f"{gateway}:{ports['hub_port']}"]


FORK_BOMB = """
import os, time
n = 0
try:
    while n < 400:
        if os.fork() == 0:
            time.sleep(3)
            os._exit(0)
        n += 1
except OSError:
    pass
print(n)
"""


def test_a_memory_hog_and_a_fork_bomb_are_stopped_and_nobody_else(containers: running.Hub, engine: engines.Engine) -> None:
    with Visitor(containers.address, "scientist") as scientist, Visitor(containers.address, "colleague") as colleague:
        for person in (scientist, colleague):
            person.log_in(containers.password)
            person.start("small")
        pid = record(engine, "colleague")["State"]["Pid"]
        assert scientist.run(kernel := scientist.kernel(), "x = bytearray(3_000_000_000); print(len(x))") == "dead"
        code, said = inside(engine, "scientist", "python", "-c", FORK_BOMB)
        assert code == 0
        assert 0 < int(said) < 200
        # The server itself goes on, and so does the colleague's.
        assert scientist.http.get(f"{scientist.base}/api/status").status_code == 200
        assert scientist.call("GET", f"kernels/{kernel}").status_code in (200, 404)
        assert record(engine, "colleague")["State"]["Pid"] == pid
        assert colleague.run(colleague.kernel(), "print(6 * 7)") == "42"


def test_a_hub_that_is_killed_is_up_again_and_no_server_notices(containers: running.Hub, engine: engines.Engine) -> None:
    with Visitor(containers.address, "scientist") as scientist:
        scientist.log_in(containers.password)
        scientist.start("small")
        kernel = scientist.kernel()
        assert scientist.run(kernel, "count = 41") == ""
        before = record(engine, "scientist")
        # A socket that is open all the while: people work on while the hub is down.
        socket = scientist.socket(f"{scientist.base}/api/kernels/{kernel}/channels")
        (process,) = [
            process for process in running.marked(containers.state) if "jupyterhub_config.py" in " ".join(process.cmdline())
        ]
        os.kill(process.pid, signal.SIGKILL)
        assert scientist.http.get(f"{scientist.base}/api/kernels/{kernel}").status_code == 200
        deadline = time.monotonic() + 60
        while "The hub is up again." not in "".join(containers.printed):
            assert time.monotonic() < deadline, "".join(containers.printed)
            time.sleep(0.2)
        assert socket.connected
        socket.ping()
        socket.close()
        after = record(engine, "scientist")
        assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
        # Still logged in, the hub knows the server, and what was in memory is there.
        assert scientist.api("GET", "users/scientist").json()["servers"][""]["ready"] is True
        assert scientist.run(kernel, "print(count + 1)") == "42"


def test_a_server_that_vanished_is_said_to_be_stopped_and_starts_again(containers: running.Hub, engine: engines.Engine) -> None:
    with Visitor(containers.address, "colleague") as colleague:
        colleague.log_in(containers.password)
        colleague.start("small")
        engine.client.remove_container("imagine-colleague", force=True)
        deadline = time.monotonic() + 40
        while colleague.api("GET", "users/colleague").json()["servers"]:
            assert time.monotonic() < deadline, "the hub has not noticed"
            time.sleep(0.5)
        assert colleague.start("small") < 60
        assert record(engine, "colleague")["State"]["Running"] is True


def test_whatever_is_posted_only_the_size_counts(containers: running.Hub, engine: engines.Engine) -> None:
    with Visitor(containers.address, "colleague") as colleague:
        colleague.log_in(containers.password)
        if colleague.api("GET", "users/colleague").json().get("servers"):
            colleague.stop()
        hostile = {
            "profile": "small", "image": "evil:1", "cmd": ["sh"], "volumes": {"/": "/host"}, "mem_limit": "64G", "environment": {"A": "b"},
        }  # fmt: skip
        assert colleague.api("POST", "users/colleague/server", json={"user_options": hostile}).status_code in (201, 202)
        colleague.wait_until_ready()
        made = record(engine, "colleague")
        assert made["Config"]["Image"] == engines.IMAGE
        assert made["HostConfig"]["Memory"] == 700_000_000
        assert not [bind for bind in made["HostConfig"]["Binds"] if bind.startswith("/:") or bind.endswith(":/host")]
        assert "A=b" not in made["Config"]["Env"]
        colleague.stop()
        # A size for another group, and one that does not exist.
        for profile in ("large", "x" * 100_000, ["small"], {"$": 1}):
            answer = colleague.api("POST", "users/colleague/server", json={"user_options": {"profile": profile}})
            assert answer.status_code == 400, answer.text[:300]
            assert len(answer.text) < 2_000
        assert [c["Names"] for c in engine.client.containers(all=True) if "/imagine-colleague" in c["Names"]] == []
