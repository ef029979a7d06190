"""``imagine-hub backup`` and ``restore``: of a real hub with somebody in it, and of files that are no backups."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hub_running as running
import pytest
from imagine_hub.care.archive import LIST, SEAL, BackupError, link_stays_inside
from imagine_hub.care.backup import Choice, make, plan
from imagine_hub.care.checks.database import database
from imagine_hub.care.databases import DatabaseError, open_postgresql
from imagine_hub.care.finding import State
from imagine_hub.care.restore import restore
from imagine_hub.errors import AlreadyRunning
from imagine_hub.network import free_port
from imagine_hub.settings import DEFAULT_FILE, REPOSITORY, Settings
from imagine_hub.state import StateFolder
from test_hub_login import log_in, start_server


def command(*arguments: str, state: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imagine_hub.care", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "hub"), "IMAGINE_HUB_STATE_FOLDER": str(state)},
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def tree(folder: Path) -> dict[str, tuple[str, int, str]]:
    """Kind, permissions and content of everything in a folder, by name; sockets and what SQLite keeps beside are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name, mode = path.relative_to(folder).as_posix(), path.lstat().st_mode & 0o777
        if path.is_symlink():
            found[name] = ("link", 0, os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder", mode, "")
        elif path.is_file() and not name.endswith(("-wal", "-shm", "-journal")):
            found[name] = ("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def rows(database: Path, table: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


def work(home: Path) -> None:
    """Files such as people leave, and some that are harder."""
    (home / "cruise 12" / "empty").mkdir(parents=True)
    (home / "cruise 12" / "tableau é ö.csv").write_text("taxon;n\nCopepoda;12\n", encoding="utf-8")
    (home / "cruise 12" / "scan.bin").write_bytes(os.urandom(3_000_000))
    (home / os.fsdecode(b"latin \xe9.txt")).write_bytes(b"not UTF-8")
    (home / "locked.txt").write_text("read only", encoding="utf-8")
    (home / "locked.txt").chmod(0o400)
    (home / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (home / "run.sh").chmod(0o755)
    (home / "latest").symlink_to("cruise 12/scan.bin")
    (home / "cruise 12" / "up").symlink_to("../run.sh")
    (home / "elsewhere").symlink_to("/etc/hostname")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        here = Path.cwd()
        os.chdir(home)
        listener.bind("s")
        os.chdir(here)


class Writer(threading.Thread):
    """Writes to a database without a pause: two tables that are equal after every transaction."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.end, self.rounds = path, threading.Event(), 0
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            for table in ("taken", "given"):
                connection.execute(f"CREATE TABLE {table} (n INTEGER, words TEXT)")
            connection.commit()

    def run(self) -> None:
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as connection:
            while not self.end.is_set():
                self.rounds += 1
                for table in ("taken", "given"):
                    connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (self.rounds, "x" * 500))
                connection.commit()
                time.sleep(0.002)


def test_a_hub_with_somebody_in_it_comes_back_as_it_was(tmp_path: Path, hub: running.Hub, site: dict[str, str]) -> None:
    state, target = hub.state, tmp_path / "b.tar"
    with httpx.Client(base_url=hub.address, timeout=60, trust_env=False) as client:
        log_in(client, "scientist", hub.password)
        start_server(client, "scientist")
        cookies = dict(client.cookies)
    home = state / "homes" / "scientist"
    work(home)
    writers = [Writer(state / "extra.sqlite"), Writer(home / "annotations.sqlite")]
    for writer in writers:
        writer.start()
    before = [writer.rounds for writer in writers]
    done = command("backup", str(target), state=state)
    after = [writer.rounds for writer in writers]
    for writer in writers:
        writer.end.set()
        writer.join()
    assert (done.returncode, done.stderr) == (0, "")
    assert all(later > earlier + 20 for earlier, later in zip(before, after, strict=True)), "nobody wrote meanwhile"
    assert "It holds secrets" in done.stdout
    assert "elsewhere is a link that leads elsewhere" in done.stdout
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]

    with pytest.raises(AlreadyRunning, match=f"already running at {re.escape(hub.address)}"):
        brought_back(target, state)
    secret, users = (state / "cookie_secret").read_bytes(), rows(state / "jupyterhub.sqlite", "users")
    expected = {name: what for name, what in tree(home).items() if name not in ("elsewhere", "annotations.sqlite")}

    into = tmp_path / "elsewhere" / "again"
    done = command("restore", str(target), "--into", str(into), "--json", state=tmp_path / "none")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["about"]["versions"]["jupyterhub"].startswith("6.")
    found = tree(into / "homes" / "scientist")
    del found["annotations.sqlite"]
    # The server that runs there writes its own files.
    own = (".local", ".jupyter", ".ipython", ".cache", ".ipynb_checkpoints")
    assert {name: what for name, what in found.items() if not name.startswith(own)} == {
        name: what for name, what in expected.items() if not name.startswith(own)
    }
    assert found["cruise 12/scan.bin"][0] == "file"
    for path in (into / "extra.sqlite", into / "homes" / "scientist" / "annotations.sqlite"):
        assert rows(path, "taken") == rows(path, "given")
        assert len(rows(path, "taken")) > 0
    assert (into / "cookie_secret").read_bytes() == secret
    assert [row[:2] for row in rows(into / "jupyterhub.sqlite", "users")] == [row[:2] for row in users]
    assert (into / "restored" / "settings.toml").read_bytes() == DEFAULT_FILE.read_bytes()
    assert into.stat().st_mode & 0o777 == 0o700
    assert not (into / "lock").exists()
    assert not (into / "hub.log").exists()

    with running.start(into, settings=site) as again:
        with httpx.Client(base_url=again.address, timeout=60, trust_env=False, cookies=cookies) as client:
            # Nobody was logged out.
            assert client.get("/hub/home").status_code == 200
            assert client.get("/hub/api/user").json()["name"] == "scientist"
        assert database(Settings().replace("state", folder=str(into))).state is State.FINE


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """A state folder with the least in it."""
    state = StateFolder(tmp_path / "state")
    state.prepare()
    with contextlib.closing(sqlite3.connect(state.database)) as connection:
        connection.execute("CREATE TABLE users (name TEXT)")
        connection.execute("INSERT INTO users VALUES ('anna')")
        connection.commit()
    (state.homes / "anna").mkdir(mode=0o700)
    (state.homes / "anna" / "notes.txt").write_text("ten stations", encoding="utf-8")
    return Settings().replace("state", folder=str(state.path))


def backed_up(settings: Settings, target: Path, **choice: bool) -> Any:
    chosen = Choice(**choice)
    return make(settings, DEFAULT_FILE, target, chosen, plan(settings, DEFAULT_FILE, chosen), lambda done, name: None)


def brought_back(source: Path, into: Path, settings: Settings | None = None) -> Any:
    return restore(source, into, settings or Settings(), with_volumes=False, progress=lambda done, name: None)


class TestBackup:
    def test_progress_reaches_the_end(self, small: Settings, tmp_path: Path) -> None:
        found = plan(small, DEFAULT_FILE, Choice())
        told: list[int] = []
        make(small, DEFAULT_FILE, tmp_path / "b.tar", Choice(), found, lambda done, name: told.append(done))
        assert told == sorted(told)
        assert told[-1] == found.size

    def test_nothing_is_overwritten(self, small: Settings, tmp_path: Path) -> None:
        (tmp_path / "b.tar").write_text("mine", encoding="utf-8")
        with pytest.raises(BackupError, match=r"b\.tar is there already, and no backup is overwritten"):
            backed_up(small, tmp_path / "b.tar")
        (tmp_path / "link.tar").symlink_to(tmp_path / "nowhere")
        with pytest.raises(BackupError, match=r"link\.tar is there already"):
            backed_up(small, tmp_path / "link.tar")
        assert (tmp_path / "b.tar").read_text(encoding="utf-8") == "mine"

    def test_not_into_itself(self, small: Settings) -> None:
        with pytest.raises(BackupError, match="lies in the state folder itself"):
            backed_up(small, small.state.path / "homes" / "b.tar")

    def test_no_hub_and_no_folder(self, small: Settings, tmp_path: Path) -> None:
        with pytest.raises(BackupError, match="There is no hub in"):
            plan(small.replace("state", folder=str(tmp_path / "none")), DEFAULT_FILE, Choice())
        with pytest.raises(BackupError, match="There is no folder"):
            backed_up(small, tmp_path / "none" / "b.tar")

    def test_without_homes(self, small: Settings, tmp_path: Path) -> None:
        backed_up(small, tmp_path / "b.tar", homes=False)
        brought_back(tmp_path / "b.tar", tmp_path / "again")
        assert not (tmp_path / "again" / "homes").exists()
        assert rows(tmp_path / "again" / "jupyterhub.sqlite", "users") == [("anna",)]

    def test_keys_of_the_settings_are_kept(self, small: Settings, tmp_path: Path) -> None:
        for name in ("tls.key", "tls.pem", "provider"):
            (tmp_path / name).write_text(name, encoding="utf-8")
            (tmp_path / name).chmod(0o600)
        settings = small.replace("network", tls_certificate=str(tmp_path / "tls.pem"), tls_key=str(tmp_path / "tls.key"))
        settings = settings.replace("oidc", client_secret_file=str(tmp_path / "provider"))
        backed_up(settings, tmp_path / "b.tar")
        brought_back(tmp_path / "b.tar", tmp_path / "again")
        keys = tmp_path / "again" / "restored" / "keys"
        assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == dict.fromkeys(
            ("tls.key", "tls.pem", "provider"), 0o600
        )
        # A backup of what was restored does not carry the keys of the backup before.
        again = Settings().replace("state", folder=str(tmp_path / "again"))
        assert not [item for item in plan(again, DEFAULT_FILE, Choice()).items if "keys" in item.name]

    def test_a_damaged_database_is_no_backup(self, small: Settings, tmp_path: Path) -> None:
        file = StateFolder(small.state.path).database
        file.write_bytes(file.read_bytes()[:2000] + os.urandom(9000))
        with pytest.raises(DatabaseError, match=r"cannot be copied|is damaged"):
            backed_up(small, tmp_path / "b.tar")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]

    def test_a_damaged_database_of_a_person_is_copied_as_it_is(self, small: Settings, tmp_path: Path) -> None:
        mine = small.state.path / "homes" / "anna" / "my.sqlite"
        mine.write_bytes(b"SQLite format 3\0" + b"\x07" * 5000)
        done = backed_up(small, tmp_path / "b.tar")
        assert "is copied as a plain file" in done.notes[0]
        brought_back(tmp_path / "b.tar", tmp_path / "again")
        assert (tmp_path / "again" / "homes" / "anna" / "my.sqlite").read_bytes() == mine.read_bytes()

    def test_folders_of_any_depth(self, small: Settings, tmp_path: Path) -> None:
        here, home = Path.cwd(), small.state.path / "homes" / "anna"
        os.chdir(home)
        for _ in range(60):
            os.mkdir("deep" * 25)
            os.chdir("deep" * 25)
        os.chdir(here)
        found = plan(small, DEFAULT_FILE, Choice())
        assert sum(item.name.endswith("deep") for item in found.items) > 35
        assert any("a path that is too long" in note for note in found.left_out)

    def test_a_full_disk_leaves_nothing(self, small: Settings, tmp_path: Path) -> None:
        (small.state.path / "homes" / "anna" / "big").write_bytes(os.urandom(3_000_000))
        limit = 1_000_000
        done = command(
            "backup", str(tmp_path / "b.tar"), state=small.state.path,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr == (
            f"The disk became full while {tmp_path / 'b.tar'} was written, and nothing is left of it: make room, or give another place.\n"
        )
        assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]

    def test_too_little_room_is_said_before(self, small: Settings, tmp_path: Path) -> None:
        big = small.state.path / "homes" / "anna" / "big"
        with big.open("wb") as file:
            file.truncate(shutil.disk_usage(tmp_path).free + 10**9)
        with pytest.raises(BackupError, match=r"The backup needs .* make room"):
            backed_up(small, tmp_path / "b.tar")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_broken_off_it_leaves_nothing(self, small: Settings, tmp_path: Path, number: int) -> None:
        with (small.state.path / "homes" / "anna" / "big").open("wb") as file:
            file.truncate(4 * 10**9)
        process = subprocess.Popen(
            [sys.executable, "-m", "imagine_hub.care", "backup", str(tmp_path / "b.tar")],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "hub"), "IMAGINE_HUB_STATE_FOLDER": str(small.state.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".imagine-backup-*/backup.tar")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "Traceback" not in said
        assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]

    def test_into_a_folder_it_has_the_date_in_its_name(self, small: Settings, tmp_path: Path) -> None:
        (tmp_path / "backups").mkdir()
        done = command("backup", str(tmp_path / "backups"), "--json", state=small.state.path)
        (made,) = (tmp_path / "backups").glob("imagine-hub-20*.tar")
        assert json.loads(done.stdout)["path"] == str(made)


def rewritten(
    source: Path, target: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]
) -> Path:
    """The archive with its members changed, and a list with the right hashes of what is in it then."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        value: dict[str, Any] = {}
        files = {}
        for info in old:
            content = old.extractfile(info).read() if info.isreg() else b""  # type: ignore[union-attr]
            if info.name == LIST:
                value = json.loads(content)
            elif info.name != SEAL and (changed := change(info, content)) is not None:
                info, content = changed
                info.size = len(content) if info.isreg() else 0
                new.addfile(info, io.BytesIO(content))
                if info.isreg():
                    files[info.name] = {"size": len(content), "mode": info.mode, "sha256": hashlib.sha256(content).hexdigest()}
        close(new, {**value, "files": files})
    return target


def close(archive: tarfile.TarFile, value: dict[str, Any]) -> None:
    text = json.dumps(value).encode()
    for name, content in ((LIST, text), (SEAL, hashlib.sha256(text).hexdigest().encode())):
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))


class TestRestore:
    @pytest.fixture
    def backup(self, small: Settings, tmp_path: Path) -> Path:
        backed_up(small, tmp_path / "b.tar")
        return tmp_path / "b.tar"

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, tmp_path: Path) -> Iterator[None]:
        yield
        assert not list(tmp_path.glob(".imagine-restore-*"))

    def test_a_rewritten_one_is_as_good(self, backup: Path, tmp_path: Path) -> None:
        """The attacks below are refused for what they do, and not for how they were written."""
        brought_back(rewritten(backup, tmp_path / "same.tar", lambda info, content: (info, content)), tmp_path / "again")
        assert (tmp_path / "again" / "homes" / "anna" / "notes.txt").read_text(encoding="utf-8") == "ten stations"

    def test_a_place_that_is_not_empty(self, backup: Path, tmp_path: Path) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine").write_text("", encoding="utf-8")
        with pytest.raises(BackupError, match="full is not empty, and nothing is overwritten"):
            brought_back(backup, tmp_path / "full")
        with pytest.raises(BackupError, match="is not empty"):
            brought_back(backup, tmp_path / "full" / "mine")
        (tmp_path / "empty").mkdir()
        brought_back(backup, tmp_path / "empty")
        assert (tmp_path / "empty" / "cookie_secret").is_file()

    def test_a_place_where_a_hub_runs(self, backup: Path, tmp_path: Path) -> None:
        import fcntl

        (tmp_path / "held").mkdir()
        with (tmp_path / "held" / "lock").open("w", encoding="utf-8") as lock:
            lock.write("http://127.0.0.1:8000")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(AlreadyRunning, match=r"already running at http://127\.0\.0\.1:8000"):
                brought_back(backup, tmp_path / "held")

    @pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 1.0])
    def test_one_that_is_cut_off(self, backup: Path, tmp_path: Path, part: float) -> None:
        data = backup.read_bytes()
        # After the seal a tar has nothing but zeros.
        end = len(data.rstrip(b"\0")) - 1
        backup.write_bytes(data[: int(end * part)])
        with pytest.raises(BackupError, match="cannot be restored"):
            brought_back(backup, tmp_path / "again")
        assert not (tmp_path / "again").exists()

    def test_every_changed_byte_is_noticed(self, backup: Path, tmp_path: Path) -> None:
        data = backup.read_bytes()
        places = [
            data.index(b"ten stations"),
            data.index(b"anna") + 512,
            data.index(b'"made"') + 12,
            data.index(b"SQLite format 3") + 3000,
        ]
        for place in places:
            backup.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(BackupError, match="cannot be restored"):
                brought_back(backup, tmp_path / "again")
            assert not (tmp_path / "again").exists()

    def test_no_backup_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "words.tar").write_text("words", encoding="utf-8")
        with pytest.raises(BackupError, match="no complete tar file"):
            brought_back(tmp_path / "words.tar", tmp_path / "again")
        with tarfile.open(tmp_path / "other.tar", "w") as archive:
            archive.addfile(tarfile.TarInfo("state/x"), io.BytesIO(b""))
        with pytest.raises(BackupError, match="its list is missing"):
            brought_back(tmp_path / "other.tar", tmp_path / "again")
        with pytest.raises(BackupError, match="cannot be read"):
            brought_back(tmp_path / "none.tar", tmp_path / "again")

    @pytest.mark.parametrize(
        "name",
        [
            "../out",
            "state/../../out",
            "/tmp/out",
            "state//x",
            "./state/x",
            "state/./x",
            "other/x",
            "restored/../../out",
            "state/homes/..",
        ],
    )
    def test_names_that_lead_outside(self, backup: Path, tmp_path: Path, name: str) -> None:
        def change(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
            info.name = name if info.name.endswith("notes.txt") else info.name
            return info, content

        with pytest.raises(BackupError, match="which no backup has"):
            brought_back(rewritten(backup, tmp_path / "evil.tar", change), tmp_path / "again")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "evil.tar", "state"]

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
    def test_links_and_devices(self, backup: Path, tmp_path: Path, kind: bytes) -> None:
        def change(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
            if info.name.endswith("notes.txt"):
                info.type, info.linkname, content = kind, "state/cookie_secret", b""
            return info, content

        with pytest.raises(BackupError, match="neither a file nor a folder"):
            brought_back(rewritten(backup, tmp_path / "evil.tar", change), tmp_path / "again")

    def test_twice_the_same_name(self, backup: Path, tmp_path: Path) -> None:
        def change(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
            info.name = "state/cookie_secret" if info.name.endswith("notes.txt") else info.name
            return info, content

        with pytest.raises(BackupError, match="which no backup has"):
            brought_back(rewritten(backup, tmp_path / "evil.tar", change), tmp_path / "again")

    def test_a_file_that_is_not_in_the_list(self, backup: Path, tmp_path: Path) -> None:
        with tarfile.open(backup) as old, tarfile.open(tmp_path / "evil.tar", "w") as new:
            for info in old:
                new.addfile(info, old.extractfile(info) if info.isreg() else None)
            new.addfile(tarfile.TarInfo("state/more"), io.BytesIO(b""))
        with pytest.raises(BackupError, match="'state/more' and 0 more are not in both"):
            brought_back(tmp_path / "evil.tar", tmp_path / "again")

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../cookie_secret", "../bruno/x", ""])
    def test_links_of_the_list_that_lead_outside(self, backup: Path, tmp_path: Path, target: str) -> None:
        with tarfile.open(backup) as old, tarfile.open(tmp_path / "evil.tar", "w") as new:
            for info in old:
                content = old.extractfile(info)
                if info.name == LIST:
                    assert content is not None
                    close(new, {**json.load(content), "links": {"state/homes/anna/link": target}})
                elif info.name != SEAL:
                    new.addfile(info, content)
        with pytest.raises(BackupError, match="leads outside"):
            brought_back(tmp_path / "evil.tar", tmp_path / "again")

    def test_no_program_gets_the_rights_of_another(self, backup: Path, tmp_path: Path) -> None:
        def change(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
            info.mode = 0o6755 if info.name.endswith("notes.txt") else info.mode
            return info, content

        with pytest.raises(BackupError, match="is not on the disk as it was written"):
            brought_back(rewritten(backup, tmp_path / "evil.tar", change), tmp_path / "again")
        assert not (tmp_path / "again").exists()

    def test_a_file_in_the_place_of_a_folder(self, backup: Path, tmp_path: Path) -> None:
        def change(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
            if info.name == "state/homes":
                info.type = tarfile.REGTYPE
            return info, content

        with pytest.raises(BackupError, match="cannot be restored to"):
            brought_back(rewritten(backup, tmp_path / "evil.tar", change), tmp_path / "again")

    def test_a_later_format(self, backup: Path, tmp_path: Path) -> None:
        with tarfile.open(backup) as old, tarfile.open(tmp_path / "later.tar", "w") as new:
            for info in old:
                content = old.extractfile(info)
                if info.name == LIST:
                    assert content is not None
                    close(new, {**json.load(content), "format": 99})
                elif info.name != SEAL:
                    new.addfile(info, content)
        with pytest.raises(BackupError, match="has the format 99, this release reads 1"):
            brought_back(tmp_path / "later.tar", tmp_path / "again")


@pytest.mark.parametrize(
    ("name", "target", "inside"),
    [
        ("r/a", "b", True),
        ("r/d/a", "../b", True),
        ("r/d/a", "..", True),
        ("r/a", "../b", False),
        ("r/a", "../r2/b", False),
        ("r/d/a", "../../r/b", True),
        ("r/a", "/r/b", False),
        ("r", "b", False),
        ("r/a", "", False),
    ],
)
def test_where_links_lead(name: str, target: str, inside: bool) -> None:
    assert link_stays_inside(name, target, "r") is inside


POSTGRESQL = Path("/usr/lib/postgresql")


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, with a password; address of a database in it."""
    programs = sorted(POSTGRESQL.glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed")
    folder, port = Path(f"/tmp/imagine-postgres-{os.getpid()}"), free_port()
    folder.mkdir(mode=0o700)
    # It refuses to run as root.
    ordinary: dict[str, Any] = {}
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        ordinary = {"user": 65534, "group": 65534, "extra_groups": []}
    (folder / "password").write_text("s3cret", encoding="utf-8")
    (folder / "password").chmod(0o644)
    line = [str(programs[-1] / "initdb"), f"--pgdata={folder}/data", "--username=hub", f"--pwfile={folder}/password", "--auth=scram-sha-256",
            "--no-sync", "--no-instructions"]  # fmt: skip
    subprocess.run(line, check=True, capture_output=True, cwd=folder, **ordinary)
    server = subprocess.Popen(
        [str(programs[-1] / "postgres"), "-D", f"{folder}/data", "-p", str(port), "-k", str(folder), "-h", "127.0.0.1", "-F"],
        stderr=subprocess.DEVNULL, cwd=folder, **ordinary,
    )  # fmt: skip
    address = f"postgresql+pg8000://hub:s3cret@127.0.0.1:{port}/postgres"
    try:
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(folder)


def test_postgresql(postgresql: str, small: Settings, tmp_path: Path) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    engine = open_postgresql(postgresql)
    deadline = time.monotonic() + 30
    while True:
        try:
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE people AS SELECT n, 'user' || n AS name FROM generate_series(1, 500) AS n"))
            break
        except SQLAlchemyError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    settings = small.replace("state", database=postgresql)
    found = database(settings)
    assert (found.state, "s3cret" in repr(found), "and still empty" in found.seen) == (State.FINE, False, True)

    backed_up(settings, tmp_path / "b.tar")
    assert (
        backed_up(settings, tmp_path / "without.tar", database=False).files
        == backed_up(settings, tmp_path / "with.tar").files - 1
    )
    brought_back(tmp_path / "b.tar", tmp_path / "again")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE people"))
    host, port = engine.url.host, engine.url.port
    subprocess.run(
        ["pg_restore", "--no-owner", f"--host={host}", f"--port={port}", "--username=hub", "--dbname=postgres",
         str(tmp_path / "again" / "restored" / "database.pgdump")],
        env={**os.environ, "PGPASSWORD": "s3cret"}, check=True,
    )  # fmt: skip
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*), max(name) FROM people")).one() == (500, "user99")
    engine.dispose()
    with pytest.raises(DatabaseError, match=r"pg_dump cannot copy postgresql.*hub:\*\*\*@.*authentication failed"):
        backed_up(small.replace("state", database=postgresql.replace("s3cret", "wrong")), tmp_path / "wrong.tar")
    assert not (tmp_path / "wrong.tar").exists()
