"""A private PostgreSQL for tests: its own folder, a port on 127.0.0.1, a password."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagine_hub.network import free_port

# Debian keeps the programs of the server out of the way.
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@dataclass(frozen=True)
class Database:
    """Where it listens, and what opens it."""

    port: int
    password: str

    @property
    def url(self) -> str:
        return f"postgresql+pg8000://hub:{self.password}@127.0.0.1:{self.port}/hub"


@contextlib.contextmanager
def running() -> Iterator[Database]:
    """Make it, start it, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    database = Database(free_port(), secrets.token_urlsafe(18))
    account = _account(folder)
    server: subprocess.Popen[bytes] | None = None
    try:
        word = folder / "password"
        word.write_text(database.password, encoding="ascii")
        if account:
            shutil.chown(word, account["user"])
        made = [
            _program("initdb"),
            "--auth=scram-sha-256",
            "--username=hub",
            f"--pwfile={word}",
            "--no-sync",
            f"--pgdata={folder}/data",
        ]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **account)
        options = {"listen_addresses": "127.0.0.1", "port": database.port, "unix_socket_directories": folder, "fsync": "off"}
        words = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [_program("postgres"), "-D", f"{folder}/data", *words],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                **account,
            )
        _make_database(database, folder / "log", server)
        yield database
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def query(database: Database, words: str, name: str = "hub") -> list[Any]:
    """The rows that a statement gives."""
    import pg8000.dbapi

    connection = pg8000.dbapi.connect("hub", host="127.0.0.1", port=database.port, database=name, password=database.password)
    try:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(words)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def _make_database(database: Database, log: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            query(database, "CREATE DATABASE hub", "postgres")
        except Exception:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not come up:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)
        else:
            return


def _account(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as the account that its package has made."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([*map(str, DEBIAN), os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise RuntimeError(f"There is no {name}: apt-get install -y --no-install-recommends postgresql")
    return found
