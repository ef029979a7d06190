"""Servers as services of a real swarm of one machine: what is refused, what the engine was asked for, and how an end is told."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import tarfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import engine as engines
import pytest
from gpu_machine import H100
from imagine_hub.care import backup
from imagine_hub.care.checks import cluster, engine
from imagine_hub.care.finding import State
from imagine_hub.errors import EngineError, SettingsError
from imagine_hub.gpus import machines as gpu_machines
from imagine_hub.gpus.giving import GpuRefused
from imagine_hub.gpus.inventory import Driver
from imagine_hub.settings import DEFAULT_FILE, Profile, Settings
from imagine_hub.spawners import configure_spawner, overlay, service, swarm
from imagine_hub.state import StateFolder
from imagine_hub.usage.lines import read_lines
from imagine_hub.usage.persons import Pseudonyms
from imagine_hub.usage.places import Accounting
from jupyterhub import orm
from jupyterhub.objects import Hub
from jupyterhub.spawner import SpawnException
from jupyterhub.user import User
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool
from swarm_machine import IMAGE, Machine, machines
from traitlets.config import Config

MEGABYTE = 1024 * 1024
SIZES = (
    Profile(name="small", title="Small", cpus=0.8, memory_gb=0.3),
    Profile(name="huge", title="Huge", cpus=1, memory_gb=100_000),
    Profile(name="gpu", title="GPU", cpus=1, memory_gb=0.3, gpus=1),
    Profile(name="absent", title="Absent", cpus=1, memory_gb=0.3, image="127.0.0.1:1/absent:1"),
)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with machines("one") as (one,):
        yield one


@pytest.fixture(scope="module")
def client(machine: Machine) -> Iterator[docker.APIClient]:
    client = machine.client
    yield client
    client.close()


@pytest.fixture(autouse=True)
def outside_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is no container in the network of the servers: it asks where nobody listens, and not into the blue."""

    async def nobody(spawner: swarm.ServiceSpawner) -> tuple[str, int]:
        return "127.0.0.1", 1

    monkeypatch.setattr(swarm.ServiceSpawner, "get_ip_and_port", nobody)


@pytest.fixture
def settings(machine: Machine, tmp_path: Path) -> Settings:
    state = StateFolder(tmp_path / "state")
    state.prepare()
    homes = tmp_path / "homes"
    homes.mkdir()
    mounts = engines.Engine(Path(), "").mounts(tmp_path)
    return (
        Settings(profiles=SIZES)
        .replace("state", folder=str(state.path))
        .replace("servers", spawner="swarm")
        .replace("network", hub_address="0.0.0.0", hub_name="hub", hub_port=8081)
        .replace("containers", engine=machine.address, image=IMAGE, gpu_image=IMAGE, network="servers", subnet="10.77.0.0/24")
        .replace("containers", homes=str(homes), read_only_mounts=tuple(mounts), processes=200)
        .replace("containers", shared_memory_mb=64, temporary_mb=96)
    )


@pytest.fixture
def led(settings: Settings, machine: Machine) -> Settings:
    """The same, with an engine that leads a swarm and has the network of the servers."""
    machine.lead("127.0.0.1")
    overlay.ensure_overlay(settings)
    return settings


Make = Callable[..., swarm.ServiceSpawner]


@contextlib.asynccontextmanager
async def people(settings: Settings) -> AsyncIterator[Make]:
    """Spawners of people in a database; nothing that they started is left."""
    database = create_engine("sqlite://", poolclass=StaticPool)
    orm.Base.metadata.create_all(database)
    hub = Hub(public_host="", base_url="/hub/", ip="0.0.0.0", port=8081, connect_ip="hub")
    with Session(database) as session:

        def make(name: str = "ada", *, command: tuple[str, ...] = ("sleep", "60"), size: str = "small", **keywords: Any) -> Any:
            c = Config()
            configure_spawner(c, settings)
            c.Spawner.cmd = list(command)
            record = session.query(orm.User).filter_by(name=name).one_or_none() or orm.User(name=name)
            session.add(record)
            session.commit()
            user = User(record, {"config": c, "spawner_class": swarm.ServiceSpawner, "hub": hub, "base_url": "/"}, db=session)
            spawner = user.spawners[""]
            # One client for all spawners of a hub; here each test has an engine of its own.
            type(spawner)._client = None
            spawner.api_token = "made-for-this-start"
            spawner.user_options = {"profile": size}
            return spawner

        yield make


