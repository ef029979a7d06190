"""A private container engine for tests, with an image that needs no registry.

The image holds nothing but links, three files of accounts and empty folders; what a server is made of (the system's programs, this
Python and its packages, the repository) is bound into it read-only. It is made in half a second and has the same versions as the hub.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "imagine-skeleton:1"
NETWORK = "imagine-test"
# Where an image has its notebooks; bound here.
NOTEBOOKS = "/opt/imagine/notebooks"
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\njovyan:x:1000:100:jovyan:/home/jovyan:/bin/sh\n",
    "etc/group": "root:x:0:\nusers:x:100:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass
class Engine:
    """One private engine.

    Attributes
    ----------
    folder : Path
        Everything that it keeps.
    address : str
        Its socket.
    subnet : str
        Addresses that its network may have.
    """

    folder: Path
    subnet: str
    program_path: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def client(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.address, version="auto")

    def start(self) -> None:
        command = [
            *("dockerd", f"--host={self.address}", f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec"),
            *(f"--pidfile={self.folder}/dockerd.pid", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
            *("--ip-masq=false", "--bridge=none", "--live-restore"),
        ]
        environment = {**os.environ, "PATH": f"{self.program_path}:{os.environ['PATH']}:/usr/sbin:/sbin"}
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                self.client.ping()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"the engine did not come up:\n{(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Remove every container, then the engine; what it mounted is unmounted."""
        with contextlib.suppress(Exception):
            client = self.client
            for found in client.containers(all=True):
                client.remove_container(found["Id"], force=True, v=True)
            for network in client.networks():
                if network["Driver"] == "bridge":
                    client.remove_network(network["Id"])
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_image(self) -> None:
        """Import the skeleton."""
        self.client.import_image_from_data(
            skeleton(),
            repository=IMAGE.partition(":")[0],
            tag=IMAGE.partition(":")[2],
            changes=image_changes(),
        )

    def mounts(self, notebooks: Path) -> list[str]:
        """What is bound into the skeleton, as ``containers.read_only_mounts`` wants it."""
        parts = {Path("/usr"), Path("/etc/ld.so.cache"), REPOSITORY, Path(sys.base_prefix), Path(sys.prefix)}
        # What lies below another one comes with it.
        kept = [part for part in parts if not any(other != part and part.is_relative_to(other) for other in parts)]
        return [*(f"{part}:{part}" for part in sorted(kept)), f"{notebooks}:{NOTEBOOKS}"]

    def settings(self) -> dict[str, str]:
        """Overrides of the settings for a hub that uses this engine."""
        return {
            "IMAGINE_HUB_SERVERS_SPAWNER": "docker",
            "IMAGINE_HUB_CONTAINERS_ENGINE": self.address,
            "IMAGINE_HUB_CONTAINERS_IMAGE": IMAGE,
            "IMAGINE_HUB_CONTAINERS_GPU_IMAGE": IMAGE,
            "IMAGINE_HUB_CONTAINERS_DESKTOP_IMAGE": IMAGE,
            "IMAGINE_HUB_CONTAINERS_NETWORK": NETWORK,
            "IMAGINE_HUB_CONTAINERS_SUBNET": self.subnet,
        }


def image_changes() -> list[str]:
    """What the skeleton starts with, as lines of a Dockerfile."""
    return [
        "USER jovyan",
        "WORKDIR /home/jovyan",
        # As in a real image: somebody has to take up processes that lost their parent.
        'ENTRYPOINT ["/usr/bin/docker-init", "--"]',
        f"ENV PATH={Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        f"ENV PYTHONPATH={REPOSITORY}/hub",
        f"ENV IMAGINE_NOTEBOOKS={NOTEBOOKS}",
    ]


def skeleton() -> bytes:
    """The image as a tar file."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:

        def folder(name: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            entry.uid, entry.gid = owner
            archive.addfile(entry)

        for name in ("bin", "sbin", "lib", "lib64"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            archive.addfile(entry)
        for name in ("etc", "usr", "home", "proc", "sys", "dev", "run", "var", "root"):
            folder(name)
        folder("tmp", 0o1777)
        folder("var/tmp", 0o1777)
        folder("home/jovyan", 0o700, (1000, 100))
        for name, text in ACCOUNTS.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def free_subnet() -> str:
    """Addresses that this machine does not use, out of those set aside for documentation."""
    used = {entry.address for entries in psutil.net_if_addrs().values() for entry in entries}
    blocks = (f"{start}.{part}/26" for start in ("198.51.100", "203.0.113") for part in (0, 64, 128, 192))
    for block in blocks:
        network = ipaddress.ip_network(block)
        if not any(address in used for address in map(str, network.hosts())):
            return block
    raise RuntimeError("all addresses set aside for tests are in use: remove the bridges that earlier tests left (ip link)")


@contextlib.contextmanager
def running(*, programs: Path | None = None) -> Iterator[Engine]:
    """A private engine with the skeleton image.

    Parameters
    ----------
    programs : Path, optional
        Folder of programs that it finds before the system's: a container runtime for GPUs, for example.
    """
    # Sockets have short names.
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    engine = Engine(folder, free_subnet(), str(programs or ""))
    try:
        engine.start()
        engine.make_image()
        yield engine
    finally:
        engine.stop()
