"""Filters and counts give what a plain look at every annotation gives, on both databases."""

from __future__ import annotations

import itertools
import random

import pytest
from reef import named

from imagine_kernels.annotation import Edit, Filter, Project, Stored, filters
from imagine_kernels.records import STATUSES, Annotation, Shape

LABELS = ["Sponge", "Coral", "Coral/Soft", "Coral/Soft/Red", "Coral-like", "Fish", "Fish/Ray"]
AUTHORS = ["anna", "ben", "model:yolo@3", ""]


@pytest.fixture
def filled(project: Project) -> Project:
    chance = random.Random(7)
    made = [
        Annotation(
            id=f"a{n}",
            medium=f"dive/{chance.randint(1, 5):04d}.jpg",
            shape=Shape.of("point", (n, n)),
            labels=(
                named(
                    chance.choice(LABELS), annotator=chance.choice(AUTHORS), confidence=chance.choice([None, 0.25, 0.5, 0.9, 1.0])
                ),
            )
            if chance.random() > 0.1
            else (),
            status=chance.choice(STATUSES),
        )
        for n in range(300)
    ]
    project.add_many(made[:150], problems=[])
    project.add_many(made[150:], problems=[])
    gone = chance.sample(range(300), 40)
    project.write([Edit(id=f"a{n}", base=project.get(f"a{n}").version, deleted=True) for n in gone[:20]])
    project.write([Edit(id=f"a{n}", base=project.get(f"a{n}").version, status="dubious") for n in gone[20:]])
    return project


def looked_at(project: Project) -> list[tuple[Stored, int, str]]:
    """Each annotation with the sequence and the time at which it was made."""
    made = {event.subject: event for event in reversed(project.changes_since(0, limit=10_000))}
    return [
        (stored, made[stored.annotation.id].sequence, made[stored.annotation.id].time)
        for stored in project.state_at(project.head[0])
    ]


def plainly(everything: list[tuple[Stored, int, str]], chosen: Filter) -> list[str]:
    """One look at each."""

    def fits(stored: Stored, time: str) -> bool:
        held = stored.annotation
        first = held.labels[0] if held.labels else None
        low, high = chosen.confidence or (0, 0)
        sure = -1 if first is None or first.confidence is None else first.confidence
        return (
            (chosen.label is None or (first is not None and first.path[: len(chosen.label)] == chosen.label))
            and (chosen.statuses is None or held.status in chosen.statuses)
            and (chosen.authors is None or (first.annotator if first else "anna") in chosen.authors)
            and (chosen.medium is None or held.medium == chosen.medium)
            and (chosen.since is None or time >= chosen.since)
            and (chosen.until is None or time < chosen.until)
            and (chosen.confidence is None or low <= sure <= high)
        )

    found = sorted((sequence, stored.annotation) for stored, sequence, time in everything if fits(stored, time))
    if chosen.confidence is not None:
        found.sort(key=lambda each: (each[1].labels[0].confidence or 0, each[0]), reverse=True)
    return [annotation.id for _, annotation in found]


def paged(project: Project, chosen: Filter, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = project.page(chosen, limit=limit, after=after)
        found += [stored.annotation.id for stored in page.items]
        after = page.next
        if after is None:
            return found


def choices(project: Project) -> list[Filter]:
    middle = project.history("a150")[0].time
    labels: list[tuple[str, ...] | None] = [
        None,
        ("Biota",),
        ("Biota", "Coral"),
        ("Biota", "Coral", "Soft", "Red"),
        ("Nowhere",),
        (),
    ]
    some = [
        {"label": label, "statuses": statuses, "authors": authors}
        for label, statuses, authors in itertools.product(
            labels, [None, ("validated", "dubious")], [None, ("ben", "model:yolo@3")]
        )
    ]
    further = [{}, {"confidence": (0.25, 0.9)}, {"medium": "dive/0002.jpg"}, {"since": middle}, {"until": middle}]
    return [Filter(**one, **other) for n, one in enumerate(some) for m, other in enumerate(further) if m < 2 or n % 5 == m]


def test_pages_hold_what_a_look_at_each_would_find(filled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = looked_at(filled)
    for n, chosen in enumerate(choices(filled)):
        # As it is, and as if there were many.
        monkeypatch.setattr(filters, "_FEW", 20_000 if n % 3 == 0 else 20)
        monkeypatch.setattr(filters, "_RUNS", 100 if n % 3 == 0 else 3)
        expected = plainly(everything, chosen)
        assert paged(filled, chosen, 40) == expected, chosen
        counted = filled.count(chosen)
        assert counted in (None, len(expected)), chosen
        assert (counted is None) == any((chosen.medium, chosen.since, chosen.until, chosen.confidence))


def test_counters_are_those_of_a_look_at_each(filled: Project) -> None:
    counts = filled.counts()
    held = [stored.annotation for stored in filled.state_at(filled.head[0])]
    assert sum(counts.statuses.values()) == len(held) == 280
    for status in STATUSES:
        assert counts.statuses[status] == sum(each.status == status for each in held)
    for path, by_status in counts.labels.items():
        for status, n in by_status.items():
            assert n == sum((each.labels[0].path if each.labels else ()) == path and each.status == status for each in held)
    for shown in filled.media():
        assert sum(shown.counts.values()) == sum(each.medium == shown.medium.name for each in held)


def test_media_come_in_pages_by_name(filled: Project) -> None:
    first = filled.media(limit=2)
    rest = filled.media(limit=100, after=first[-1].medium.name)
    assert [shown.medium.name for shown in first + rest] == [f"dive/{n:04d}.jpg" for n in range(1, 6)]