@contextlib.asynccontextmanager
async def starting(spawner: swarm.ServiceSpawner) -> AsyncIterator[dict[str, Any]]:
    """Start and wait until the task runs; this process is not in the network, so the start itself goes on asking."""
    start = asyncio.create_task(spawner.start())
    try:
        deadline = time.monotonic() + 30
        while (task := await spawner._task()) is None or service.state_of(task) != service.RUNNING:
            assert time.monotonic() < deadline, task
            if start.done():
                start.result()
            await asyncio.sleep(0.1)
        yield dict(task)
    finally:
        start.cancel()
        with contextlib.suppress(asyncio.CancelledError, SpawnException):
            await start


def left_over(client: docker.APIClient) -> list[str]:
    return [found["Spec"]["Name"] for found in client.services()]


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        ("network", {"hub_name": ""}, r"set network\.hub_address to \"0\.0\.0\.0\" and network\.hub_name to the name"),
        ("network", {"hub_address": "127.0.0.1"}, r"the hub runs in a container in the network of the servers"),
        ("network", {"hub_name": "imagine-hub"}, r"the server of a person can get that name"),
        ("containers", {"homes": ""}, r"containers\.homes is empty.*must name a folder that every machine has"),
        ("containers", {"image": "imagine-cpu:0.1.0"}, r"imagine-cpu:0\.1\.0 has no registry in its name"),
        ("containers", {"gpu_image": "imagine/gpu:0.1.0"}, r"imagine/gpu:0\.1\.0 has no registry in its name"),
    ],
)
def test_what_cannot_work_on_several_machines_is_refused(
    settings: Settings, section: str, values: dict[str, str], words: str
) -> None:
    wrong = settings.replace(section, **values)
    with pytest.raises(SettingsError, match=words):
        configure_spawner(Config(), wrong)
    with pytest.raises(SettingsError, match=words):
        overlay.ensure_overlay(wrong)
    found = cluster.fit_for_a_swarm(wrong)
    assert found is not None
    assert found.state is State.PROBLEM
    assert re.search(words, f"{found.seen}: {found.remedy[0].lower()}{found.remedy[1:]}")


def test_two_gpus_could_lie_in_different_machines(settings: Settings) -> None:
    wrong = dataclasses.replace(settings, profiles=(Profile(name="two", title="Two", gpus=2),))
    with pytest.raises(SettingsError, match=r"The profile two has 2 GPUs, .* different machines: give it 1"):
        configure_spawner(Config(), wrong)


def test_lines_of_use_lie_with_the_homes(settings: Settings, tmp_path: Path) -> None:
    accounting = Accounting.from_json(Accounting.of(settings).as_json())
    folder = tmp_path / "homes" / ".usage" / "ada"
    folder.mkdir(parents=True)
    (folder / "2026-11.jsonl").write_text("what is no line\n", encoding="utf-8")
    pseudonyms = Pseudonyms.in_file(accounting.files.salt)
    assert read_lines(accounting.files, pseudonyms, ["2026-11"], frozenset(), time.time()).skipped == 1


def test_homes_are_backed_up_as_the_folder_that_they_are(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "homes" / "ada").mkdir()
    (tmp_path / "homes" / "ada" / "result.txt").write_text("counted", encoding="utf-8")
    chosen = backup.Choice(volumes=True)
    planned = backup.plan(settings, DEFAULT_FILE, chosen)
    done = backup.make(settings, DEFAULT_FILE, tmp_path / "b.tar", chosen, planned, lambda done, name: None)
    with tarfile.open(done.path) as archive:
        assert any(name.endswith("homes/ada/result.txt") for name in archive.getnames())


