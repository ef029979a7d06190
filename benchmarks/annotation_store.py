"""The annotation store with a million annotations in one project: saves, pages and filters, on SQLite and on PostgreSQL.

    python benchmarks/annotation_store.py [--annotations N] [--repeats N]

Writes ``benchmarks/results/annotation_store.md``. Annotations have 200 labels in a tree, six authors, four statuses and 10 000 media; each is
one event in the chain of hashes. Every figure is of the whole call as an app makes it, transaction and synchronisation with the disk included
(PostgreSQL is the one of the tests, which does not wait for the disk).
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "hub"), str(ROOT / "tests" / "hub")]

import postgresql  # noqa: E402  # the server of the tests

from imagine_kernels.annotation import Filter, Person, Project, Projects  # noqa: E402
from imagine_kernels.records import STATUSES, Annotation, Label, LabelGiven, Medium, Shape  # noqa: E402

OUT = ROOT / "benchmarks" / "results" / "annotation_store.md"
AUTHORS = ("anna", "ben", "carla", "model:yolo@3", "model:yolo@4", "model:dino@1")
#: Highest values that are demanded: seconds for one save, seconds for a page; lowest: saves per second in bulk.
SAVE_S, PAGE_S, BULK_PER_S = 0.020, 0.100, 5000
N_MEDIA = 10_000


def labels() -> list[Label]:
    """A root, ten groups and 200 species."""
    groups = [Label(name=f"Group {n}", parent=("Biota",)) for n in range(10)]
    species = [Label(name=f"Species {n}", parent=("Biota", f"Group {n % 10}")) for n in range(200)]
    return [Label(name="Biota"), *groups, *species]


def made(n: int, paths: list[tuple[str, ...]]) -> Iterator[Annotation]:
    """Boxes as a detector and three people leave them; rare labels and authors come late, so that an order by number does not help."""
    chance = random.Random(1)
    for i in range(n):
        place = chance.random() * 3000
        late = i > 0.98 * n
        yield Annotation(
            id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            medium=f"dive/{chance.randrange(N_MEDIA):06d}.jpg",
            shape=Shape.of("rectangle", (place, place / 2, place + 40.5, place / 2 + 30.25)),
            labels=(
                LabelGiven(
                    path=paths[int(len(paths) * chance.random() ** 2 * (1 if late else 0.9))],
                    annotator=AUTHORS[2] if late and chance.random() < 0.1 else AUTHORS[chance.choice((0, 1, 3, 3, 4, 5))],
                    confidence=round(chance.random(), 4),
                ),
            ),
            status=chance.choices(STATUSES, (6, 3, 0.5, 0.5))[0],
        )


def taken(act: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median and highest of some calls, seconds; the first is left out."""
    act()
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        act()
        found.append(time.perf_counter() - begin)
    return statistics.median(found), max(found)


