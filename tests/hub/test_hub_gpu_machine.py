"""What the driver says, and what follows from it: which GPUs there are, which are idle, and which a server has lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gpu_clock import HOUR, NOON, Clock
from gpu_machine import A100, H100, PARTS, Machine
from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.inventory import Driver, Gpu, Use, look, use
from imagine_hub.gpus.records import Ask, Granted, Holding, Reason
from imagine_hub.gpus.watch import Step, busy, look_after, step
from imagine_hub.server.gpu import GpuWatch
from imagine_hub.settings import Gpus
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

MINUTE = 60.0
RULES = Gpus(idle_minutes=60, warning_minutes=15, max_hours=12)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path / "driver")
    monkeypatch.setenv("PATH", str(machine.folder))
    return machine


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def allocator(tmp_path: Path, clock: Clock) -> Iterator[Allocator]:
    allocator = Allocator(f"sqlite:///{tmp_path}/gpus.sqlite", RULES, clock)
    allocator.set_pool([H100, A100])
    yield allocator
    allocator.close()


# Which there are


def test_gpus_are_known_by_uuid_name_and_memory(machine: Machine) -> None:
    machine.have((H100, "NVIDIA H100 80GB HBM3", 81559), (A100, "Tesla, with a comma", 40960))
    found = look()
    assert found.driver is Driver.READY
    assert found.gpus == (Gpu(H100, "NVIDIA H100 80GB HBM3", 81559), Gpu(A100, "Tesla, with a comma", 40960))
    assert not found.problem


def test_a_gpu_that_is_cut_is_given_out_in_parts_only(machine: Machine) -> None:
    machine.cut()
    assert look().gpus == (
        Gpu(PARTS[0], "NVIDIA A100-SXM4-40GB, part 3g.20gb", 20480),
        Gpu(PARTS[1], "NVIDIA A100-SXM4-40GB, part 1g.5gb", 5120),
        Gpu(H100, "NVIDIA H100 80GB HBM3", 81559),
    )
    assert [gpu.uuid for gpu in look([PARTS[1]]).gpus] == [PARTS[1]]


def test_only_those_that_the_settings_name_are_given_out_and_wrong_names_are_said(machine: Machine) -> None:
    machine.have((H100, "NVIDIA H100", 81559), (A100, "NVIDIA A100", 40960))
    assert [gpu.uuid for gpu in look([A100]).gpus] == [A100]
    found = look([A100, "GPU-gone"])
    assert [gpu.uuid for gpu in found.gpus] == [A100]
    assert found.problem == "The driver does not show GPU-gone: correct gpus.uuids with what nvidia-smi -L prints."
    assert look(["GPU-gone"]).driver is Driver.EMPTY


def test_no_driver_is_said_and_named_gpus_are_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = look()
    assert (found.driver, found.gpus) == (Driver.NONE, ())
    assert found.problem.startswith("This machine has no driver for GPUs (nvidia-smi is missing)")
    # The hub is in a container and the driver beside it.
    assert [gpu.uuid for gpu in look([H100]).gpus] == [H100]
    assert use() == {}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Failed to initialize NVML: Unknown Error", 255),
        ("Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54", 18),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver "
            "is installed and running.",
            9,
        ),
    ],
)
def test_a_broken_driver_is_no_missing_gpu(machine: Machine, words: str, code: int) -> None:
    machine.fail(words, code)
    for uuids in (["auto"], [H100]):
        found = look(uuids)
        assert (found.driver, found.gpus) == (Driver.BROKEN, ())
        assert f"(nvidia-smi says: {words.splitlines()[0]})" in found.problem
    assert use() == {}


def test_a_driver_without_a_gpu_says_so(machine: Machine) -> None:
    machine.fail("No devices were found", 6)
    found = look()
    assert (found.driver, found.gpus) == (Driver.EMPTY, ())
    assert found.problem == "The driver finds no GPU in this machine: offer sizes without one."


# Which are idle


def test_what_cannot_be_measured_is_not_called_idle(machine: Machine) -> None:
    machine.cut()
    machine.compute({A100: "[N/A]", H100: "0"})
    found = use()
    assert found == {A100: Use(None, 512), H100: Use(0, 512)}
    assert busy([PARTS[0], A100, H100], found) == {PARTS[0], A100}
    machine.compute({H100: "1"})
    assert busy([H100], use()) == {H100}
    machine.fail()
    assert busy([H100], use()) == {H100}


def holding(**values: Any) -> Holding:
    return Holding(
        **{"user": "anna", "server": "", "groups": (), "uuids": (H100,), "since": NOON, "ends": None, "busy": NOON, **values}
    )


@pytest.mark.parametrize(
    ("held", "minutes", "expected"),
    [
        ({}, 44.9, Step()),
        ({}, 45, Step(Reason.IDLE, NOON + HOUR)),
        ({"warned": NOON + 45 * MINUTE, "reason": Reason.IDLE}, 59.9, Step(Reason.IDLE, NOON + HOUR)),
        ({"warned": NOON + 45 * MINUTE, "reason": Reason.IDLE}, 60, Step(Reason.IDLE, NOON + HOUR, now=True)),
        # It computes again: the warning is taken away.
        ({"warned": NOON + 45 * MINUTE, "reason": Reason.IDLE, "busy": NOON + 50 * MINUTE}, 51, Step()),
        # The hub was away when it should have warned: the whole warning is still given.
        ({}, 300, Step(Reason.IDLE, NOON + 315 * MINUTE)),
        # Another reason is another warning.
        (
            {"warned": NOON, "reason": Reason.IDLE, "busy": NOON + 11 * HOUR, "ends": NOON + 11 * HOUR},
            11 * 60,
            Step(Reason.TIME, NOON + 11 * HOUR + 15 * MINUTE),
        ),
        ({"ends": NOON + 10 * MINUTE}, 0, Step(Reason.TIME, NOON + 15 * MINUTE)),
    ],
)
def test_nothing_is_taken_back_without_a_whole_warning(held: dict[str, Any], minutes: float, expected: Step) -> None:
    assert step(holding(**held), RULES, now=NOON + minutes * MINUTE, budget_end=None) == expected


def test_a_budget_that_runs_out_is_a_reason_and_no_limits_are_none() -> None:
    at = NOON + 20 * MINUTE
    assert step(holding(), RULES, now=NOON + 5 * MINUTE, budget_end=at) == Step(Reason.BUDGET, at)
    free = Gpus(idle_minutes=0, max_hours=0)
    assert step(holding(), free, now=NOON + 1000 * HOUR, budget_end=None) == Step()


def test_a_long_warning_does_not_come_while_the_gpu_computes() -> None:
    rules = Gpus(idle_minutes=10, warning_minutes=60)
    assert step(holding(busy=NOON), rules, now=NOON + 4 * MINUTE, budget_end=None) == Step()
    assert step(holding(busy=NOON), rules, now=NOON + 5 * MINUTE, budget_end=None) == Step(Reason.IDLE, NOON + 10 * MINUTE)


def test_an_idle_gpu_is_taken_back_after_its_warning_and_a_busy_one_stays(
    machine: Machine, allocator: Allocator, clock: Clock
) -> None:
    machine.have((H100, "NVIDIA H100", 81559), (A100, "NVIDIA A100", 40960))
    anna, bruno = (allocator.request(Ask(user=user)) for user in ("anna", "bruno"))
    assert isinstance(anna, Granted)
    assert isinstance(bruno, Granted)
    machine.compute({anna.uuids[0]: "0", bruno.uuids[0]: "37"})
    stopped: list[tuple[float, str]] = []

    async def stop(held: Holding) -> None:
        stopped.append(((clock.now - NOON) / MINUTE, held.user))
        allocator.release(held.user, held.server)

    warned = None
    for _ in range(90):
        asyncio.run(look_after(allocator, now=clock.now, used=use(), stop=stop))
        if warned is None and any(each.reason for each in allocator.holdings()):
            warned = (clock.now - NOON) / MINUTE
        clock.go(minutes=1)
    assert (warned, stopped) == (45, [(60, "anna")])
    assert allocator.standing("anna").taken == (Reason.IDLE, NOON + HOUR)
    assert allocator.standing("bruno").taken is None


def test_asking_to_keep_it_takes_the_warning_away(machine: Machine, allocator: Allocator, clock: Clock) -> None:
    allocator.request(Ask(user="anna"))

    async def stop(held: Holding) -> None:
        raise AssertionError("it was asked to be kept")

    for minutes in range(70):
        asyncio.run(look_after(allocator, now=clock.now, used={H100: Use(0, 0), A100: Use(0, 0)}, stop=stop))
        if minutes == 50:
            allocator.renew("anna")
        clock.go(minutes=1)
    assert allocator.holdings()[0].reason is None


def test_a_server_that_cannot_be_stopped_is_tried_again(
    allocator: Allocator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    allocator.request(Ask(user="anna"))
    tries = []

    async def stop(held: Holding) -> None:
        tries.append(held.user)
        raise ConnectionRefusedError("the hub is away")

    for _ in range(63):
        asyncio.run(look_after(allocator, now=clock.now, used={H100: Use(0, 0), A100: Use(0, 0)}, stop=stop))
        clock.go(minutes=1)
    assert tries == ["anna"] * 3
    assert "The server of anna could not be stopped (the hub is away)" in caplog.text


# Which a server has lost


class Reports(RequestHandler):
    """Stands for the hub's address for reports: what it is told, and what it answers."""

    def initialize(self, told: list[dict[str, Any]], answer: dict[str, Any]) -> None:
        self.told, self.answer = told, answer

    def post(self) -> None:
        assert self.request.headers["Authorization"] == "token secret"
        self.told.append(json.loads(self.request.body))
        self.write(self.answer)