class TestTheSwarm:
    def test_an_engine_that_leads_none(self, settings: Settings, client: docker.APIClient) -> None:
        if client.info()["Swarm"].get("ControlAvailable"):
            client.leave_swarm(force=True)
        with pytest.raises(EngineError, match=r"leads no swarm: make it a manager \(docker swarm init\)"):
            overlay.ensure_overlay(settings)
        assert engine.earlier_servers(settings).seen == "none"
        assert gpu_machines.look(swarm=settings.containers.engine).driver is Driver.BROKEN

    def test_its_network_is_made_once_and_the_hub_is_put_into_it(self, led: Settings, client: docker.APIClient) -> None:
        made = client.inspect_network("servers")
        assert (made["Driver"], made["Attachable"], made["Internal"]) == ("overlay", True, True)
        assert made["IPAM"]["Config"][0]["Subnet"] == "10.77.0.0/24"
        host = client.create_host_config(network_mode="none", binds=[*led_mounts(led)])
        # An ordinary network of the engine is what a hub's container is in before.
        client.create_network("outside", driver="bridge", internal=True)
        host["NetworkMode"] = "outside"
        hub = client.create_container(IMAGE, ["sleep", "60"], name="hub", host_config=host)["Id"]
        try:
            client.start(hub)
            for _ in range(2):
                overlay.ensure_overlay(led)
                networks = client.inspect_container(hub)["NetworkSettings"]["Networks"]
                assert set(networks) == {"outside", "servers"}
                # The same at every start: servers that run on ask there.
                assert networks["servers"]["IPAddress"] == "10.77.0.254"
            assert client.inspect_network("servers")["Id"] == made["Id"]
            with pytest.raises(EngineError, match=r"'outside' is no attachable overlay network: remove it"):
                overlay.ensure_overlay(led.replace("containers", network="outside"))
        finally:
            client.remove_container(hub, force=True)
            client.remove_network("outside")

    def test_the_checks_see_its_machines(self, led: Settings, client: docker.APIClient, machine: Machine) -> None:
        nodes = cluster.nodes(led)
        assert nodes is not None
        assert f"{machine.name}: ready" in nodes.seen
        # What the engine of this release cannot pass on is said, with the remedy.
        release = int(client.version()["Version"].partition(".")[0])
        assert ("no-new-privileges cannot be asked for" in nodes.seen) is (release < 25)
        assert engine.network(led).state is State.FINE
        assert engine.images(led.replace("containers", image="127.0.0.1:1/none:1")).state is State.WARNING
        assert cluster.fit_for_a_swarm(led).state is State.FINE
        assert cluster.shared_homes(led).state is State.FINE
        gone = cluster.shared_homes(led.replace("containers", homes="/nowhere"))
        assert (gone.state, gone.seen) == (State.PROBLEM, "/nowhere is not there")
        found = cluster.labelled_gpus(led)
        assert (found.state, "promises a GPU" in found.seen) == (State.PROBLEM, True)


def led_mounts(settings: Settings) -> list[str]:
    return [f"{mount}:ro" for mount in settings.containers.read_only_mounts]


# What a server finds out about its own walls.
LOOK = r"""
grep -E '^(CapEff|CapBnd|Seccomp|Uid)' /proc/self/status | tr -s '\t' ' '
for place in / /usr /tmp /dev/shm /home/jovyan /usage; do touch $place/probe 2>/dev/null && echo writes $place; done
df -k --output=size,target /tmp /dev/shm | tail -n 2 | tr -s ' '
sleep 60
"""


