"""A hub with a certificate: encrypted from the first page on, http:// is sent on, and a renewal needs no restart."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import hub_running as running
import pytest
from certificates import write_certificate
from cryptography import x509
from cryptography.x509.oid import NameOID
from imagine_hub.network import free_port
from imagine_hub.proxy.certificate import Certificate
from visitor import xsrf_of


@pytest.fixture(scope="module")
def redirect_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, redirect_port: int) -> Iterator[tuple[running.Hub, httpx.Client]]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = write_certificate(folder, "first")
    settings = {
        **running.small_site(folder),
        "IMAGINE_HUB_NETWORK_TLS_CERTIFICATE": str(certificate),
        "IMAGINE_HUB_NETWORK_TLS_KEY": str(key),
        "IMAGINE_HUB_NETWORK_REDIRECT_PORT": str(redirect_port),
        "IMAGINE_HUB_USAGE_ENABLED": "false",
    }
    trust = ssl.create_default_context(cafile=str(certificate))
    with (
        running.start(folder / "state", settings=settings) as hub,
        httpx.Client(base_url=hub.address, verify=trust, timeout=30, trust_env=False, follow_redirects=True) as client,
    ):
        yield hub, client


def test_everything_is_encrypted_and_every_cookie_stays_so(secure: tuple[running.Hub, httpx.Client]) -> None:
    hub, client = secure
    assert hub.address.startswith("https://127.0.0.1:")
    seen: list[str] = []
    client.event_hooks["response"] = [lambda answer: seen.extend(answer.headers.get_list("set-cookie"))]
    page = client.get("/")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    answer = client.post("/hub/login", data={"username": "scientist", "password": hub.password, "_xsrf": xsrf_of(page)})
    assert answer.url.path == "/hub/home"
    client.event_hooks["response"] = []
    assert len(seen) >= 3
    for line in seen:
        assert {"secure", "httponly", "samesite=lax"} <= {part.strip().lower() for part in line.split(";")}, line


def test_plain_http_is_sent_on_and_repeats_nothing(secure: tuple[running.Hub, httpx.Client], redirect_port: int) -> None:
    hub, _ = secure
    with httpx.Client(base_url=f"http://127.0.0.1:{redirect_port}", trust_env=False) as plain:
        answer = plain.get("/hub/login?next=/hub/home")
        assert answer.status_code == 308
        assert answer.headers["Location"] == f"{hub.address}/hub/login?next=/hub/home"
        assert plain.get("/", headers={"Host": 'evil">.example'}).status_code == 400
    # The encrypted port does not talk to those who do not encrypt.
    with socket.create_connection(("127.0.0.1", hub.port), timeout=10) as connection:
        connection.sendall(b"GET /hub/login HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1000) == b""


def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    def name_shown() -> str:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        front = held.context.wrap_bio(there, back, server_side=True)
        visitor = client.wrap_bio(back, there)
        for side in (visitor, front, visitor, front):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        shown = x509.load_der_x509_certificate(visitor.getpeercert(binary_form=True) or b"")
        return str(shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    certificate, key = write_certificate(tmp_path, "first")
    held = Certificate(certificate, key)
    assert name_shown() == "first"
    certificate.write_text("half a certif", encoding="ascii")
    later = time.time() + 5
    os.utime(certificate, (later, later))
    held.look_again()
    assert name_shown() == "first"
    write_certificate(tmp_path, "second")
    os.utime(certificate, (later + 5, later + 5))
    held.look_again()
    assert name_shown() == "second"
