"""One GPU and two people: the engine's own record says who has it, by its UUID and never by a number."""

from __future__ import annotations

import re
import time

import hub_running as running
from container_hub import record
from engine import Engine
from gpu_machine import H100
from visitor import Visitor


def stopped(person: Visitor) -> None:
    if person.api("GET", f"users/{person.name}").json().get("servers"):
        person.stop()


def test_a_gpu_goes_to_one_container_by_its_uuid_and_then_to_the_next(containers: running.Hub, engine: Engine) -> None:
    with Visitor(containers.address, "scientist") as first, Visitor(containers.address, "colleague") as second:
        for person in (first, second):
            person.log_in(containers.password)
            stopped(person)
        first.start("gpu")
        made = record(engine, "scientist")
        (request,) = made["HostConfig"]["DeviceRequests"]
        assert request["DeviceIDs"] == [H100]
        assert request["Count"] == 0
        assert request["Capabilities"] == [["gpu"]]
        assert f"NVIDIA_VISIBLE_DEVICES={H100}" in made["Config"]["Env"]

        # The second is told her place and may start without; that server sees no GPU.
        refused = second.ask_for("gpu")
        words = re.sub(r"<[^>]+>|\s+", " ", refused.text)
        assert refused.status_code == 409 or "queue" in words, words[:500]
        assert not engine.client.containers(all=True, filters={"name": "imagine-colleague"})
        second.start("small")
        other = record(engine, "colleague")
        assert other["HostConfig"]["DeviceRequests"] is None
        assert "NVIDIA_VISIBLE_DEVICES=void" in other["Config"]["Env"]
        second.stop()

        # It is hers when the first one stops.
        first.stop()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and "held for you" not in second.http.get("/hub/gpus").text.lower():
            time.sleep(0.5)
        second.start("gpu")
        assert record(engine, "colleague")["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == [H100]
        second.stop()
