"""The queue of media: its parts, its pages, and what blind sessions hide of it."""

from __future__ import annotations

import pytest
from reef import ANNA, BEN, marked

from imagine_kernels.annotation import Person, Project, Projects
from imagine_kernels.annotation.blind_sessions import begin_session
from imagine_kernels.annotation.queue import days, media_page, names_of, people
from imagine_kernels.errors import DataError


def names(project: Project, **more: object) -> list[str]:
    return [shown.medium.name[-8:-4] for shown in media_page(project, **more).items]  # type: ignore[arg-type]


def test_parts_of_the_queue(project: Project, bens: Project) -> None:
    project.add(marked("a", "Sponge", medium=1))
    project.add(marked("b", "Sponge/Yellow", medium=3))
    gone = project.add(marked("c", "Sponge", medium=4))
    project.delete("c", base=gone.version)
    project.review("dive/0002.jpg", "dive/0003.jpg")
    project.assign("dive/0004.jpg", "dive/0005.jpg", to="ben")
    assert names(project) == ["0001", "0002", "0003", "0004", "0005"]
    assert names(project, which="todo") == ["0001", "0004", "0005"]
    assert names(project, which="reviewed") == ["0002", "0003"]
    assert (names(project, which="mine"), names(bens, which="mine")) == ([], ["0004", "0005"])
    assert names(project, text="E/0003") == ["0003"]
    assert names(project, text="%") == []
    assert names(project, label=("Biota", "Sponge")) == ["0001", "0003"]
    assert names(project, label=("Biota", "Sponge", "Yellow"), which="reviewed") == ["0003"]
    with pytest.raises(DataError, match="There is no part 'some' of the queue: use all, todo, reviewed or mine"):
        media_page(project, which="some")  # type: ignore[arg-type]


def test_pages(project: Project) -> None:
    seen, after, totals = [], 0, set()
    while True:
        page = media_page(project, limit=2, after=after)
        seen += [shown.medium.name for shown in page.items]
        totals.add(page.total)
        if page.next is None:
            break
        after = page.next
    assert seen == [f"dive/{n:04d}.jpg" for n in range(1, 6)]
    assert totals == {5}
    assert media_page(project, limit=5).next is None


def test_names_by_key_and_by_name(project: Project) -> None:
    key = f"{2:064x}"
    assert names_of(project, keys=[key, "f" * 64]) == {key: "dive/0002.jpg"}
    assert names_of(project, names=["dive/0001.jpg", "other.jpg"]) == {"dive/0001.jpg": "dive/0001.jpg"}


def test_who_has_done_what(project: Project, bens: Project) -> None:
    project.add_many([marked(f"a{i}") for i in range(3)])
    bens.add(marked("b", medium=2))
    bens.review("dive/0001.jpg", "dive/0002.jpg")
    done = {each.name: (each.annotations, each.reviewed) for each in people(project)}
    # Labels of which nobody is said to have given them count for whoever saved them.
    assert done == {"anna": (3, 0), "ben": (1, 2)}
    ((_day, n),) = days(project, since="2020-01-01T00:00:00.000+00:00")
    assert n == 4
    assert days(project, since="2999-01-01T00:00:00.000+00:00") == []


def test_several(project: Project) -> None:
    project.add(marked("a"))
    gone = project.add(marked("b", medium=2))
    project.delete("b", base=gone.version)
    found = {each.annotation.id: (each.deleted, each.annotation.medium) for each in project.several(["a", "b", "c"])}
    assert found == {"a": (False, "dive/0001.jpg"), "b": (True, "dive/0002.jpg")}


def test_a_blind_session_hides_what_others_do(store: Projects, project: Project, bens: Project) -> None:
    project.add(marked("a", "Crab", medium=1))
    bens.add(marked("b", "Crab", medium=2))
    assert names(bens, label=("Biota", "Crab")) == ["0001", "0002"]
    begin_session(project, "first", people=["ben"], ends="2999-01-01T00:00:00.000+00:00")
    bens = store.open("Reef", by=BEN)
    assert names(bens, label=("Biota", "Crab")) == ["0002"]
    assert {each.name: each.annotations for each in people(bens)} == {"ben": 1}
    assert [n for _, n in days(bens, since="2020")] == [1]
    assert [each.annotation.id for each in bens.several(["a", "b"])] == ["b"]
    assert names(store.open("Reef", by=ANNA), label=("Biota", "Crab")) == ["0001", "0002"]
    assert Person("ben").name == BEN.name