def check_once(watch: GpuWatch, answer: dict[str, Any]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []

    async def run() -> None:
        server = HTTPServer(Application([("/hub/api/gpus", Reports, {"told": told, "answer": answer})]))
        socket, port = bind_unused_port()
        server.add_socket(socket)
        watch.address = f"http://127.0.0.1:{port}/hub/api"
        await watch.check()
        server.stop()

    asyncio.run(run())
    return told


def test_a_server_that_loses_its_gpu_says_so_with_the_remedy(machine: Machine) -> None:
    watch = GpuWatch.of({"IMAGINE_GPU": H100, "JUPYTERHUB_API_TOKEN": "secret"})
    assert check_once(watch, {}) == [{"lost": ""}]
    assert watch.notice == {"watched": True, "kind": "", "words": ""}
    machine.fail()
    assert check_once(watch, {}) == [{"lost": "Failed to initialize NVML: Unknown Error"}]
    assert watch.notice == {
        "watched": True,
        "kind": "lost",
        "words": "This server has lost its GPU (Failed to initialize NVML: Unknown Error): save your work, stop it and start it again.",
    }
    machine.recover()
    assert check_once(watch, {"warning": "Your GPU is taken back in 10 minutes."}) == [{"lost": ""}]
    assert watch.notice["kind"] == "warning"
    machine.have((A100, "NVIDIA A100", 40960))
    assert check_once(watch, {}) == [{"lost": "the driver shows another one"}]


def test_a_server_says_what_it_sees_while_the_hub_is_away(machine: Machine) -> None:
    machine.fail()
    watch = GpuWatch.of(
        {"IMAGINE_GPU": H100, "JUPYTERHUB_API_TOKEN": "secret", "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api"}
    )
    asyncio.run(watch.check())
    assert watch.notice is not None
    assert watch.notice["kind"] == "lost"


def test_a_server_without_a_gpu_watches_none() -> None:
    assert GpuWatch.of({}).uuids == GpuWatch.of({"IMAGINE_GPU": ""}).uuids == ()
