"""Machines of a swarm for tests: each is a private engine in a network of its own, so that nothing of this machine's network changes.

Overlay networks and published ports need the engine's own rules of the firewall; they are those of the machine's namespace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import engine as engines

# An address where nothing listens, so that a machine that looks for the image in its registry is refused at once.
IMAGE = f"127.0.0.1:1/{engines.IMAGE}"


@dataclass
class Machine:
    """One machine.

    Attributes
    ----------
    name : str
        Of the machine, and of its network namespace.
    folder : Path
        Everything that its engine keeps.
    """

    name: str
    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def client(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.address, version="auto")

    def lead(self, address: str) -> None:
        """Be the manager of a swarm; one is made if there is none."""
        client = self.client
        try:
            # An engine that takes long to join its own swarm says so, and goes on in the background.
            with contextlib.suppress(docker.errors.APIError):
                client.init_swarm(address)
            deadline = time.monotonic() + 60
            while not client.info()["Swarm"].get("ControlAvailable"):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the engine leads no swarm:\n{self.log()}")
                time.sleep(0.2)
        finally:
            client.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Make the network, start the engine in it, and give it the image."""
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        engine = (
            *("exec dockerd", f"--host={self.address}", f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec"),
            *(f"--pidfile={self.folder}/dockerd.pid", "--bridge=none"),
        )
        # A host name of its own tells the machines apart; `ip netns exec` would hide the control groups.
        command = ["nsenter", f"--net=/run/netns/{self.name}", "unshare", "--uts", "sh", "-c"]
        command.append(f"hostname {self.name} && {' '.join(engine)}")
        environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                self.client.ping()
                break
            if self._process.poll() is not None:
                raise RuntimeError(f"the engine did not come up:\n{self.log()}")
            time.sleep(0.1)
        repository, _, tag = IMAGE.rpartition(":")
        self.client.import_image_from_data(engines.skeleton(), repository=repository, tag=tag, changes=engines.image_changes())

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End every container, the engine, and the network."""
        with contextlib.suppress(Exception):
            client = self.client
            for service in client.services() if client.info()["Swarm"].get("ControlAvailable") else ():
                client.remove_service(service["ID"])
            for found in client.containers(all=True):
                with contextlib.suppress(docker.errors.APIError):
                    client.remove_container(found["Id"], force=True, v=True)
            client.leave_swarm(force=True)
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        # Namespaces of networks stay mounted.
        for place in sorted(mounted_below(self.folder), reverse=True):
            subprocess.run(["umount", "--lazy", place], check=False)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def mounted_below(folder: Path) -> list[str]:
    """What is mounted there."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return [place for line in lines if (place := line.split()[1]).startswith(f"{folder}/")]


def run(*command: str) -> str:
    """Run a program; what it said, if it ended well.

    Raises
    ------
    RuntimeError
        It did not.
    """
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def machines(*names: str) -> Iterator[list[Machine]]:
    """Machines that know nothing of each other yet; everything of them is gone afterwards.

    Parameters
    ----------
    *names : str
        Short, and different from those of other tests: a number of this process is added.
    """
    found: list[Machine] = []
    try:
        for name in names:
            # Sockets have short names.
            found.append(Machine(f"{name}-{os.getpid()}", Path(tempfile.mkdtemp(prefix="swarm-"))))
            found[-1].start()
        yield found
    finally:
        for machine in reversed(found):
            machine.stop()
