"""Servers as processes of their own, for tests that talk to them over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


@contextmanager
def serving(*words: str, environment: dict[str, str] | None = None) -> Iterator[httpx.Client]:
    """``imagine serve`` on a free port; a client that follows no redirects."""
    command = [sys.executable, "-m", "imagine_kernels.cli", "serve", "--port", "0", "--json", *words]
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = ""
        while not said.rstrip().endswith("}"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            said += line
        with httpx.Client(base_url=json.loads(said)["address"], timeout=120, trust_env=False) as client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors, errors


@contextmanager
def running(command: list[str], address: str, **environment: str) -> Iterator[httpx.Client]:
    """A server until it is no longer needed; ready when its models answer."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
            deadline = time.monotonic() + 90
            while True:
                try:
                    if client.get("/v2/models/").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                assert process.poll() is None, "it ended before it answered"
                assert time.monotonic() < deadline, "it did not answer"
                time.sleep(0.2)
            yield client
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
