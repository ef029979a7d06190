"""Blind sessions: what people see of each other's work while one runs, and after it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from reef import marked, named

from imagine_kernels.annotation import Filter, NotAllowed, Person, Project, Projects
from imagine_kernels.annotation.blind_sessions import begin_session, blind_sessions, end_session, marked_in
from imagine_kernels.annotation.exchange import as_set
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.errors import DataError, UnknownName

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.fixture
def carlas(store: Projects, project: Project) -> Project:
    """Carla reviews, and takes part in nothing."""
    project.give_role("user:carla", "review")
    return store.open("Reef", by=Person("carla"))


def seen(project: Project, **chosen: object) -> list[str]:
    return [each.annotation.id for each in project.page(Filter(**chosen)).items]  # type: ignore[arg-type]


def test_each_sees_only_their_own_while_it_runs_and_all_after_it(project: Project, bens: Project, carlas: Project) -> None:
    project.add(marked("before"))
    session = begin_session(carlas, "Week 3", people=["anna", "ben"], media=["dive/0001.jpg", "dive/0002.jpg"], ends=LATER)
    head = project.head[0]
    project.add(marked("a1"))
    bens.add(marked("b1", "Coral"))
    bens.add(marked("b2", "Coral", medium=2))
    bens.add(marked("b3", "Coral", medium=3))  # not in the session
    bens.change("b1", base=bens.get("b1").version, status="dubious")

    assert (seen(project), seen(bens), seen(carlas)) == (
        ["before", "a1", "b3"],
        ["b1", "b2", "b3"],
        ["before", "a1", "b1", "b2", "b3"],
    )
    assert seen(project, medium="dive/0001.jpg") == ["before", "a1"]
    assert seen(project, label=("Biota", "Coral")) == ["b3"]
    assert (project.count(), carlas.count()) == (None, 5)
    assert project.counts().labels == {("Biota", "Sponge"): {"validated": 2}, ("Biota", "Coral"): {"validated": 1}}
    assert project.counts().statuses["dubious"] == 0
    assert [dict(each.counts) for each in project.media()] == [{"validated": 2}, {}, {"validated": 1}, {}, {}]
    assert [dict(each.counts) for each in carlas.media()][:2] == [{"validated": 2, "dubious": 1}, {"validated": 1}]
    assert [event.subject for event in project.changes_since(head)] == ["a1", "b3"]
    assert [event.subject for event in project.changes_since(head, limit=1)] == ["a1"]
    assert project.history("b1") == []
    with pytest.raises(UnknownName, match="There is no annotation 'b1' in the project Reef"):
        project.get("b1")
    assert [each.annotation.id for each in project.state_at(project.head[0])] == ["a1", "b3", "before"]
    assert [each.id for each in as_set(project).annotations()] == ["before", "a1", "b3"]
    # Page by page nothing is lost and nothing is shown.
    page = project.page(limit=1)
    ids = [page.items[0].annotation.id]
    while page.next is not None and (page := project.page(limit=1, after=page.next)).items:
        ids.append(page.items[0].annotation.id)
    assert ids == ["before", "a1", "b3"]

    with pytest.raises(DataError, match="You take part in the blind session Week 3: wait until it is over"):
        marked_in(bens, session.number)
    end_session(carlas, session.number)
    assert seen(project) == seen(bens) == ["before", "a1", "b1", "b2", "b3"]
    assert (project.count(), project.get("b1").annotation.status) == (5, "dubious")
    assert verify(project).problem == ""
    project.rebuild()
    assert verify(project).problem == ""
    assert blind_sessions(project)[0].media == session.media


def test_what_was_made_before_is_hidden_from_those_who_made_it_too(project: Project, bens: Project, carlas: Project) -> None:
    project.add(marked("old"))
    begin_session(carlas, "Again", people=["anna"], ends=LATER, hides_others=False, hides_earlier=True)
    project.add(marked("new"))
    bens.add(marked("bens"))
    assert (seen(project), seen(bens)) == (["new", "bens"], ["old", "new", "bens"])
    # Media that are added later are in it: it is of all media.
    assert next(dict(each.counts) for each in project.media()) == {"validated": 2}


def test_what_came_of_it_is_as_it_was_at_its_end(project: Project, bens: Project, carlas: Project) -> None:
    project.add(marked("before"))
    names = ["dive/0001.jpg", "dive/0002.jpg", "dive/0003.jpg"]
    session = begin_session(carlas, "Week 3", people=["anna", "ben"], media=names, ends=LATER)
    project.add(marked("a1"))
    project.add(marked("a2"))
    project.delete("a2", base=project.get("a2").version)
    project.add(marked("a4", medium=4))
    bens.add(marked("b1", "Coral"))
    bens.review("dive/0002.jpg")
    carlas.add(marked("c1"))
    time.sleep(0.003)
    end_session(carlas, session.number)
    time.sleep(0.003)
    project.change("a1", base=project.get("a1").version, labels=(named("Litter"),))
    bens.add(marked("late"))
    bens.review("dive/0003.jpg")
    found = marked_in(bens, session.number)
    assert {who: [(each.id, each.label) for each in done.annotations] for who, done in found.items()} == {
        "anna": [("a1", "Sponge")],
        "ben": [("b1", "Coral")],
    }
    assert {who: sorted(done.media) for who, done in found.items()} == {
        "anna": ["dive/0001.jpg"],
        "ben": ["dive/0001.jpg", "dive/0002.jpg"],
    }


def test_one_that_has_not_begun_hides_nothing(project: Project, bens: Project, carlas: Project) -> None:
    tomorrow, after = LATER, (datetime.now(UTC) + timedelta(days=2)).isoformat()
    session = begin_session(carlas, "Later", people=["anna", "ben"], begins=tomorrow, ends=after)
    bens.add(marked("b1"))
    assert (seen(project), session.is_running()) == (["b1"], False)


def test_what_no_session_can_be_is_said(project: Project, bens: Project, carlas: Project) -> None:
    with pytest.raises(NotAllowed, match="ben may not review the project Reef"):
        begin_session(bens, "Mine", people=["ben"], ends=LATER)
    for more, said in (
        ({"people": []}, "A blind session needs people: name at least one"),
        ({"ends": "2020-01-01T00:00:00+00:00"}, "The blind session X would be over at 2020-01-01T00:00:00.000"),
        ({"ends": "2026-01-01"}, "'2026-01-01' is no time: give it like"),
        ({"ends": "soon"}, "'soon' is no time"),
        ({"media": ["none.jpg"]}, r"There is no medium 'none.jpg' in the project: add it first"),
        ({"hides_others": False}, "hides what others make, what was made before, or both: choose one"),
    ):
        with pytest.raises(DataError, match=said):
            begin_session(carlas, "X", **{"people": ["anna"], "ends": LATER, **more})  # type: ignore[arg-type]
    assert blind_sessions(project) == []
    with pytest.raises(UnknownName, match="There is no blind session 7 in the project Reef"):
        end_session(carlas, 7)
    session = begin_session(carlas, "X", people=["anna"], ends=LATER)
    end_session(carlas, session.number)
    with pytest.raises(DataError, match=r"was over at .*: there is nothing to end"):
        end_session(carlas, session.number)
