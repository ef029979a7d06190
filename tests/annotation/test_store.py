"""The store of corrections: a fold that can be trusted, on a disk that can be cut off."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.annotation import AnnotationStore, Correction, Session, StaleSequence, fold, next_redo, next_undo
from imagine_kernels.errors import DataError, NotEnoughSpace, UnknownName


@pytest.fixture
def store(tmp_path: Path) -> AnnotationStore:
    return AnnotationStore(tmp_path / "annotations.db")


def begun(store: AnnotationStore, name: str = "st01") -> Session:
    return store.new_session(use_case="zooscan", name=name, source="/data/st01", fingerprint="f", model_hash="m", author="anna")


IDS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            IDS,
            st.one_of(st.none(), st.sampled_from(["Copepoda", "detritus"])),
            st.sampled_from(["validated", "dubious", "discarded"]),
        ),
        st.just("undo"),
        st.just("redo"),
    ),
    max_size=30,
)


def plain_states(steps: list[object]) -> dict[str, tuple[str | None, str]]:
    """The same by two stacks, as an editor does it: an implementation of its own."""
    done: list[tuple[list[str], str | None, str]] = []
    undone: list[tuple[list[str], str | None, str]] = []
    for step in steps:
        if step == "undo":
            if done:
                undone.append(done.pop())
        elif step == "redo":
            if undone:
                done.append(undone.pop())
        else:
            done.append(step)  # type: ignore[arg-type]
            undone.clear()
    states: dict[str, tuple[str | None, str]] = {}
    for ids, label, status in done:
        for each in ids:
            states[each] = (label if label is not None else states.get(each, (None, ""))[0], status)
    return states


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_any_sequence_of_corrections_undo_and_redo_folds_to_what_an_editor_would_show(steps: list[object]) -> None:
    rows: list[Correction] = []
    for step in steps:
        sequence = len(rows) + 1
        if step in ("undo", "redo"):
            target = next_undo(rows) if step == "undo" else next_redo(rows)
            if target is not None:
                rows.append(Correction(sequence=sequence, undoes=target.sequence))
        else:
            ids, label, status = step  # type: ignore[misc]
            rows.append(Correction(sequence=sequence, object_ids=tuple(ids), label=label, status=status))
    assert {each: (state.label, state.status) for each, state in fold(rows).items()} == plain_states(steps)


def test_what_was_written_is_read_back(store: AnnotationStore) -> None:
    session = begun(store)
    ids = ["st01_1", "st01_2", "Straße_µ"]
    first = store.append(session.id, object_ids=ids, label="Copepoda", after=0, author="anna")
    second = store.undo(session.id, after=1)
    third = store.redo(session.id, after=2)
    again = AnnotationStore(store.path).corrections(session.id)
    assert again == [first, second, third]
    assert (first.object_ids, first.label, first.status, first.author) == (tuple(ids), "Copepoda", "validated", "anna")
    assert [row.undoes for row in again] == [None, 1, 2]
    assert store.corrections(session.id, after=2) == [third]


def test_undo_and_redo_of_nothing_write_nothing(store: AnnotationStore) -> None:
    session = begun(store)
    assert store.undo(session.id, after=0) is None
    assert store.redo(session.id, after=0) is None
    assert store.corrections(session.id) == []


def test_a_writer_who_missed_a_row_is_told(store: AnnotationStore) -> None:
    session = begun(store)
    store.append(session.id, object_ids=["a"], label="Copepoda", after=0)
    with pytest.raises(StaleSequence, match="The session has 1 rows, not 0: read the new ones, then correct again"):
        store.append(session.id, object_ids=["b"], label="detritus", after=0)
    assert len(store.corrections(session.id)) == 1


def test_two_writers_on_one_session_lose_nothing_and_come_to_the_same_state(tmp_path: Path) -> None:
    path = tmp_path / "annotations.db"
    session = begun(AnnotationStore(path))

    def write(name: str) -> None:
        mine = AnnotationStore(path)
        for i in range(25):
            while True:
                known = mine.corrections(session.id)
                try:
                    mine.append(
                        session.id, object_ids=[f"{name}{i}", "shared"], label=name, after=known[-1].sequence if known else 0
                    )
                    break
                except StaleSequence:
                    continue

    writers = [threading.Thread(target=write, args=(name,)) for name in ("left", "right")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    rows = AnnotationStore(path).corrections(session.id)
    assert [row.sequence for row in rows] == list(range(1, 51))
    states = fold(rows)
    assert len(states) == 51
    assert states["shared"].label == rows[-1].label


CRASHING = """
import sys
from imagine_kernels.annotation import AnnotationStore
store = AnnotationStore(sys.argv[1])
for i in range(100_000):
    row = store.append(sys.argv[2], object_ids=[str(i)], label="Copepoda", after=i)
    print(row.sequence, flush=True)
"""


def test_a_killed_process_leaves_every_row_that_it_had_confirmed(store: AnnotationStore) -> None:
    session = begun(store)
    process = subprocess.Popen([sys.executable, "-c", CRASHING, str(store.path), session.id], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    confirmed = 0
    for line in process.stdout:
        confirmed = int(line)
        if confirmed >= 40:
            break
    process.send_signal(signal.SIGKILL)
    confirmed = max([confirmed, *(int(line) for line in process.stdout.read().split())])
    process.wait()
    rows = AnnotationStore(store.path).corrections(session.id)
    assert len(rows) >= confirmed >= 40
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.append(session.id, object_ids=["after"], label="Copepoda", after=len(rows))


def test_sessions_are_listed_by_latest_work(store: AnnotationStore) -> None:
    old, new = begun(store, "old"), begun(store, "new")
    assert [session.name for session, _ in store.sessions("zooscan")] == ["new", "old"]
    store.append(old.id, object_ids=["a"], label="Copepoda", after=0)
    assert [(session.name, n) for session, n in store.sessions("zooscan")] == [("old", 1), ("new", 0)]
    assert store.sessions("litter") == []
    assert store.session(new.id) == new
    assert store.find("zooscan", "f", "m") in (old, new)
    assert store.find("zooscan", "other", "m") is None


def test_unknown_sessions_and_empty_corrections_are_refused_in_a_sentence(store: AnnotationStore) -> None:
    with pytest.raises(UnknownName, match="There is no session 'gone': choose one of the recent samples"):
        store.session("gone")
    session = begun(store)
    with pytest.raises(DataError, match="There is nothing to correct: name one object or more"):
        store.append(session.id, object_ids=[], label="Copepoda", after=0)
    with pytest.raises(DataError, match="Unknown status 'sure': use one of predicted, validated, dubious, discarded"):
        store.append(session.id, object_ids=["a"], status="sure", after=0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="A label needs a name: give at least one letter"):
        store.append(session.id, object_ids=["a"], label=" ", after=0)


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "annotations.db"
    path.write_bytes(b"this is a text, not a database, and long enough to be looked at" * 40)
    with pytest.raises(
        DataError, match=r"annotations\.db cannot be read or written .*: check the disk and the rights of that file"
    ):
        AnnotationStore(path)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotEnoughSpace, match="cannot be written"):
        AnnotationStore(tmp_path / "file" / "below" / "annotations.db")
