"""The chain and what follows from it: whatever is changed behind its back is found, with the first place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from reef import ANNA, marked, named

from imagine_kernels.annotation import Edit, Project, Projects
from imagine_kernels.annotation.blind_sessions import begin_session
from imagine_kernels.annotation.events import Event, canonical
from imagine_kernels.annotation.schema import events
from imagine_kernels.annotation.verifying import export_history, verify, verify_file
from imagine_kernels.errors import DataError, DataNotFound


@pytest.fixture
def worked(project: Project) -> Project:
    """With some history: events 1, 2 and 8 are the project and its roles, 3 to 7 media, 9 to 11 annotations, 12 a new label, 13 a look."""
    project.write([Edit.new(marked(name)) for name in "abc"])
    project.change("a", base=project.get("a").version, labels=(named("Coral"),))
    project.review("dive/0001.jpg")
    return project


def change(project: Project, statement: str) -> None:
    with project.database.writing() as connection:
        connection.execute(sa.text(statement))


CHAIN = {
    "UPDATE events SET payload = replace(payload, 'Coral', 'Wrong') WHERE kind = 'relabel'": "Event 12 was changed: its hash",
    "UPDATE events SET author = 'eve' WHERE sequence = 11": "Event 11 was changed: its hash",
    "UPDATE events SET time = '2001' WHERE sequence = 11": "Event 11 was changed: its hash",
    "UPDATE events SET previous = hash WHERE sequence = 11": "Event 11 does not follow from the one before it",
    "DELETE FROM events WHERE sequence = 11": "Event 11 is missing: 12 comes after 10",
    "DELETE FROM events WHERE sequence = 13": "The project says that its last event is 13, but it is 12",
}
STATE = {
    "UPDATE annotations SET label = 9 WHERE id = 'a'": "The annotation a is not what follows from the history: rebuild the project",
    "UPDATE annotations SET state = replace(state, '30.5', '31') WHERE id = 'b'": "The annotation b is not what follows",
    "DELETE FROM annotations WHERE id = 'c'": "The annotation c is not what follows from the history",
    "UPDATE annotations SET id = 'z' WHERE id = 'c'": "The annotation c is not what follows from the history",
    "UPDATE counts SET n = n + 1": "The counters in counts are not what follows from the history",
    "DELETE FROM media_counts": "The counters in media_counts are not what follows from the history",
    "UPDATE project_media SET state = '{}' WHERE number = 5": "The media are not what follows from the history",
    "DELETE FROM reviews": "The reviews are not what follows from the history",
    "DELETE FROM assignments": "The assignments are not what follows from the history",
    "UPDATE assignments SET person = 'eve'": "The assignments are not what follows from the history",
    "UPDATE blind_sessions SET ends = '2001'": "The blind sessions are not what follows from the history",
    "DELETE FROM blind_media": "The blind sessions are not what follows from the history",
    "UPDATE roles SET role = 'own'": "The roles are not what follows from the history",
}


def test_the_first_break_of_the_chain_is_said(worked: Project) -> None:
    assert verify(worked).problem == ""
    with worked.database.reading() as connection:
        saved = [dict(row) for row in connection.execute(sa.text("SELECT * FROM events")).mappings()]
    for statement, said in CHAIN.items():
        change(worked, statement)
        found = verify(worked)
        assert found.problem.startswith(said), (statement, found)
        assert not found.whole
        with worked.database.writing() as connection:
            connection.execute(sa.text("DELETE FROM events"))
            connection.execute(events.insert(), saved)
    assert verify(worked).problem == ""


def test_what_does_not_follow_from_the_history_is_said_and_made_anew(worked: Project) -> None:
    worked.assign("dive/0001.jpg", to="ben")
    begin_session(worked, "Week 3", people=["ben"], media=["dive/0001.jpg"], ends="2999-01-01T00:00:00+00:00")
    for statement, said in STATE.items():
        change(worked, statement)
        assert verify(worked).problem.startswith(said), statement
        assert worked.rebuild() == 3
        assert verify(worked).problem == "", statement
    assert worked.get("a").annotation.label == "Coral"


def test_a_history_that_was_written_anew_is_found_by_a_hash_that_was_noted(worked: Project) -> None:
    sequence, noted = worked.head
    worked.review("dive/0002.jpg")
    assert verify(worked, noted={sequence: noted}).whole
    # Somebody with all rights drops an event and computes every hash after it.
    with worked.database.writing() as connection:
        rows = connection.execute(sa.text("SELECT * FROM events ORDER BY sequence")).mappings().all()
        kept = [dict(row) for row in rows if row["kind"] != "relabel"]
        connection.execute(sa.text("DELETE FROM events"))
        previous = "0" * 64
        for n, row in enumerate(kept, 1):
            row |= {"sequence": n, "previous": previous}
            row["hash"] = previous = Event(**{name: row[name] for name in Event.__slots__}).digest(worked.uid)
            names = ", ".join(row)
            connection.execute(sa.text(f"INSERT INTO events ({names}) VALUES ({', '.join(':' + name for name in row)})"), row)
        connection.execute(sa.text("UPDATE projects SET head = :n, hash = :hash"), {"n": len(kept), "hash": previous})
    worked.rebuild()
    assert verify(worked).whole  # the chain alone cannot tell
    assert verify(worked, noted={sequence: noted}).problem.startswith("Event 13 is not the one that was noted")
    assert verify(worked, noted={99: noted}).problem == "The history ends at event 13, but 99 was noted."


def test_an_exported_history_is_verified_without_a_database(worked: Project, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert export_history(worked, file) == 13
    found = verify_file(file)
    assert (found.whole, found.events, found.hash, found.project) == (True, 13, worked.head[1], worked.uid)
    # A verifier of its own, in five lines, from the description alone.
    previous = "0" * 64
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        said = json.loads(line)
        taken = said.pop("hash")
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert (said["previous"], hashlib.sha256(text.encode()).hexdigest()) == (previous, taken)
        previous = taken
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    for changed, said in (
        ([*lines[:5], lines[5].replace("dive", "Dive"), *lines[6:]], "Event 5 was changed"),
        ([*lines[:5], *lines[6:]], "Event 5 is missing"),
        ([*lines[:5], lines[6], lines[5], *lines[7:]], "Event 5 is missing"),
        ([*lines[:5], lines[5][:40] + "\n", *lines[6:]], "Event 5 cannot be read"),
        (lines[1:], "history.jsonl is not an exported history"),
        ([], "history.jsonl is not an exported history"),
    ):
        file.write_text("".join(changed), encoding="utf-8")
        assert verify_file(file).problem.startswith(said)
    file.write_text("".join(lines[:-2]), encoding="utf-8")
    assert verify_file(file).whole
    assert verify_file(file, noted={13: worked.head[1]}).problem == "The history ends at event 11, but 13 was noted."
    with pytest.raises(DataNotFound, match="There is nothing at"):
        verify_file(tmp_path / "none.jsonl")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.text(), st.text() | st.none(), st.integers(1) | st.none())
@settings(max_examples=200, deadline=None)
def test_the_hash_is_that_of_the_canonical_line(
    payload: dict[str, object], author: str, key: str | None, undoes: int | None
) -> None:
    try:
        text = canonical(payload)
        canonical(author + (key or ""))
    except DataError:  # half a character
        return
    event = Event(
        sequence=3,
        step=2,
        author=author,
        time="t",
        kind="create",
        subject="a",
        key=key,
        undoes=undoes,
        payload=text,
        previous="p",
    )
    line = event.to_dict("uid")
    del line["hash"]
    assert hashlib.sha256(canonical(line).encode()).hexdigest() == event.digest("uid")
    assert canonical(json.loads(text)) == text


def test_a_history_begins_with_the_project(store: Projects) -> None:
    project = store.create("Wall", by=ANNA, use_case="litter")
    first = project.changes_since(0)[0]
    assert (first.kind, first.author, first.content["name"], first.previous) == ("project", "anna", "Wall", "0" * 64)
