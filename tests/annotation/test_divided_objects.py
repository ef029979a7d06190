"""Cuts in the history: what is there follows from the rows in force, and undo and redo lead back and forth."""

from __future__ import annotations

from pathlib import Path

from imagine_kernels.annotation import AnnotationStore, Cut, absent, fold

LINES = (((1, 2), (3, 4)),)


def test_objects_come_and_go_with_the_rows_in_force(tmp_path: Path) -> None:
    store = AnnotationStore(tmp_path / "annotations.db")
    session = store.new_session(use_case="zooscan", name="n", source="/s", fingerprint="f", model_hash="m").id

    def gone() -> set[str]:
        return absent(store.corrections(session))

    store.append(session, object_ids=["b"], label="Copepoda", after=0)
    store.divide(session, "a", Cut(lines=LINES, parts=("a_1", "a_2")), after=1)
    assert gone() == {"a"}
    store.divide(session, "a_2", Cut(lines=LINES, parts=("a_2_1", "a_2_2")), after=2)
    assert gone() == {"a", "a_2"}
    store.append(session, object_ids=["a_2_1"], label="detritus", after=3)
    # Joined again, a is there and none of its parts, nor of theirs.
    store.divide(session, "a", Cut(), after=4)
    assert gone() == {"a_1", "a_2", "a_2_1", "a_2_2"}
    store.divide(session, "a", Cut(lines=LINES, parts=("a_3", "a_4")), after=5)
    assert gone() == {"a", "a_1", "a_2", "a_2_1", "a_2_2"}
    for after in (6, 7):
        store.undo(session, after=after)
    assert gone() == {"a", "a_2", "a_3", "a_4"}
    store.redo(session, after=8)
    assert gone() == {"a_1", "a_2", "a_2_1", "a_2_2", "a_3", "a_4"}
    rows = AnnotationStore(store.path).corrections(session)
    assert rows[1].cut == Cut(lines=LINES, parts=("a_1", "a_2"))
    assert rows[4].cut == Cut()
    assert rows[0].cut is None
    # What was said of a part is there again with it.
    assert fold(rows)["a_2_1"].label == "detritus"
