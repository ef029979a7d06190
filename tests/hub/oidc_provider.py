"""A real OpenID Connect provider for the tests: ``oidc-provider`` from npm, which is certified, run with the Node of this environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagine_hub.network import free_port

FOLDER = Path(__file__).parent / "oidc"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Institution:
    """A provider that runs.

    Attributes
    ----------
    issuer : str
    file : Path
        JSON with the client and the people, read at every login.
    """

    issuer: str
    file: Path

    def know(self, sub: str, **claims: Any) -> None:
        """Say of somebody what the claims say from now on."""
        content = json.loads(self.file.read_text(encoding="utf-8"))
        content["people"][sub] = claims
        self.file.write_text(json.dumps(content), encoding="utf-8")


@contextmanager
def provider(folder: Path, *, callback: str, client_id: str, secret: str) -> Iterator[Institution]:
    """Run a provider that has one client."""
    installed = FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run([BIN / "npm", "ci", "--silent"], cwd=FOLDER, env=environ, check=True)
    file = folder / "provider.json"
    client = {"client_id": client_id, "client_secret": secret, "redirect_uris": [callback]}
    file.write_text(json.dumps({"client": client, "people": {}}), encoding="utf-8")
    port = free_port()
    # The command is a wrapper that starts Node: both are ended together.
    process = subprocess.Popen(
        [BIN / "node", "provider.js", str(port), file],
        cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield Institution(f"http://127.0.0.1:{port}", file)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
