"""What the pages and the user's server say about GPUs to one person: sentences made of her standing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagine_hub.gpus import words
from imagine_hub.gpus.records import Holding, Reason, Standing, Waiting

if TYPE_CHECKING:
    from imagine_hub.settings import Gpus


@dataclass(frozen=True)
class BudgetLine:
    """One budget on the page."""

    whose: str
    used: float
    limit: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """Sentences about GPUs for one person; each is empty where there is nothing to say.

    Attributes
    ----------
    free_words : str
        What is free.
    mine : str
        How it is for her, in one sentence.
    warning, lost, held, taken : str
        Her GPU is about to be taken back; her server no longer reaches it; one is held for her; hers was taken back.
    can_keep : bool
        Whether asking to keep the GPU would help.
    """

    free_words: str
    mine: str
    warning: str
    lost: str
    held: str
    taken: str
    can_keep: bool
    ticket: Waiting | None
    holding: Holding | None
    budgets: tuple[BudgetLine, ...]

    @property
    def for_reading(self) -> dict[str, Any]:
        """For programs: the sentences and the figures behind them."""
        ticket, holding = self.ticket, self.holding
        return {
            "free": self.free_words,
            "mine": self.mine,
            "warning": self.warning,
            "lost": self.lost,
            "can_keep": self.can_keep,
            "place": ticket.place if ticket is not None else None,
            "expected_wait_s": ticket.wait_s if ticket is not None else None,
            "held_until": ticket.held_until if ticket is not None else None,
            "gpus": list(holding.uuids) if holding is not None else [],
            "taken_back_at": holding.takes if holding is not None else None,
            "budgets": [{"whose": each.whose, "used_h": each.used, "limit_h": each.limit} for each in self.budgets],
        }


def status(standing: Standing, rules: Gpus, problem: str = "") -> Status:
    """Put a standing into words.

    Parameters
    ----------
    standing : Standing
    rules : Gpus
        Section ``[gpus]`` of the settings.
    problem : str
        What is wrong with the driver, or "".
    """
    now, holding, ticket = standing.now, standing.holding, standing.ticket
    limits = {"idle_minutes": rules.idle_minutes, "max_hours": rules.max_hours}
    warning = words.warning(holding, now=now, **limits) if holding is not None else ""
    lost = words.lost(holding.lost) if holding is not None else ""
    held = ""
    if ticket is not None and ticket.held_until is not None:
        held = f"A GPU is held for you for {words.span(ticket.held_until - now)}: start your server with one, or leave the queue."
    taken = ""
    if standing.taken is not None and holding is None:
        reason, at = standing.taken
        why = words.reason(reason, **limits)
        taken = f"Your server was stopped {words.span(now - at)} ago and its GPU taken back, because {why}. Files and corrections are kept."
    can_keep = holding is not None and (holding.reason is Reason.IDLE or (holding.reason is Reason.TIME and not standing.queue))
    return Status(
        free_words=_free_words(standing, problem),
        mine=lost or warning or held or _mine(standing, rules) or taken or "Your server has no GPU, and you wait for none.",
        warning=warning,
        lost=lost,
        held=held,
        taken=taken,
        can_keep=can_keep,
        ticket=ticket,
        holding=holding,
        budgets=tuple(
            BudgetLine(
                whose=f"Group {budget.name}" if budget.is_group else "You",
                used=budget.used,
                limit=budget.limit,
                words=f"{budget.used:.1f} of {budget.limit:g} used",
            )
            for budget in standing.budgets
        ),
    )


def _free_words(standing: Standing, problem: str) -> str:
    if not standing.in_all:
        return problem or "This hub has no GPU to give out."
    found = f"{standing.free} of {standing.in_all} free"
    waiting = f"; {standing.queue} wait{'s' if standing.queue == 1 else ''}" if standing.queue else ""
    then = "" if standing.free else f". For whoever joins the queue now, {words.wait(standing.next_wait_s)}"
    return f"{found}{waiting}{then}."


def _mine(standing: Standing, rules: Gpus) -> str:
    holding, ticket = standing.holding, standing.ticket
    if holding is not None:
        number = len(holding.uuids)
        found = f"Your server has {number} GPU{'' if number == 1 else 's'} since {words.span(standing.now - holding.since)}"
        limits = []
        if holding.ends is not None:
            limits.append(f"after {words.span(rules.max_hours * words.HOUR)}")
        if rules.idle_minutes:
            limits.append(f"when it computes nothing for {words.span(rules.idle_minutes * words.MINUTE)}")
        return f"{found}. It is taken back {', or '.join(limits)}; you are warned before." if limits else f"{found}."
    if ticket is not None and ticket.missed is not None:
        ago = words.span(standing.now - ticket.missed)
        return f"A GPU was held for you and went to the next {ago} ago: start your server with one again to take a new place."
    if ticket is not None:
        return f"{words.place(ticket.place)}; {words.wait(ticket.wait_s)}."
    return ""
