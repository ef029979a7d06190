"""The network that tests with a browser have for themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from own_network import can_be_made, interfaces, own_network


@pytest.mark.skipif(not can_be_made(), reason="this process may not make a network of its own")
def test_what_is_started_meanwhile_sees_the_loopback_only_and_then_all_is_as_before() -> None:
    before, name = interfaces(), Path("/proc/thread-self/ns/net").readlink()
    with own_network():
        assert interfaces() == {"lo"}
        assert Path("/proc/thread-self/ns/net").readlink() != name
        seen = subprocess.run(["cat", "/proc/self/net/dev"], capture_output=True, text=True, check=True).stdout
        assert [line.partition(":")[0].strip() for line in seen.splitlines()[2:]] == ["lo"]
    assert interfaces() == before
    assert Path("/proc/thread-self/ns/net").readlink() == name