class TestServices:
    def test_what_the_engine_was_asked_for(self, led: Settings, client: docker.APIClient) -> None:
        async def go() -> None:
            async with people(led) as make, starting(spawner := make(command=("sh", "-c", LOOK))) as task:
                made = client.inspect_service("imagine-ada")["Spec"]
                limits = made["TaskTemplate"]["Resources"]
                assert limits["Limits"] == {"NanoCPUs": 800_000_000, "MemoryBytes": 300_000_000, "Pids": 200}
                assert limits["Reservations"] == {"NanoCPUs": 200_000_000, "MemoryBytes": 300_000_000}
                spec = made["TaskTemplate"]["ContainerSpec"]
                assert (spec["Image"], spec["User"], spec["ReadOnly"]) == (IMAGE, "1000:100", True)
                assert spec["CapabilityDrop"] == ["ALL"]
                assert made["TaskTemplate"]["RestartPolicy"]["Condition"] == "none"
                assert made["EndpointSpec"] == {"Mode": "dnsrr"}
                assert made["TaskTemplate"]["Placement"]["Constraints"] == [service.NO_SERVERS]
                for labels in (made["Labels"], spec["Labels"]):
                    assert labels == {
                        "imagine.user": "ada", "imagine.server": "", "imagine.profile": "small", "imagine.state": str(led.state.path)
                    }  # fmt: skip
                assert "NVIDIA_VISIBLE_DEVICES=void" in spec["Env"]
                assert "OMP_NUM_THREADS=1" in spec["Env"]
                assert "JUPYTERHUB_API_TOKEN=made-for-this-start" in spec["Env"]
                by_place = {mount["Target"]: mount for mount in spec["Mounts"]}
                assert by_place["/home/jovyan"]["Source"] == f"{led.containers.homes}/ada"
                assert by_place["/usage"]["Source"] == f"{led.containers.homes}/.usage/ada"
                assert by_place["/dev/shm"]["TmpfsOptions"]["SizeBytes"] == 64 * MEGABYTE
                assert {mount["Type"] for mount in spec["Mounts"]} == {"bind", "tmpfs"}
                writable = {place for place, mount in by_place.items() if mount["Type"] == "bind" and not mount.get("ReadOnly")}
                assert writable == {"/home/jovyan", "/usage"}
                assert service.address_of(task, "servers").startswith("10.77.0.")
                assert service.address_of(task, "other") == ""
                # And what the container is held to.
                number = task["Status"]["ContainerStatus"]["ContainerID"]
                host = client.inspect_container(number)["HostConfig"]
                assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (300_000_000, 800_000_000, 200)
                assert (host["Privileged"], host["IpcMode"], host["CapAdd"]) == (False, "private", None)
                said = await until(lambda: client.logs(number).decode(), "/dev/shm")
                assert re.search(r"^Uid: 1000 1000 1000 1000$", said, re.MULTILINE)
                assert re.search(r"^CapEff: 0{16}$\n^CapBnd: 0{16}$\n^Seccomp: 2$", said, re.MULTILINE)
                assert re.findall(r"writes (\S+)", said) == ["/tmp", "/dev/shm", "/home/jovyan", "/usage"]
                assert re.findall(r"^ ?(\d+) (/\S+)$", said, re.MULTILINE) == [("98304", "/tmp"), ("65536", "/dev/shm")]

                # A hub that was killed meanwhile finds it again, and ends it: service, task and container.
                again = make()
                again.load_state(spawner.get_state())
                assert again.profile_name == "small"
                assert await again.poll() is None
                assert engine.earlier_servers(led).seen == "1, which the hub takes up again"
                await again.stop()
                assert left_over(client) == []
                assert all(service.has_ended(task) for task in client.tasks())
                assert client.inspect_container(number)["State"]["Running"] is False

        asyncio.run(go())

    def test_a_name_that_is_too_long_for_a_network(self, led: Settings) -> None:
        async def go() -> None:
            async with people(led) as make:
                names = {make(name).service_name for name in ("a-" * 15 + "a", "a-" * 15 + "b", "ada")}
                assert {len(name) for name in names} == {63, len("imagine-ada")}
                assert len(names) == 3

        asyncio.run(go())

    def test_no_machine_has_room(self, led: Settings, client: docker.APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(swarm, "ROOM_S", 1.0)

        async def go() -> None:
            async with people(led) as make:
                started = time.monotonic()
                with pytest.raises(SpawnException, match=r"No machine of the swarm has room for this size: take a smaller one"):
                    await make(size="huge").start()
                assert time.monotonic() - started < 10

        asyncio.run(go())
        assert left_over(client) == []

    def test_no_machine_takes_servers(self, led: Settings, client: docker.APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(swarm, "ROOM_S", 1.0)
        availability(client, "drain")

        async def go() -> None:
            async with people(led) as make:
                with pytest.raises(SpawnException, match=r"No machine of the swarm takes servers now"):
                    await make().start()

        try:
            asyncio.run(go())
            found = cluster.nodes(led)
            assert (found.state, "drain" in found.seen) == (State.PROBLEM, True)
        finally:
            availability(client, "active")
        assert left_over(client) == []

    @pytest.mark.parametrize(
        ("command", "size", "words"),
        [
            (("sh", "-c", "exit 3"), "small", r"\(exit code 3\)"),
            (("python", "-c", "x = bytearray(900_000_000)"), "small", r"\(it needed more memory than its size has\)"),
            (("sleep", "60"), "absent", r"its machine cannot get the image \(No such image: 127\.0\.0\.1:1/absent:1\)"),
        ],
    )
    def test_an_end_is_told_in_words_and_leaves_nothing(
        self, led: Settings, client: docker.APIClient, command: tuple[str, ...], size: str, words: str
    ) -> None:
        async def go() -> None:
            async with people(led) as make:
                with pytest.raises(SpawnException, match=words):
                    await make(command=command, size=size).start()

        asyncio.run(go())
        assert left_over(client) == []

    def test_a_folder_that_a_machine_does_not_have(self, led: Settings, client: docker.APIClient, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        with_models = led.replace("containers", models=str(tmp_path / "models"))

        async def go() -> None:
            async with people(with_models) as make:
                os.rmdir(tmp_path / "models")
                with pytest.raises(SpawnException, match=rf"a shared folder is not on its machine \({tmp_path}/models\)"):
                    await make().start()

        asyncio.run(go())
        assert left_over(client) == []

    def test_two_servers_never_write_in_one_home(
        self, led: Settings, client: docker.APIClient, monkeypatch: pytest.MonkeyPatch, machine: Machine
    ) -> None:
        monkeypatch.setattr(service, "GRACE_S", 2)
        stubborn = ("python", "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")

        async def go() -> None:
            async with people(led) as make, starting(make(command=stubborn)):
                # Somebody removes the service by hand; its task goes on until its time to end is over.
                client.remove_service("imagine-ada")
                monkeypatch.setattr(swarm, "END_S", 0.5)
                with pytest.raises(SpawnException, match=rf"has not ended on the machine {machine.name} and may still write"):
                    await make().start()
                assert left_over(client) == []
                # Another person is not held up.
                async with starting(make("bob")) as task:
                    assert task["DesiredState"] == "running"

        asyncio.run(go())
        assert left_over(client) == []


class TestGpus:
    def test_one_is_given_on_the_machine_that_has_it(self, led: Settings, client: docker.APIClient) -> None:
        node = client.nodes()[0]["ID"]

        async def go() -> None:
            async with people(led) as make, starting(make(size="gpu")) as task:
                made = client.inspect_service("imagine-ada")["Spec"]["TaskTemplate"]
                assert made["Placement"]["Constraints"] == [service.NO_SERVERS, f"node.id=={node}"]
                assert f"NVIDIA_VISIBLE_DEVICES={H100}" in made["ContainerSpec"]["Env"]
                assert task["NodeID"] == node
                with pytest.raises(GpuRefused, match=r"No GPU is free at the moment\. You are next"):
                    await make("bob", size="gpu").start()
                assert left_over(client) == ["imagine-ada"]

        label(client, f"{H100}, ")
        try:
            found = cluster.labelled_gpus(led)
            assert (found.state, H100 in found.seen) == (State.FINE, True)
            other = led.replace("gpus", uuids=("GPU-00000000",))
            assert cluster.labelled_gpus(other).state is State.PROBLEM
            assert gpu_machines.look(("GPU-00000000",), swarm=led.containers.engine).driver is Driver.EMPTY
            asyncio.run(go())
        finally:
            label(client, "")

    def test_no_machine_is_labelled(self, led: Settings, client: docker.APIClient) -> None:
        async def go() -> None:
            async with people(led) as make:
                with pytest.raises(GpuRefused, match=r"No machine of the swarm that takes servers is labelled with a GPU"):
                    await make(size="gpu").start()

        asyncio.run(go())
        assert left_over(client) == []


def availability(client: docker.APIClient, use: str) -> None:
    (node,) = client.nodes()
    client.update_node(node["ID"], node["Version"]["Index"], {**node["Spec"], "Availability": use})


def label(client: docker.APIClient, uuids: str) -> None:
    (node,) = client.nodes()
    client.update_node(node["ID"], node["Version"]["Index"], {**node["Spec"], "Labels": {gpu_machines.LABEL: uuids}})


async def until(ask: Callable[[], str], words: str) -> str:
    """Ask again until the words are in the answer."""
    deadline = time.monotonic() + 20
    while words not in (said := await asyncio.to_thread(ask)):
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.1)
    return said
