"""The real service and the real DEEPaaS, each a process of its own, with the starter model."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import running, serving

from imagine_kernels.models.bundle import ModelBundle


@pytest.fixture(scope="module")
def service(starter_model: Callable[[str], ModelBundle]) -> Iterator[httpx.Client]:
    starter_model("zooscan")
    with serving() as client:
        yield client


@pytest.fixture(scope="module")
def deepaas(starter_model: Callable[[str], ModelBundle]) -> Iterator[httpx.Client]:
    """DEEPaaS itself, started as the platform does, with `zooscan` found among the entry points of the installed package."""
    starter_model("zooscan")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "deepaas-run"), "--listen-port", str(port)]
    with running(command, f"http://127.0.0.1:{port}") as client:
        yield client


@pytest.fixture(scope="session")
def predicted() -> Callable[[httpx.Response], dict[str, Any]]:
    def read(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer["status"] == "OK"
        found: dict[str, Any] = answer["predictions"]
        return found

    return read
