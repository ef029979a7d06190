"""The queue for GPUs, whatever people do: properties."""

from __future__ import annotations

import pytest
from gpu_clock import HOUR, NOON, Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.queue import Ticket, expected_end, settle, usual_s, waits
from imagine_hub.gpus.records import Ask, Granted, Waiting
from imagine_hub.settings import Gpus

TICKETS = st.lists(st.integers(1, 4), max_size=12).map(lambda sizes: [Ticket(n + 1, size) for n, size in enumerate(sizes)])


@given(tickets=TICKETS, in_all=st.integers(0, 6), taken=st.integers(0, 6))
@settings(deadline=None)
def test_settling_holds_no_more_than_is_free_and_lets_nobody_overtake(tickets: list[Ticket], in_all: int, taken: int) -> None:
    free = max(0, in_all - taken)
    settled = settle(tickets, free=free, in_all=in_all, now=NOON, hold_s=60)
    assert [ticket.number for ticket in settled.waiting] == [ticket.number for ticket in tickets]
    held = [ticket for ticket in settled.waiting if ticket.held_until is not None]
    assert sum(ticket.gpus for ticket in held) + settled.free <= free
    possible = [ticket for ticket in settled.waiting if ticket.gpus <= in_all]
    assert [ticket.number for ticket in held] == [ticket.number for ticket in possible[: len(held)]]
    # Nothing lies idle that the next one could use.
    if len(held) < len(possible):
        assert possible[len(held)].gpus > free - sum(ticket.gpus for ticket in held)
        assert settled.free == 0
    # Looking twice changes nothing.
    assert settle(settled.waiting, free=free, in_all=in_all, now=NOON, hold_s=60) == settled


@given(
    queue=st.lists(st.integers(1, 3), max_size=8),
    ends=st.lists(st.floats(-HOUR, 24 * HOUR), min_size=1, max_size=5),
    usual=st.floats(60, 12 * HOUR),
)
@settings(deadline=None)
def test_expected_waits_never_shrink_with_the_place(queue: list[int], ends: list[float], usual: float) -> None:
    found = waits(queue, free_at=[NOON + end for end in ends], now=NOON, usual=usual)
    assert len(found) == len(queue)
    known = [each for each in found if each is not None]
    assert known == sorted(known)
    assert all(each >= 0 for each in known)
    assert [each is None for each in found] == [gpus > len(ends) for gpus in queue]


@given(finished=st.lists(st.floats(1, 1e6), max_size=30), limit=st.sampled_from([0.0, HOUR]), elapsed=st.floats(0, 1e6))
def test_what_is_usual_never_exceeds_the_limit_and_no_end_lies_in_the_past(
    finished: list[float], limit: float, elapsed: float
) -> None:
    usual = usual_s(finished, limit)
    if usual is None:
        assert not limit
        assert len(finished) < 3
        return
    assert not limit or usual <= limit
    assert expected_end(since=NOON - elapsed, ends=None, now=NOON, usual=usual) > NOON
    assert expected_end(since=NOON - elapsed, ends=NOON - 5, now=NOON, usual=usual) == NOON


STEPS = st.lists(
    st.tuples(st.sampled_from(["request", "release", "leave", "wait"]), st.integers(0, 3), st.integers(1, 2)), max_size=20
)


@given(steps=STEPS)
@settings(deadline=None, max_examples=20)
def test_whatever_people_do_the_books_are_right(
    steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = Clock()
    allocator = Allocator(f"sqlite:///{tmp_path_factory.mktemp('gpus')}/gpus.sqlite", Gpus(hold_minutes=10), clock)
    allocator.set_pool(["GPU-one", "GPU-two", "GPU-three"])
    asked: dict[str, int] = {}
    for what, number, gpus in steps:
        user = f"user-{number}"
        clock.go(minutes=0.5)
        if what == "request":
            wanted = asked.setdefault(user, gpus)
            answer = allocator.request(Ask(user=user, gpus=wanted))
            assert isinstance(answer, Granted | Waiting)
            assert not isinstance(answer, Granted) or len(answer.uuids) == wanted
        elif what == "release":
            allocator.release(user)
            asked.pop(user, None)
        elif what == "leave":
            allocator.leave(user)
        else:
            clock.go(minutes=4)
        holdings = allocator.holdings()
        uuids = [uuid for each in holdings for uuid in each.uuids]
        assert len(uuids) == len(set(uuids)) <= 3
        places = []
        for n in range(4):
            ticket = allocator.standing(f"user-{n}").ticket
            if ticket is not None and ticket.place:
                places.append(ticket.place)
        # Places are 1, 2, 3, … without gaps; nobody waits who already has.
        assert sorted(places) == list(range(1, len(places) + 1))
        stock = allocator.stock()
        assert (stock.leased, stock.waiting, stock.free) == (len(uuids), len(places), 3 - len(uuids))
    allocator.close()
