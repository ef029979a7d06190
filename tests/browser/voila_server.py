"""A Jupyter server with Voilà as its extension, as the hub starts one for each person."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests"
SERVER = [
    "--allow-root",
    "--no-browser",
    "--ServerApp.port_retries=0",
    f"--IdentityProvider.token={TOKEN}",
    "--VoilaConfiguration.template=imagine",
    "--VoilaConfiguration.strip_sources=True",
    # Pictures and files travel as widget messages, which the limits made for runaway printing would drop.
    "--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1e9",
    "--ZMQChannelsWebsocketConnection.iopub_msg_rate_limit=1e5",
]


SPARE_KERNELS = ["--ServerApp.kernel_manager_class=imagine_kernels.apps.pool.WarmKernels", "--WarmKernels.folders=zooscan"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A Jupyter server with Voilà as its extension, as the hub starts one for each person."""

    def __init__(self, home: Path, *, spare_kernels: bool = True, **environment: str) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        surroundings = {
            **os.environ,
            "IMAGINE_HOME": str(home),
            "HOME": str(home),
            "JUPYTER_PATH": str(ROOT / "imagine_kernels" / "apps"),
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self.log = home / f"server-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("jupyter-server")),
                    f"--ServerApp.port={self.port}",
                    f"--ServerApp.root_dir={ROOT / 'notebooks'}",
                    *SERVER,
                    *(SPARE_KERNELS if spare_kernels else []),
                ],
                env=surroundings,
                stdout=log,
                stderr=log,
                cwd=home,
            )
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.origin}/api?token={TOKEN}", timeout=5)
                return
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"The server did not start: {self.log.read_text()[-2000:]}") from None
                time.sleep(0.3)

    def address(self, notebook: str = "zooscan/identify.ipynb") -> str:
        return f"{self.origin}/voila/render/{notebook}?token={TOKEN}"

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
