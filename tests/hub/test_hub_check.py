"""``imagine-hub check``: every check against the real thing, good and bad."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import ipaddress
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from imagine_hub.care import databases
from imagine_hub.care.checking import CHECKS, run
from imagine_hub.care.checks import certificate, cluster, database, gpus, login, network, place
from imagine_hub.care.finding import Finding, State, fine, problem, warning, worst
from imagine_hub.network import free_port
from imagine_hub.settings import REPOSITORY, Profile, Settings
from imagine_hub.state import StateFolder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    state = StateFolder(tmp_path / "state")
    state.prepare()
    return Settings().replace("state", folder=str(state.path)).replace("network", port=free_port())


def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "imagine_hub.care", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / "hub"), **environ}
    return subprocess.run(line, env=variables, capture_output=True, text=True, timeout=60)


def test_the_states_are_in_their_order() -> None:
    good, doubtful, bad = fine("a", "b"), warning("a", "b", "c"), problem("a", "b", "c")
    assert [each.state.sign for each in (good, doubtful, bad)] == ["✓", "!", "✗"]
    assert worst([]) is State.FINE
    assert worst([good, bad, doubtful]) is State.PROBLEM
    assert worst([doubtful, good]) is State.WARNING


def test_a_check_that_breaks_or_hangs_is_a_finding(settings: Settings) -> None:
    def broken_one(settings: Settings) -> Finding:
        raise ZeroDivisionError("by nought")

    def slow_one(settings: Settings) -> Finding:
        time.sleep(30)
        return fine("slow", "never")

    def other_one(settings: Settings) -> Finding:
        return fine("other", "good")

    started = time.monotonic()
    found = run((broken_one, slow_one, lambda settings: None, other_one), settings, patience_s=0.5)
    assert time.monotonic() - started < 5
    assert [(each.name, each.state) for each in found] == [
        ("broken one", State.PROBLEM), ("slow one", State.PROBLEM), ("other", State.FINE),
    ]  # fmt: skip
    assert found[0].seen == "the check itself broke (ZeroDivisionError: by nought)"
    assert found[1].seen == "nothing was heard for 0 s"


def test_every_problem_has_a_remedy_and_every_good_one_none(settings: Settings) -> None:
    found = run(CHECKS, settings)
    assert len(found) >= 10
    assert len({each.name for each in found}) == len(found)
    assert all(bool(each.remedy) != (each.state is State.FINE) for each in found)


class TestPlace:
    def test_a_folder_that_is_not_there_is_made_at_the_start(self, tmp_path: Path) -> None:
        found = place.state_folder(Settings().replace("state", folder=str(tmp_path / "new" / "state")))
        assert found.state is State.FINE
        assert "the first start makes it" in found.seen
        assert list(tmp_path.iterdir()) == []

    def test_modes(self, settings: Settings) -> None:
        assert place.state_folder(settings).state is State.FINE
        assert place.secret_files(settings).state is State.FINE
        settings.state.path.chmod(0o755)
        found = place.state_folder(settings)
        assert (found.state, found.remedy) == (State.PROBLEM, f"chmod 700 {settings.state.path}")
        StateFolder(settings.state.path).cookie_secret.chmod(0o640)
        found = place.secret_files(settings)
        assert found.state is State.PROBLEM
        assert "cookie_secret" in found.seen
        assert found.remedy.endswith("chmod 600 cookie_secret")

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("", encoding="utf-8")
        found = place.state_folder(Settings().replace("state", folder=str(tmp_path / "state")))
        assert (found.state, "is no folder" in found.seen) == (State.PROBLEM, True)

    def test_disk(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        assert str(settings.state.path) in place.disk(settings).seen
        monkeypatch.setattr(place, "SCARCE_GB", 1e9)
        assert place.disk(settings).state is State.WARNING
        monkeypatch.setattr(place, "TOO_LITTLE_GB", 1e9)
        assert place.disk(settings).state is State.PROBLEM

    def test_a_clock_behind_the_log(self, settings: Settings) -> None:
        assert place.clock(settings).state is not State.PROBLEM
        os.utime(StateFolder(settings.state.path).log, (time.time() + 600, time.time() + 600))
        found = place.clock(settings)
        assert (found.state, "10 min later" in found.seen) == (State.PROBLEM, True)

    def test_listing(self, settings: Settings) -> None:
        def with_answer(text: str) -> Finding:
            return place.listing_command(settings.replace("listing", command=(sys.executable, "-c", f"print({text!r})")))

        card = {"name": "zooscan", "title": "t", "sentence": "s", "notebooks": {}, "model": None}
        assert with_answer(json.dumps({"use_cases": [{**card, "model": {"name": "m"}}]})).state is State.FINE
        found = with_answer(json.dumps({"use_cases": [card]}))
        assert (found.state, "without a starter model: zooscan" in found.seen) == (State.WARNING, True)
        assert with_answer('{"use_cases": []}').state is State.PROBLEM
        assert with_answer("no JSON").state is State.PROBLEM
        assert place.listing_command(settings.replace("listing", command=("no-such-command",))).state is State.PROBLEM
        assert not StateFolder(settings.state.path).listing.exists()

    def test_notebooks(self, settings: Settings, tmp_path: Path) -> None:
        assert place.notebooks(settings).state is State.FINE
        assert place.notebooks(settings.replace("servers", notebooks=str(tmp_path))).state is State.PROBLEM
        assert place.notebooks(settings.replace("servers", spawner="docker")) is None


class TestNetwork:
    def test_a_port_of_another_program(self, settings: Settings) -> None:
        assert network.ports(settings).state is State.FINE
        with socket.socket() as other:
            other.bind(("127.0.0.1", settings.network.port))
            other.listen(1)
            found = network.ports(settings)
        assert (found.state, f"port {settings.network.port} (network.port)" in found.seen) == (State.PROBLEM, True)

    def test_an_address_of_another_machine(self, settings: Settings) -> None:
        found = network.ports(settings.replace("network", hub_address="192.0.2.7", hub_port=free_port()))
        assert (found.state, "no address 192.0.2.7" in found.seen) == (State.PROBLEM, True)

    @pytest.mark.parametrize(
        ("values", "state", "words"),
        [
            ({}, State.FINE, "this machine only"),
            ({"address": "::1"}, State.FINE, "this machine only"),
            ({"address": "0.0.0.0"}, State.WARNING, "WITHOUT TLS"),
            ({"address": "192.0.2.7"}, State.WARNING, "192.0.2.7"),
            ({"address": "0.0.0.0", "tls_certificate": "c", "tls_key": "k"}, State.FINE, "TLS of its own"),
            (
                {"address": "0.0.0.0", "public_url": "https://hub.example.org"},
                State.WARNING,
                "only what goes through that server",
            ),
            (
                {"address": "0.0.0.0", "tls_certificate": "c", "tls_key": "k", "hub_address": "0.0.0.0"},
                State.WARNING,
                "the hub itself listens",
            ),
        ],
    )
    def test_who_can_reach_it(self, values: dict[str, str], state: State, words: str) -> None:
        found = network.exposure(Settings().replace("network", **values))
        assert (found.state, words in found.seen) == (state, True)

    def test_names_of_users(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def look(**values: str | int) -> Finding:
            found = network.names_of_users(Settings().replace("network", **values))
            assert found is not None
            return found

        assert network.names_of_users(Settings()) is None
        assert look(subdomain_host="http://hub.localhost:8000").state is State.FINE
        tls = {"tls_certificate": "c", "tls_key": "k"}
        found = look(subdomain_host="https://hub.example.org", **tls)
        assert (found.state, "leads to port 443, and the hub listens on 8000" in found.seen) == (State.PROBLEM, True)
        # The names that end so are nobody's (RFC 6761), so the system finds none of them.
        found = look(subdomain_host="https://hub.invalid", port=443, **tls)
        assert (found.state, "no address for hub.invalid and imagine-check.hub.invalid" in found.seen) == (State.WARNING, True)
        # A resolver that knows the name and not what is before it is a thing of other networks.
        places = {"hub.example.org": "192.0.2.7", "imagine-check.hub.example.org": "192.0.2.8"}
        monkeypatch.setattr(network, "_addresses", lambda host: [places[host]])
        found = look(subdomain_host="https://hub.example.org")
        assert (found.state, "*.hub.example.org lead to the same machine" in found.remedy) == (State.PROBLEM, True)
        places["imagine-check.hub.example.org"] = "192.0.2.7"
        assert look(subdomain_host="https://hub.example.org").state is State.FINE


def made_certificate(folder: Path, *names: str, days: float = 90, begins_days: float = -1) -> Settings:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    sans = [x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now + datetime.timedelta(days=begins_days))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(sans), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "key.pem").chmod(0o600)
    paths = {"tls_certificate": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}
    return Settings().replace("network", address="0.0.0.0", public_url="https://hub.example.org", **paths)


class TestCertificate:
    def test_a_good_one(self, tmp_path: Path) -> None:
        settings = made_certificate(tmp_path, "hub.example.org")
        found = certificate.certificate(settings)
        assert (found.state, "expires in 89 days" in found.seen) == (State.FINE, True)
        assert certificate.key(settings).state is State.FINE
        assert certificate.certificate(Settings()) is None
        assert certificate.key(Settings()) is None

    @pytest.mark.parametrize(
        ("days", "begins", "state", "words"),
        [
            (20.5, -1, State.WARNING, "in 20 days"),
            (21.5, -1, State.FINE, "in 21 days"),
            (-1, -9, State.PROBLEM, "expired on"),
            (9, 1, State.PROBLEM, "valid only from"),
        ],
    )
    def test_age(self, tmp_path: Path, days: float, begins: float, state: State, words: str) -> None:
        found = certificate.certificate(made_certificate(tmp_path, "hub.example.org", days=days, begins_days=begins))
        assert (found.state, words in found.seen) == (state, True)

    @pytest.mark.parametrize(
        ("names", "subdomains", "state"),
        [
            (("other.example.org",), False, State.PROBLEM),
            (("*.example.org",), False, State.FINE),
            (("HUB.example.org",), False, State.FINE),
            (("*.org",), False, State.PROBLEM),
            (("hub.example.org",), True, State.PROBLEM),
            (("hub.example.org", "*.hub.example.org"), True, State.FINE),
        ],
    )
    def test_names(self, tmp_path: Path, names: tuple[str, ...], subdomains: bool, state: State) -> None:
        settings = made_certificate(tmp_path, *names)
        if subdomains:
            settings = settings.replace("network", subdomain_host="https://hub.example.org")
        assert certificate.certificate(settings).state is state

    def test_a_wildcard_that_is_missing(self, tmp_path: Path) -> None:
        settings = made_certificate(tmp_path, "hub.example.org").replace("network", subdomain_host="https://hub.example.org")
        found = certificate.certificate(settings)
        assert found.seen.endswith("not for *.hub.example.org, under which the servers of users are")
        assert "-d hub.example.org -d '*.hub.example.org'" in found.remedy

    def test_a_number_as_name(self, tmp_path: Path) -> None:
        settings = made_certificate(tmp_path, "192.0.2.7").replace("network", public_url="", address="192.0.2.7")
        assert certificate.certificate(settings).state is State.FINE
        assert certificate.certificate(settings.replace("network", address="192.0.2.8")).state is State.PROBLEM

    def test_a_key_of_another(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        other = made_certificate(tmp_path / "other", "hub.example.org").network.tls_key
        settings = made_certificate(tmp_path, "hub.example.org").replace("network", tls_key=other)
        found = certificate.key(settings)
        assert (found.state, "the key of another certificate" in found.seen) == (State.PROBLEM, True)

    def test_a_key_for_everybody(self, tmp_path: Path) -> None:
        settings = made_certificate(tmp_path, "hub.example.org")
        (tmp_path / "key.pem").chmod(0o644)
        found = certificate.key(settings)
        assert (found.state, "mode 0644" in found.seen) == (State.PROBLEM, True)

    def test_no_certificate_at_all(self, tmp_path: Path) -> None:
        settings = made_certificate(tmp_path, "hub.example.org")
        for name in ("cert.pem", "key.pem"):
            (tmp_path / name).write_text("nothing", encoding="utf-8")
        assert certificate.certificate(settings).state is State.PROBLEM
        assert certificate.key(settings).state is State.PROBLEM


class TestDatabase:
    @pytest.fixture
    def file(self, settings: Settings) -> Path:
        path = StateFolder(settings.state.path).database
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
            connection.execute("INSERT INTO alembic_version VALUES (?)", (databases.newest_revision(),))
            connection.execute("CREATE TABLE users (name TEXT)")
            connection.executemany("INSERT INTO users VALUES (?)", [(f"user{i}" * 20,) for i in range(2000)])
            connection.commit()
        return path

    def set_revision(self, file: Path, revision: str) -> None:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
            connection.commit()

    def test_a_new_one(self, settings: Settings) -> None:
        assert database.database(settings).seen.endswith("is made at the first start")

    def test_a_sound_one(self, settings: Settings, file: Path) -> None:
        before = file.read_bytes()
        assert database.database(settings).state is State.FINE
        assert file.read_bytes() == before

    def test_an_older_and_a_newer_one(self, settings: Settings, file: Path) -> None:
        (older,) = databases.installed_revisions() & {"4621fec11365"}
        self.set_revision(file, older)
        found = database.database(settings)
        assert (found.state, "imagine-hub backup" in found.remedy) == (State.WARNING, True)
        self.set_revision(file, "ffffffffffff")
        found = database.database(settings)
        assert (found.state, "a later one made it" in found.seen) == (State.PROBLEM, True)

    def test_a_damaged_one(self, settings: Settings, file: Path) -> None:
        with file.open("r+b") as stream:
            stream.seek(4096 * 8)
            stream.write(os.urandom(4096 * 4))
        assert database.database(settings).state is State.PROBLEM
        file.write_text("this is no database", encoding="utf-8")
        found = database.database(settings)
        assert (found.state, "not a database" in found.seen) == (State.PROBLEM, True)

    def test_a_silent_server_and_its_password(self) -> None:
        settings = Settings().replace("state", database=f"postgresql+pg8000://hub:s3cret@127.0.0.1:{free_port()}/hub")
        found = database.database(settings)
        assert found.state is State.PROBLEM
        assert "s3cret" not in repr(found)


class Provider(http.server.BaseHTTPRequestHandler):
    answer: ClassVar[dict[str, object]] = {}
    date = ""

    def do_GET(self) -> None:
        body = json.dumps(self.answer).encode()
        self.send_response_only(200 if self.path == "/.well-known/openid-configuration" else 404)
        self.send_header("Date", self.date or self.date_time_string())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def provider(settings: Settings) -> Iterator[tuple[Settings, type[Provider]]]:
    class One(Provider):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), One) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        issuer = f"http://127.0.0.1:{server.server_port}"
        One.answer = {"issuer": issuer, **{key: f"{issuer}/{key}" for key in login.ENDPOINTS}}
        yield settings.replace("login", authenticator="oidc").replace("oidc", issuer=issuer, client_id="hub"), One
        server.shutdown()


class TestLogin:
    def test_a_provider_that_answers(self, provider: tuple[Settings, type[Provider]]) -> None:
        settings, one = provider
        found = login.provider(settings)
        assert (found.state, "without TLS" in found.seen) == (State.WARNING, True)
        one.date = "Wed, 01 Jan 2020 00:00:00 GMT"
        found = login.provider(settings)
        assert (found.state, "so logins will fail" in found.seen) == (State.PROBLEM, True)
        one.answer = {**one.answer, "scopes_supported": ["openid"]}
        assert "does not offer profile, email" in login.provider(settings).seen
        one.answer = {**one.answer, "issuer": "http://other.example.org"}
        found = login.provider(settings)
        assert (found.state, "calls itself 'http://other.example.org'" in found.seen) == (State.PROBLEM, True)
        del one.answer["token_endpoint"]
        assert "has no token_endpoint" in login.provider(settings).seen

    def test_a_provider_that_is_silent(self, settings: Settings) -> None:
        silent = settings.replace("login", authenticator="oidc").replace("oidc", issuer=f"http://127.0.0.1:{free_port()}")
        assert "client_id is empty" in login.provider(silent).seen
        found = login.provider(silent.replace("oidc", client_id="hub"))
        assert (found.state, "does not answer" in found.seen) == (State.PROBLEM, True)
        assert login.provider(settings) is None

    def test_the_secret(self, settings: Settings, tmp_path: Path) -> None:
        settings = settings.replace("login", authenticator="oidc")
        assert login.secret_of_the_provider(settings).state is State.PROBLEM
        file = tmp_path / "secret"
        settings = settings.replace("oidc", client_secret_file=str(file))
        assert "cannot be read" in login.secret_of_the_provider(settings).seen
        file.write_text("abc", encoding="utf-8")
        file.chmod(0o644)
        found = login.secret_of_the_provider(settings)
        assert (found.state, found.remedy) == (State.PROBLEM, f"chmod 600 {file}")
        file.chmod(0o600)
        found = login.secret_of_the_provider(settings)
        assert (found.state, "abc" in repr(found)) == (State.FINE, False)

    def test_one_password_for_the_whole_network(self, settings: Settings) -> None:
        assert login.password_in_the_open(settings).state is State.FINE
        assert login.password_in_the_open(settings.replace("network", address="0.0.0.0")).state is State.WARNING
        assert login.password_in_the_open(settings.replace("login", authenticator="native")) is None

    def test_who_may_come_in(self, settings: Settings) -> None:
        assert login.who_may_come_in(settings).seen == "scientist"
        oidc = settings.replace("login", authenticator="oidc", users=(), admins=())
        assert login.who_may_come_in(oidc).state is State.PROBLEM
        assert login.who_may_come_in(oidc.replace("oidc", allow_everybody=True)).state is State.WARNING
        assert "no administrator" in login.who_may_come_in(oidc.replace("login", users=("anna",))).seen


class TestGpus:
    @pytest.fixture
    def shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """What stands in the file is what the driver shows: there is no GPU on most machines."""
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "nvidia-smi"
        program.write_text(f'#!/bin/sh\ncat "{tmp_path}/shown"\n', encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return tmp_path / "shown"

    def test_what_the_driver_shows(self, shown: Path) -> None:
        settings = Settings().replace("servers", spawner="docker").replace("gpus", uuids=("GPU-5f1c1c2e",))
        shown.write_text("GPU 0: NVIDIA L4 (UUID: GPU-5f1c1c2e)\nGPU 1: NVIDIA L4 (UUID: GPU-77777777)\n", encoding="utf-8")
        assert gpus.driver(settings).seen == "2: GPU-5f1c1c2e, GPU-77777777"
        assert gpus.named(settings).state is State.FINE
        found = gpus.named(settings.replace("gpus", uuids=("GPU-00000000",)))
        assert (found.state, "GPU-00000000" in found.seen) == (State.PROBLEM, True)
        shown.write_text("Failed to initialize NVML: Driver/library version mismatch\n", encoding="utf-8")
        found = gpus.driver(settings)
        assert (found.state, "version mismatch" in found.seen) == (State.PROBLEM, True)
        # In a swarm they are on other machines, whose labels say which.
        assert gpus.driver(settings.replace("servers", spawner="swarm")) is None

    def test_nobody_was_promised_one(self) -> None:
        assert gpus.driver(Settings()) is None
        without = Settings(profiles=(Profile(name="small", title="Small"),)).replace("servers", spawner="docker")
        assert gpus.driver(without) is None
        assert gpus.named(without) is None


class Cluster(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers: dict[str, object] = {
            "/version": {"major": "1", "minor": "30", "gitVersion": "v1.30.2", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                         "goVersion": "", "compiler": "", "platform": ""},
            "/api/v1/namespaces/imagine/pods": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []},
        }  # fmt: skip
        path = self.path.partition("?")[0].rstrip("/")
        body = json.dumps(answers.get(path, {"kind": "Status", "code": 403, "reason": "Forbidden"})).encode()
        self.send_response(200 if path in answers else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def test_kubernetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings().replace("servers", spawner="kubernetes")
    assert cluster.kubernetes(Settings()) is None
    file = tmp_path / "kubeconfig"
    # Its path is read when the package is imported.
    monkeypatch.setattr("kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    found = cluster.kubernetes(settings)
    assert (found.state, "set KUBECONFIG" in found.remedy) == (State.PROBLEM, True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cluster) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
                    "users": [{"name": "u", "user": {"token": "t"}}],
                }
            ),
            encoding="utf-8",
        )
        found = cluster.kubernetes(settings)
        assert (found.state, found.seen) == (State.FINE, "v1.30.2 answers; 0 pods in the namespace 'imagine'")
        found = cluster.kubernetes(settings.replace("kubernetes", namespace="other"))
        assert (found.state, "'other' (403 Forbidden)" in found.seen) == (State.PROBLEM, True)
        server.shutdown()
    found = cluster.kubernetes(settings)
    assert (found.state, "does not answer" in found.seen) == (State.PROBLEM, True)


class TestCommand:
    def test_good_settings(self, tmp_path: Path) -> None:
        done = command(
            "check", "--json", IMAGINE_HUB_STATE_FOLDER=str(tmp_path / "state"), IMAGINE_HUB_NETWORK_PORT=str(free_port())
        )
        assert (done.returncode, done.stderr) == (0, "")
        value = json.loads(done.stdout)
        assert value["state"] != "problem"
        assert set(value["findings"][0]) == {"name", "state", "seen", "remedy"}
        assert list(tmp_path.iterdir()) == []

    def test_a_problem_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "state").mkdir(mode=0o755)
        (tmp_path / "state").chmod(0o755)
        port = str(free_port())
        done = command("check", IMAGINE_HUB_STATE_FOLDER=str(tmp_path / "state"), IMAGINE_HUB_NETWORK_PORT=port)
        assert done.returncode == 1
        assert "must be put right before the hub starts: state folder." in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert f"→ chmod 700 {tmp_path / 'state'}" in done.stdout

    def test_settings_that_cannot_be_read(self, tmp_path: Path) -> None:
        done = command("check", "--settings", str(tmp_path / "no.toml"))
        assert done.returncode == 1
        assert f"There is no settings file {tmp_path / 'no.toml'}" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr

    @pytest.mark.parametrize("line", [("chekc",), ("check", "--no-such-option"), ("backup",), ("restore", "x.tar")])
    def test_wrong_usage(self, line: tuple[str, ...]) -> None:
        done = command(*line)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
