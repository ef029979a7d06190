"""Cut-off processes, and several at once: nothing that was confirmed is lost, and the chain holds."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reef import ANNA, BEN, marked

from imagine_kernels.annotation import Project, Projects
from imagine_kernels.annotation.verifying import verify

#: Says a line for each save that has come back.
WRITER = """
import sys
import time
from imagine_kernels.annotation import Conflict, Edit, Person, Projects
from imagine_kernels.records import Annotation, Shape
where, who, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
project = Projects(where).open("Reef", by=Person(who, ("lab",)))
for i in range(n):
    time.sleep(0.005)  # nobody draws without a pause
    saved = project.add(Annotation(id=f"{who}-{sys.argv[4]}-{i}", medium="dive/0001.jpg", shape=Shape.of("point", (i, i))))
    print(saved.id, flush=True)
    while i % 4 == 0:
        shared = project.get("shared")
        try:
            project.change("shared", base=shared.version, attributes={"n": shared.annotation.attributes["n"] + 1, "by": who})
            break
        except Conflict:
            continue
    if i % 4 == 0:
        print("shared", flush=True)
"""


def start(where: str, who: str, n: int, turn: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, where, who, str(n), str(turn)], stdout=subprocess.PIPE, text=True)


def kill_at_random(where: str, project: Project, kills: int, *, at_once: int, seed: int) -> None:
    """Start writers, kill them in the middle, and count what they had confirmed."""
    chance = random.Random(seed)
    project.add(marked("shared", attributes={"n": 0}))
    confirmed: list[str] = []
    for turn in range(0, kills, at_once):
        writers = [start(where, f"writer{n}", 10_000, turn) for n in range(at_once)]
        for writer in writers:
            assert writer.stdout is not None
            confirmed.append(writer.stdout.readline().strip())
        time.sleep(chance.uniform(0.0, 0.25))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            assert writer.stdout is not None
            # The last line may be cut off.
            confirmed += [line.strip() for line in writer.stdout if line.endswith("\n")]
            writer.wait()
    kept = {stored.annotation.id for stored in project.state_at(project.head[0])}
    assert "" not in confirmed
    assert set(confirmed) <= kept
    shared = confirmed.count("shared")
    assert shared <= int(project.get("shared").annotation.attributes["n"]) <= shared + kills
    assert verify(project).problem == ""
    assert len(confirmed) > kills


def test_writers_that_are_killed_lose_no_confirmed_save(where: str, project: Project) -> None:
    kill_at_random(where, project, 8, at_once=4, seed=1)


@pytest.mark.slow
def test_two_hundred_writers_that_are_killed_lose_no_confirmed_save(where: str, project: Project) -> None:
    kill_at_random(where, project, 200, at_once=4, seed=2)


def test_five_hundred_interleaved_edits_of_four_processes_are_all_there(where: str, project: Project) -> None:
    project.add(marked("shared", attributes={"n": 0}))
    head = project.head[0]
    writers = [start(where, f"writer{n}", 100, 0) for n in range(4)]
    for writer in writers:
        writer.communicate(timeout=300)
        assert writer.returncode == 0
    assert project.head[0] - head == 500
    assert project.get("shared").annotation.attributes["n"] == 100
    authors = [event.author for event in project.changes_since(head)]
    assert sum(a != b for a, b in itertools.pairwise(authors)) > 8  # they did take turns
    assert verify(project).problem == ""


def test_opening_a_new_database_at_once_makes_it_once(tmp_path: Path) -> None:
    opening = "import sys; from imagine_kernels.annotation import Projects; Projects(sys.argv[1])"
    started = [
        subprocess.Popen([sys.executable, "-c", opening, str(tmp_path / "a.db")], stderr=subprocess.PIPE) for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    Projects(tmp_path / "a.db").create("Reef", by=ANNA)
    assert Projects(tmp_path / "a.db").of(BEN) == []