def reads(project: Project, n: int) -> dict[str, Callable[[], object]]:
    """What an app asks for."""
    middle = project.changes_since(n // 2, limit=1)[0].time
    head = project.head[0]

    def page(chosen: Filter) -> Callable[[], object]:
        return lambda: project.page(chosen, limit=100)

    return {
        "open: counts and first 100 media": lambda: (project.counts(), project.media(limit=100)),
        "page: first 100": page(Filter()),
        "page: all of a common label": page(Filter(label=("Biota", "Group 0", "Species 0"))),
        "page: subtree of 20 labels": page(Filter(label=("Biota", "Group 7"))),
        "page: subtree of all labels, discarded": page(Filter(label=("Biota",), statuses=("discarded",))),
        "page: a rare author": page(Filter(authors=("carla",))),
        "page: subtree, two authors, predicted": page(
            Filter(label=("Biota", "Group 9"), authors=("anna", "model:dino@1"), statuses=("predicted",))
        ),
        "page: confidence 0.50 to 0.51": page(Filter(confidence=(0.50, 0.51))),
        "page: subtree, confidence from 0.9, predicted": page(
            Filter(label=("Biota", "Group 3"), confidence=(0.9, 1.0), statuses=("predicted",))
        ),
        "page: one medium": page(Filter(medium="dive/004321.jpg")),
        "page: since the middle, dubious": page(Filter(since=middle, statuses=("dubious",))),
        "page: the 50 000th of a subtree": lambda: project.page(Filter(label=("Biota", "Group 1")), limit=100, after=(0, n // 2)),
        "count: subtree, one author": lambda: project.count(Filter(label=("Biota", "Group 5"), authors=("ben",))),
        "changes since the last look": lambda: project.changes_since(head),
    }


def measured(where: str, n: int, repeats: int, server: postgresql.Database | None = None) -> dict[str, tuple[float, float, str]]:
    """Fill a project, then ask: name -> median, highest, target."""
    store = Projects(where)
    anna = Person("anna")
    tree = store.trees.save("marine", labels(), author="anna")
    project = store.create("Reef", by=anna, tree=tree)
    project.add_media(Medium(name=f"dive/{i:06d}.jpg", sha256=f"{i:064x}") for i in range(N_MEDIA))
    paths = [label.path for label in tree.labels if len(label.path) == 3]
    waiting, taken_s, cpu_s = made(n, paths), 0.0, 0.0
    while part := list(islice(waiting, 50_000)):
        begin, cpu = time.perf_counter(), time.process_time()
        assert project.add_many(part) == len(part)
        taken_s, cpu_s = taken_s + time.perf_counter() - begin, cpu_s + time.process_time() - cpu
    rate, of_cpu = n / taken_s, n / cpu_s
    print(f"{rate:.0f} annotations/s ({of_cpu:.0f} per second of processor)", flush=True)
    if server is not None:
        # As autovacuum does within the minute.
        postgresql.query(server, "VACUUM ANALYZE")
    found = {"bulk: annotations/s": (rate, of_cpu, f"≥ {BULK_PER_S}")}
    one = iter(made(10**9, paths))

    def save() -> None:
        annotation = next(one)
        project.add(Annotation(id=str(uuid.uuid4()), medium=annotation.medium, shape=annotation.shape, labels=annotation.labels))

    found["one save"] = (*taken(save, 20 * repeats), f"≤ {SAVE_S * 1000:.0f}")
    for name, act in reads(project, n).items():
        found[name] = (*taken(act, repeats), f"≤ {PAGE_S * 1000:.0f}")
        print(f"{name}: {found[name][0] * 1000:.1f} ms", flush=True)
    store.close()
    return found


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["SQLite", "PostgreSQL"], help="measure one of them, and write nothing")
    given = parser.parse_args()
    figures = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        if given.only != "PostgreSQL":
            figures["SQLite"] = measured(f"{folder}/annotations.db", given.annotations, given.repeats)
        if given.only != "SQLite":
            server = stack.enter_context(postgresql.running())
            figures["PostgreSQL"] = measured(server.url, given.annotations, given.repeats, server)
    if given.only:
        return
    lines = ["| call | SQLite, ms | PostgreSQL, ms | target, ms |", "|---|---|---|---|"]
    for name, (*_, target) in figures["SQLite"].items():
        cells = []
        for each in figures.values():
            middle, highest, _ = each[name]
            bulk = name.startswith("bulk")
            cells.append(f"{middle:,.0f}".replace(",", " ") if bulk else f"{middle * 1000:.1f} (≤ {highest * 1000:.0f})")
        lines.append(f"| {name} | {' | '.join(cells)} | {target} |")
    load = os.getloadavg()[2]
    of_cpu = ", ".join(f"{name} {each['bulk: annotations/s'][1]:.0f}" for name, each in figures.items())
    said = (
        f"{given.annotations:,} annotations in one project; median and highest of {given.repeats} calls (saves: {20 * given.repeats}), on"
        f" {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}; other work on the machine: load average {load:.1f}. Annotations in bulk per"
        f" second of processor time of the writer: {of_cpu}. SQLite with synchronous=FULL; PostgreSQL on the same machine, not"
        " waiting for the disk."
    ).replace(",000", " 000")
    text = "# The annotation store\n\n" + "\n".join(lines) + f"\n\n{said}\n"
    print(text)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
