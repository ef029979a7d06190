"""GPU-hours of a month: counted to the second, for a user and for a group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from gpu_clock import Clock, ask
from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.records import Granted, Refused


def test_budgets_are_counted_to_the_second_and_running_leases_count(
    make_allocator: Callable[..., Allocator], clock: Clock
) -> None:
    allocator = make_allocator("GPU-one", "GPU-two", user_hours=2, max_hours=0)
    allocator.request(ask("anna"))
    clock.go(hours=1.5)
    allocator.release("anna")
    clock.go(hours=5)
    allocator.request(ask("anna"))
    clock.go(minutes=15)
    (budget,) = allocator.standing("anna").budgets
    assert (budget.used, budget.left) == pytest.approx((1.75, 0.25))
    # It is known when it will be used up, to the second.
    (holding,) = allocator.holdings()
    assert allocator.budget_end(holding) == pytest.approx(clock.now + 900)
    clock.go(minutes=15)
    allocator.release("anna")
    answer = allocator.request(ask("anna"))
    assert isinstance(answer, Refused)
    assert answer.words.startswith("The 2 GPU-hours that you have this month are used up: start without a GPU;")
    # Another's budget is another's.
    assert isinstance(allocator.request(ask("bruno")), Granted)


def test_two_gpus_count_twice(make_allocator: Callable[..., Allocator], clock: Clock) -> None:
    allocator = make_allocator("GPU-one", "GPU-two", user_hours=2)
    allocator.request(ask("anna", gpus=2))
    clock.go(minutes=30)
    (budget,) = allocator.standing("anna").budgets
    assert budget.used == pytest.approx(1.0)
    (holding,) = allocator.holdings()
    assert allocator.budget_end(holding) == pytest.approx(clock.now + 1800)


def test_a_group_shares_its_budget(make_allocator: Callable[..., Allocator], clock: Clock) -> None:
    allocator = make_allocator("GPU-one", "GPU-two", group_hours={"plankton": 3, "video": 0})
    groups = ("plankton", "video")
    allocator.request(ask("anna", groups=groups))
    allocator.request(ask("bruno", groups=("plankton",)))
    clock.go(hours=1)
    allocator.release("bruno")
    (budget,) = allocator.standing("anna", groups=groups).budgets
    assert (budget.name, budget.is_group, budget.used) == ("plankton", True, pytest.approx(2.0))
    clock.go(hours=1)
    answer = allocator.request(ask("carla", groups=("plankton",)))
    assert isinstance(answer, Refused)
    assert "The 3 GPU-hours of the group plankton this month are used up" in answer.words
    assert isinstance(allocator.request(ask("dora")), Granted)


def test_a_month_begins_anew_and_a_lease_over_its_end_is_cut_there(
    make_allocator: Callable[..., Allocator], clock: Clock
) -> None:
    clock.now = datetime(2026, 12, 31, 22, tzinfo=UTC).timestamp()
    allocator = make_allocator("GPU-one", user_hours=2.5, max_hours=0)
    allocator.request(ask("anna"))
    (holding,) = allocator.holdings()
    # Two hours are left of the month and two and a half of the budget: it does not run out in this month.
    assert allocator.budget_end(holding) is None
    clock.go(hours=3)
    (budget,) = allocator.standing("anna").budgets
    assert budget.used == pytest.approx(1.0)


def test_who_has_used_up_her_budget_does_not_keep_others_waiting(make_allocator: Callable[..., Allocator], clock: Clock) -> None:
    allocator = make_allocator("GPU-one", user_hours=1, max_hours=0)
    allocator.request(ask("anna", server="a"))
    allocator.request(ask("anna", server="b"))
    allocator.request(ask("carla"))
    clock.go(hours=1)
    allocator.release("anna", "a")
    assert isinstance(allocator.request(ask("anna", server="b")), Refused)
    assert allocator.request(ask("carla")) == Granted(("GPU-one",))
