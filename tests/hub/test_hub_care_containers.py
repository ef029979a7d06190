"""The care of a hub of containers, with a real engine: what the checks see, and homes that are volumes."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import engine as private
import pytest
from imagine_hub.care import volumes
from imagine_hub.care.backup import Choice, make, plan
from imagine_hub.care.checks import cluster, engine, gpus
from imagine_hub.care.finding import State
from imagine_hub.care.restore import restore
from imagine_hub.errors import EngineError
from imagine_hub.settings import DEFAULT_FILE, Settings
from imagine_hub.spawners.engine import ensure_network
from imagine_hub.state import StateFolder


@pytest.fixture(scope="module")
def running() -> Iterator[private.Engine]:
    with private.running() as one:
        yield one


@pytest.fixture
def settings(running: private.Engine, tmp_path: Path) -> Settings:
    state = StateFolder(tmp_path / "state")
    state.prepare()
    return (
        Settings()
        .replace("state", folder=str(state.path))
        .replace("servers", spawner="docker")
        .replace(
            "containers",
            engine=running.address,
            image=private.IMAGE,
            gpu_image=private.IMAGE,
            network="care",
            subnet=running.subnet,
        )
    )


@pytest.fixture
def client(running: private.Engine) -> Iterator[docker.APIClient]:
    client = running.client
    yield client
    client.close()


class TestChecks:
    def test_an_engine_that_answers(self, settings: Settings) -> None:
        assert engine.answers(settings).state is State.FINE
        assert "version" in engine.answers(settings).seen
        assert engine.limits(settings).state in (State.FINE, State.WARNING)
        assert "system calls are filtered" in engine.limits(settings).seen
        assert engine.earlier_servers(settings).seen == "none"
        assert f"{private.IMAGE} (" in engine.images(settings).seen
        assert "disk of the engine" in engine.disk(settings).name

    def test_one_that_does_not(self, settings: Settings, tmp_path: Path) -> None:
        silent = settings.replace("containers", engine=f"unix://{tmp_path}/none.sock")
        found = engine.answers(silent)
        assert (found.state, "does not answer" in found.seen, "systemctl start docker" in found.remedy) == (
            State.PROBLEM,
            True,
            True,
        )
        # Said once.
        assert [
            check(silent) for check in (engine.limits, engine.network, engine.images, engine.disk, engine.earlier_servers)
        ] == [None] * 5

    def test_processes_ask_no_engine(self) -> None:
        assert [check(Settings()) for check in (engine.answers, engine.limits, engine.images, cluster.nodes, gpus.runtime)] == [
            None
        ] * 5

    def test_network(self, settings: Settings, client: docker.APIClient) -> None:
        assert "the first start makes it" in engine.network(settings).seen
        gateway = ensure_network(settings)
        try:
            assert engine.network(settings).seen == f"'care' with the gateway {gateway}"
            assert "the hub listens on" in engine.network(settings.replace("network", hub_address=gateway)).seen
            found = engine.network(settings.replace("network", hub_address="192.0.2.7"))
            assert (found.state, found.remedy) == (State.PROBLEM, f"Set network.hub_address to {gateway}.")
            assert engine.network(settings.replace("servers", spawner="swarm")).state is State.PROBLEM
        finally:
            client.remove_network("care")

    def test_an_image_that_is_missing(self, settings: Settings) -> None:
        found = engine.images(settings.replace("containers", image="imagine-cpu:9.9"))
        assert (found.state, found.seen) == (State.PROBLEM, "not on this machine: imagine-cpu:9.9")

    def test_containers_that_ended(self, settings: Settings, client: docker.APIClient) -> None:
        made = client.create_container(private.IMAGE, ["true"], labels={"imagine.state": str(settings.state.path)})["Id"]
        try:
            found = engine.earlier_servers(settings)
            assert (found.state, "and 1 that have ended" in found.seen) == (State.WARNING, True)
        finally:
            client.remove_container(made)

    def test_no_swarm_and_no_gpus(self, settings: Settings) -> None:
        found = cluster.nodes(settings.replace("servers", spawner="swarm"))
        assert (found.state, "leads no swarm" in found.seen) == (State.PROBLEM, True)
        found = gpus.runtime(settings)
        assert (found.state, "does not know NVIDIA's runtime" in found.seen) == (State.PROBLEM, True)


def filled(settings: Settings, client: docker.APIClient, name: str) -> dict[str, tuple[int, int, int, bytes]]:
    """A volume with files of a user in it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        folder = tarfile.TarInfo(volumes.PLACE)
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o700, 1000, 100
        archive.addfile(folder)
        for path, content in (("scan.bin", os.urandom(300_000)), ("é notes.txt", b"ten stations")):
            info = tarfile.TarInfo(f"{volumes.PLACE}/{path}")
            info.size, info.mode, info.uid, info.gid = len(content), 0o640, 1000, 100
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo(f"{volumes.PLACE}/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    data.seek(0)
    volumes.put(settings, client, name, data)
    return content_of(settings, client, name)


def content_of(settings: Settings, client: docker.APIClient, name: str) -> dict[str, tuple[int, int, int, bytes]]:
    data = io.BytesIO(b"".join(volumes.content(settings, client, name)))
    with tarfile.open(fileobj=data) as archive:
        return {
            info.name: (
                info.mode & 0o7777,
                info.uid,
                info.gid,
                archive.extractfile(info).read() if info.isreg() else info.linkname.encode(),
            )  # type: ignore[union-attr]
            for info in archive
        }


def test_volumes_come_back_as_they_were(settings: Settings, client: docker.APIClient, tmp_path: Path) -> None:
    expected = {name: filled(settings, client, name) for name in ("imagine-home-anna", "imagine-home-bruno")}
    assert expected["imagine-home-anna"]["volume/é notes.txt"] == (0o640, 1000, 100, b"ten stations")
    client.create_volume("of-somebody-else")
    chosen = Choice(volumes=True)
    done = make(settings, DEFAULT_FILE, tmp_path / "b.tar", chosen, plan(settings, DEFAULT_FILE, chosen), lambda done, name: None)
    assert done.notes == ()
    assert client.containers(all=True) == []

    def bring(into: str, *, with_volumes: bool = True) -> object:
        return restore(tmp_path / "b.tar", tmp_path / into, settings, with_volumes=with_volumes, progress=lambda done, name: None)

    with pytest.raises(EngineError, match="The volume imagine-home-anna is there already"):
        bring("again")
    assert not (tmp_path / "again").exists()
    for name in expected:
        client.remove_volume(name)
    bring("without", with_volumes=False)
    assert volumes.names(settings, client) == []
    assert bring("again").volumes == 2  # type: ignore[attr-defined]
    assert {name: content_of(settings, client, name) for name in volumes.names(settings, client)} == expected
    assert client.containers(all=True) == []


def test_homes_on_other_machines_are_not_claimed(settings: Settings, tmp_path: Path) -> None:
    chosen = Choice(volumes=True)
    swarm = settings.replace("servers", spawner="swarm")
    with pytest.raises(EngineError, match="homes lie where --volumes cannot see them"):
        make(swarm, DEFAULT_FILE, tmp_path / "b.tar", chosen, plan(swarm, DEFAULT_FILE, chosen), lambda done, name: None)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
