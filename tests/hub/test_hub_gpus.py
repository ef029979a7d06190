"""Who gets a GPU: leases, queue, holds and budgets, by several processes at once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import postgresql
import pytest
from gpu_clock import HOUR, NOON, Clock, ask
from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.records import GpuError, Granted, Reason, Refused, Waiting
from imagine_hub.gpus.tables import LEASES
from imagine_hub.settings import Gpus
from sqlalchemy import create_engine, insert
from sqlalchemy.exc import IntegrityError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgresql.running() as database:
        yield database.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gpus.sqlite"
    url: str = request.getfixturevalue("postgres")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return url


# Several processes at once


def race(allocator: Allocator, url: str, users: int, rounds: int) -> list[dict[str, object]]:
    """Let processes race for the GPUs of a pool that is let go when all of them are in the queue."""
    held = allocator.request(ask("before", gpus=allocator.stock().free))
    assert isinstance(held, Granted)
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "gpu_client.py"), url, f"user-{n}", str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(users)
    ]
    with ThreadPoolExecutor(users) as pool:
        waiting = pool.map(lambda process: process.communicate(timeout=120), processes)
        deadline = time.monotonic() + 60
        while allocator.stock().waiting < users and time.monotonic() < deadline:
            time.sleep(0.05)
        allocator.release("before")
        said = list(waiting)
    for process, (_, errors) in zip(processes, said, strict=True):
        assert process.returncode == 0, errors
    return sorted((json.loads(line) for out, _ in said for line in out.splitlines()), key=lambda event: event["at"])


def test_processes_that_race_never_share_a_gpu_and_nobody_is_lost(database: str) -> None:
    users, rounds, uuids = 5, 6, ("GPU-one", "GPU-two")
    allocator = Allocator(database, Gpus(hold_minutes=5))
    allocator.set_pool(uuids)
    events = race(allocator, database, users, rounds)
    leases = [lease for lease in allocator.history(0, time.time()) if lease.user != "before"]
    allocator.close()

    # Everybody got what she asked for, each time, and nothing is left over.
    granted = [(event["user"], event["server"]) for event in events if event["what"] == "granted"]
    assert sorted(granted) == sorted((f"user-{n}", str(r)) for n in range(users) for r in range(rounds))
    assert len(leases) == users * rounds
    assert all(lease.until is not None for lease in leases)
    # What the clients saw: a GPU is let go before another has it.
    held: dict[str, object] = {}
    for event in events:
        for uuid in event["uuids"]:  # type: ignore[attr-defined]
            if event["what"] == "granted":
                assert uuid not in held, f"{uuid} given to {event['user']} while {held[uuid]} had it"
                held[uuid] = event["user"]
            else:
                assert held.pop(uuid) == event["user"]
    # What the database saw. Whether both were ever held at once depends on how busy the machine is.
    for uuid in uuids:
        mine = sorted((lease.since, lease.until) for lease in leases if lease.uuid == uuid)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(mine))  # type: ignore[operator]
    # There was a queue to be fair in, with everybody in it when the race began.
    assert [event["what"] for event in events[:users]] == ["queued"] * users


def test_whoever_came_first_is_first_whatever_the_processes_do(database: str) -> None:
    allocator = Allocator(database, Gpus(hold_minutes=5))
    allocator.set_pool(["GPU-one"])
    assert isinstance(allocator.request(ask("before")), Granted)
    names = [f"user-{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: (name, allocator.request(ask(name))), names))
    places = {name: answer.place for name, answer in answers if isinstance(answer, Waiting)}
    assert sorted(places.values()) == list(range(1, 9))
    holder, order = "before", []
    for _ in names:
        allocator.release(holder)
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda name: (name, allocator.request(ask(name))), [name for name in names if name not in order]))
        holders = [name for name, answer in got if isinstance(answer, Granted)]
        assert len(holders) == 1
        holder = holders[0]
        order.append(holder)
    assert order == sorted(names, key=places.__getitem__)
    allocator.close()


def test_the_database_itself_refuses_a_second_lease_of_a_gpu(database: str) -> None:
    allocator = Allocator(database, Gpus())
    allocator.set_pool(["GPU-one"])
    assert isinstance(allocator.request(ask("anna")), Granted)
    row = {"uuid": "GPU-one", "user": "bruno", "server": "", "groups": "[]", "since": 1.0, "busy": 1.0, "seen": 1.0, "lost": ""}
    engine = create_engine(database)
    with pytest.raises(IntegrityError, match=r"(?i)unique"), engine.begin() as connection:
        connection.execute(insert(LEASES).values(**row))
    with engine.begin() as connection:
        connection.execute(insert(LEASES).values(**row, until=2.0))
    engine.dispose()
    allocator.close()


def test_a_process_that_dies_in_the_middle_leaves_no_half_lease_and_no_lock(database: str) -> None:
    allocator = Allocator(database, Gpus())
    allocator.set_pool(["GPU-one", "GPU-two"])
    program = (
        "import os, sys\n"
        "from imagine_hub.gpus.allocator import Allocator\n"
        "from imagine_hub.gpus.ledger import Ledger\n"
        "from imagine_hub.settings import Gpus\n"
        "allocator = Allocator(sys.argv[1], Gpus())\n"
        "with allocator._ledger() as ledger:\n"
        "    ledger.lease('anna', '', (), ['GPU-one'])\n"
        "    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, database], check=False).returncode == 9
    assert allocator.holdings() == ()
    answer = allocator.request(ask("bruno", gpus=2))
    assert isinstance(answer, Granted)
    assert sorted(answer.uuids) == ["GPU-one", "GPU-two"]
    allocator.close()


# The queue


def test_a_gpu_that_comes_free_is_held_for_the_first_and_then_for_the_next(
    make_allocator: Callable[..., Allocator], clock: Clock
) -> None:
    allocator = make_allocator("GPU-one", hold_minutes=10)
    assert allocator.request(ask("anna")) == Granted(("GPU-one",))
    bruno, carla = allocator.request(ask("bruno")), allocator.request(ask("carla"))
    assert isinstance(bruno, Waiting)
    assert isinstance(carla, Waiting)
    assert (bruno.place, carla.place) == (1, 2)
    clock.go(minutes=30)
    allocator.release("anna")
    # Nobody overtakes, and who comes now is last.
    answer = allocator.request(ask("dora"))
    assert isinstance(answer, Waiting)
    assert answer.place == 3
    mine = allocator.standing("bruno").ticket
    assert mine is not None
    assert mine.held_until == clock.now + 600
    assert allocator.standing("dora").free == 0
    clock.go(minutes=9.99)
    assert isinstance(allocator.request(ask("carla")), Waiting)
    clock.go(minutes=0.02)
    # Bruno's hold is over to the second: Carla is next, and is told so.
    mine, hers = allocator.standing("bruno").ticket, allocator.standing("carla").ticket
    assert mine is not None
    assert hers is not None
    assert (mine.place, mine.missed) == (0, clock.now)
    assert hers.held_until == clock.now + 600
    assert allocator.request(ask("carla")) == Granted(("GPU-one",))
    # Bruno may come again, behind Dora.
    again = allocator.request(ask("bruno"))
    assert isinstance(again, Waiting)
    assert again.place == 2


def test_leaving_the_queue_gives_the_hold_to_the_next(make_allocator: Callable[..., Allocator]) -> None:
    allocator = make_allocator("GPU-one")
    allocator.request(ask("anna"))
    allocator.request(ask("bruno"))
    allocator.request(ask("carla"))
    allocator.release("anna")
    assert allocator.leave("bruno")
    assert not allocator.leave("bruno")
    assert allocator.request(ask("carla")) == Granted(("GPU-one",))


def test_asking_twice_keeps_the_place_and_the_lease(make_allocator: Callable[..., Allocator]) -> None:
    allocator = make_allocator("GPU-one")
    assert allocator.request(ask("anna")) == allocator.request(ask("anna")) == Granted(("GPU-one",))
    first, _, again = allocator.request(ask("bruno")), allocator.request(ask("carla")), allocator.request(ask("bruno"))
    assert isinstance(first, Waiting)
    assert isinstance(again, Waiting)
    assert first.place == again.place == 1
    assert len(allocator.history(0, NOON + 1)) == 1


def test_who_wants_two_is_not_overtaken_by_those_who_want_one(make_allocator: Callable[..., Allocator]) -> None:
    allocator = make_allocator("GPU-one", "GPU-two")
    allocator.request(ask("anna"))
    allocator.request(ask("bruno"))
    allocator.request(ask("carla", gpus=2))
    allocator.request(ask("dora"))
    allocator.release("anna")
    assert isinstance(allocator.request(ask("dora")), Waiting)
    assert isinstance(allocator.request(ask("carla", gpus=2)), Waiting)
    allocator.release("bruno")
    answer = allocator.request(ask("carla", gpus=2))
    assert isinstance(answer, Granted)
    assert sorted(answer.uuids) == ["GPU-one", "GPU-two"]


def test_more_than_there_are_is_refused_and_stops_nobody(make_allocator: Callable[..., Allocator]) -> None:
    allocator = make_allocator("GPU-one", "GPU-two")
    answer = allocator.request(ask("anna", gpus=3))
    assert answer == Refused("This size needs 3 GPUs and this hub can give out 2: choose another size.")
    allocator.request(ask("bruno"))
    allocator.request(ask("anna", gpus=2))
    allocator.request(ask("carla"))
    # One breaks: Anna can never have two, so Carla need not wait for her.
    allocator.set_pool(["GPU-two"])
    allocator.release("bruno")
    assert allocator.request(ask("carla")) == Granted(("GPU-two",))


def test_the_expected_wait_comes_from_what_is_usual(make_allocator: Callable[..., Allocator], clock: Clock) -> None:
    allocator = make_allocator("GPU-one", max_hours=0)
    for n in range(3):
        allocator.request(ask(f"earlier-{n}"))
        clock.go(hours=2)
        allocator.release(f"earlier-{n}")
    allocator.request(ask("anna"))
    clock.go(hours=0.5)
    bruno, carla = allocator.request(ask("bruno")), allocator.request(ask("carla"))
    assert isinstance(bruno, Waiting)
    assert isinstance(carla, Waiting)
    assert bruno.wait_s == pytest.approx(1.5 * HOUR)
    assert carla.wait_s == pytest.approx(3.5 * HOUR)
    assert allocator.standing("dora").next_wait_s == pytest.approx(5.5 * HOUR)


def test_without_history_and_without_a_limit_nobody_knows_how_long(make_allocator: Callable[..., Allocator]) -> None:
    allocator = make_allocator("GPU-one", max_hours=0)
    assert allocator.standing("bruno").next_wait_s == 0
    allocator.request(ask("anna"))
    answer = allocator.request(ask("bruno"))
    assert isinstance(answer, Waiting)
    assert answer.wait_s is None


# After a crash


def test_after_a_crash_leases_of_servers_that_are_gone_are_freed(make_allocator: Callable[..., Allocator], clock: Clock) -> None:
    allocator = make_allocator("GPU-one", "GPU-two")
    allocator.request(ask("anna"))
    allocator.request(ask("bruno"))
    allocator.request(ask("carla"))
    clock.go(hours=1)
    allocator.observe([])
    clock.go(hours=3)
    allocator.close()

    again = make_allocator("GPU-one", "GPU-two")
    (gone,) = again.reconcile([("bruno", "")])
    assert (gone.user, gone.uuids) == ("anna", ("GPU-one",))
    assert [each.user for each in again.holdings()] == ["bruno"]
    # Anna pays until the hub has last seen her server, and not for the time in which nobody looked.
    (hers,) = [lease for lease in again.history(0, clock.now) if lease.user == "anna"]
    assert hers.until == NOON + HOUR
    assert again.request(ask("carla")) == Granted(("GPU-one",))


def test_a_server_that_starts_while_the_list_is_asked_for_keeps_its_gpu(
    make_allocator: Callable[..., Allocator], clock: Clock
) -> None:
    allocator = make_allocator("GPU-one")
    clock.go(minutes=1)
    allocator.request(ask("anna"))
    assert allocator.reconcile([], known_before=NOON) == ()
    assert len(allocator.holdings()) == 1


def test_a_server_that_is_found_again_keeps_its_gpu_even_if_the_books_were_lost(make_allocator: Callable[..., Allocator]) -> None:
    allocator = make_allocator("GPU-one", "GPU-two")
    allocator.adopt("anna", "", ("plankton",), ["GPU-two"])
    allocator.adopt("anna", "", ("plankton",), ["GPU-two"])
    (holding,) = allocator.holdings()
    assert (holding.user, holding.uuids, holding.groups) == ("anna", ("GPU-two",), ("plankton",))
    assert allocator.request(ask("bruno")) == Granted(("GPU-one",))
    with pytest.raises(GpuError, match="GPU-two is in the hands of anna and of carla: stop one of their servers"):
        allocator.adopt("carla", "", (), ["GPU-two"])


def test_history_gives_the_leases_that_touch_a_span(make_allocator: Callable[..., Allocator], clock: Clock) -> None:
    allocator = make_allocator("GPU-one")
    allocator.request(ask("anna", groups=("plankton",)))
    clock.go(hours=1)
    allocator.release("anna")
    clock.go(hours=1)
    allocator.request(ask("bruno"))
    first, second = allocator.history(NOON, clock.now)
    assert (first.user, first.groups, first.since, first.until) == ("anna", ("plankton",), NOON, NOON + HOUR)
    assert (second.user, second.until) == ("bruno", None)
    assert [lease.user for lease in allocator.history(NOON + 1.5 * HOUR, clock.now)] == ["bruno"]
    assert allocator.history(NOON - 2 * HOUR, NOON - HOUR) == []


def test_keeping_a_gpu_is_refused_when_others_wait_for_it(make_allocator: Callable[..., Allocator], clock: Clock) -> None:
    allocator = make_allocator("GPU-one", max_hours=4)
    with pytest.raises(GpuError, match="Your server has no GPU that you could keep"):
        allocator.renew("anna")
    allocator.request(ask("anna"))
    clock.go(hours=3.9)
    (holding,) = allocator.holdings()
    allocator.warn(holding, Reason.TIME, holding.ends)
    allocator.renew("anna")
    (holding,) = allocator.holdings()
    assert (holding.ends, holding.reason) == (clock.now + 4 * HOUR, None)
    allocator.warn(holding, Reason.TIME, holding.ends)
    allocator.request(ask("bruno"))
    with pytest.raises(GpuError, match="Your time is over and others wait"):
        allocator.renew("anna")
    (holding,) = allocator.holdings()
    allocator.warn(holding, Reason.BUDGET, clock.now)
    with pytest.raises(GpuError, match="The GPU-hours of this month are used up"):
        allocator.renew("anna")
