"""The apps without a hub: what the service is told, which messages pass, and how it starts after it was killed."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import hub_running as running
import pytest
from apps_running import SERVICE, kernels, message, until
from imagine_hub.apps import messages
from imagine_hub.apps.errors import RefusedMessage
from imagine_hub.apps.folders import folder_name
from imagine_hub.apps.values import APPS_VARIABLE, Values
from imagine_hub.network import free_port
from imagine_hub.services.apps import apps
from imagine_hub.settings import Settings


def test_without_the_setting_there_is_no_service() -> None:
    settings = Settings()
    assert apps(settings) is None
    service = apps(settings.replace("apps", enabled=True, port=4711))
    assert service is not None
    assert service.definition["url"] == "http://127.0.0.1:4711"
    assert service.roles == ({"name": "user", "scopes": ["self", "access:services!service=apps"]},)
    values = Values.read(service.definition["environment"]["IMAGINE_APPS"])
    assert (values.kernels, values.kernels_per_user, values.idle_s) == (12, 3, 1200)


@pytest.mark.parametrize(
    ("user", "name"),
    [("anna", "anna"), ("a/../b", "a%2F..%2Fb"), ("..", "%2E."), ("ä@x.eu", "%C3%A4@x.eu"), (".service", "%2Eservice")],
)
def test_every_person_has_a_folder_of_their_own(user: str, name: str) -> None:
    assert folder_name(user) == name


def test_messages_of_widgets_pass_unchanged() -> None:
    content = {"comm_id": "c", "data": {"method": "custom", "content": {"verb": "upload-part"}}}
    text = message("comm_msg", content).encode()
    buffers = [b"abc", b"", b"\0" * 9]
    begins = [20]
    for part in (text, *buffers[:-1]):
        begins.append(begins[-1] + len(part))
    read = messages.read(struct.pack("!5I", 4, *begins) + text + b"".join(buffers))
    assert (read.kind, read.id, read.content, list(read.buffers), read.is_use) == ("comm_msg", "m1", content, buffers, True)
    written = messages.write(
        {
            "header": {},
            "parent_header": {},
            "metadata": {},
            "content": {},
            "msg_id": "1",
            "msg_type": "comm_msg",
            "buffers": buffers,
        },
        "iopub",
    )
    assert isinstance(written, bytes)
    n, *starts = struct.unpack("!5I", written[:20])
    assert n == 4
    assert [written[a:b] for a, b in zip(starts[1:], [*starts[2:], len(written)], strict=True)] == buffers


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("[]", "was no message"),
        (message("execute_request", {}), "'execute_request' is not for browsers"),
        (message("comm_msg", {}, "control"), "on the channel control"),
        (struct.pack("!I", 2**31) + b"xxxx", "number of parts"),
        (struct.pack("!III", 2, 12, 4) + b"{}", "order of parts"),
    ],
)
def test_other_messages_are_refused(given: str | bytes, words: str) -> None:
    with pytest.raises(RefusedMessage, match=words):
        messages.read(given)


def test_the_service_starts_cleanly_after_it_was_killed(tmp_path: Path) -> None:
    values = Values(state=str(tmp_path), notebooks=str(tmp_path), port=free_port(), warm_kernels=1)
    environment = os.environ | {
        APPS_VARIABLE: values.write(),
        "PYTHONPATH": str(running.REPOSITORY / "hub"),
        "JUPYTERHUB_API_TOKEN": "nobody-asks",
        "JUPYTERHUB_CLIENT_ID": "service-apps",
        "JUPYTERHUB_SERVICE_PREFIX": SERVICE,
    }
    before: set[int] = set()

    def only_a_new_one() -> bool:
        found = kernels(tmp_path)
        return len(found) == 1 and not before & found

    for number, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        service = subprocess.Popen([sys.executable, "-m", "imagine_hub.apps"], env=environment, cwd=tmp_path)
        until(only_a_new_one)
        before = kernels(tmp_path)
        service.send_signal(number)
        assert service.wait(timeout=20) == status
    until(lambda: not kernels(tmp_path), 5)
    assert list((tmp_path / "apps" / ".service" / "kernels").iterdir()) == []
