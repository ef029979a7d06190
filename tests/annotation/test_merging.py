"""Copies: what was done without a network comes back, and what was changed in both is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from reef import ANNA, BEN, marked, named

from imagine_kernels.annotation import NotAllowed, Project, Projects
from imagine_kernels.annotation.merging import export_copy, merge
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.errors import DataError, DataNotFound
from imagine_kernels.records import Medium, Shape


@pytest.fixture
def copy(project: Project, tmp_path: Path) -> Path:
    for name in "abcd":
        project.add(marked(name))
    return export_copy(project, tmp_path / "boat.db")


def offline(copy: Path) -> Project:
    return Projects(copy).open("Reef", by=BEN)


def change(project: Project, name: str, **parts: object) -> None:
    project.change(name, base=project.get(name).version, **parts)


def test_a_copy_is_the_project(project: Project, copy: Path) -> None:
    aboard = offline(copy)
    assert (aboard.uid, aboard.head, aboard.counts()) == (project.uid, project.head, project.counts())
    assert verify(aboard).problem == ""
    aboard.add(marked("e"))
    assert verify(aboard).problem == ""
    with pytest.raises(DataError, match=r"boat\.db is there already: choose a file that is not"):
        export_copy(project, copy)


def test_what_was_done_in_a_copy_comes_back(project: Project, copy: Path) -> None:
    aboard = offline(copy)
    aboard.add_media([Medium(name="dive/0006.jpg", sha256=f"{6:064x}")])
    aboard.add(marked("e", medium=6))
    change(aboard, "a", labels=(named("Coral"),))
    change(aboard, "a", shape=Shape.of("point", (3, 3)))
    change(aboard, "b", deleted=True)
    aboard.undo()
    aboard.review("dive/0001.jpg")
    change(project, "c", status="dubious")  # meanwhile, elsewhere
    found = merge(project, copy)
    assert (found.applied, found.conflicts, found.left_out) == (7, (), ())
    assert [project.get(name).annotation.label for name in "abcde"] == ["Coral", "Sponge", "Sponge", "Sponge", "Sponge"]
    assert (project.get("a").annotation.shape.kind, project.get("b").deleted) == ("point", False)
    assert (project.get("c").annotation.status, project.get("e").annotation.medium) == ("dubious", "dive/0006.jpg")
    assert list(project.medium("dive/0001.jpg").reviewed_by) == ["ben"]
    last = project.history("a")[-1]
    assert (last.kind, last.author, last.content["from"]["author"]) == ("reshape", "anna", "ben")
    assert verify(project).problem == ""
    head = project.head
    assert merge(project, copy).applied == 0
    assert project.head == head
    # The next time brings what was done since.
    change(aboard, "a", status="dubious")
    assert merge(project, copy).applied == 1
    assert project.get("a").annotation.status == "dubious"
    # All of it is one step of who has merged.
    project.undo()
    assert project.get("a").annotation.status == "validated"


def test_what_was_changed_in_both_is_a_conflict_until_somebody_chooses(project: Project, copy: Path) -> None:
    aboard = offline(copy)
    for name, label in (("a", "Coral"), ("b", "Fish"), ("c", "Same")):
        change(aboard, name, labels=(named(label, annotator="ben", given_at="2026"),))
    change(aboard, "b", status="dubious")
    for name, label in (("a", "Litter"), ("b", "Rock"), ("c", "Same")):
        change(project, name, labels=(named(label, annotator="ben", given_at="2026"),))
    found = merge(project, copy)
    assert [conflict.id for conflict in found.conflicts] == ["a", "b"]
    seen = [
        each.annotation.label for each in (found.conflicts[0].base, found.conflicts[0].theirs, found.conflicts[0].ours) if each
    ]
    assert seen == ["Sponge", "Litter", "Coral"]
    assert [project.get(name).annotation.label for name in "abc"] == ["Litter", "Rock", "Same"]
    choices = {
        conflict.id: (keep, conflict.theirs.version)
        for conflict, keep in zip(found.conflicts, ("ours", "theirs"), strict=True)
        if conflict.theirs
    }
    change(project, "b", track="t")  # somebody goes on meanwhile: the choice was about what is not there any more
    found = merge(project, copy, choices=choices)  # type: ignore[arg-type]
    assert [conflict.id for conflict in found.conflicts] == ["b"]
    assert project.get("a").annotation.label == "Coral"
    found = merge(project, copy, choices={"b": ("theirs", project.get("b").version)})
    assert found.conflicts == ()
    assert (project.get("b").annotation.label, project.history("b")[-1].kind) == ("Rock", "keep")
    assert merge(project, copy).applied == 0
    assert verify(project).problem == ""


def test_two_copies_come_back(project: Project, copy: Path, tmp_path: Path) -> None:
    other = export_copy(project, tmp_path / "other.db")
    change(offline(copy), "a", status="dubious")
    change(offline(other), "b", status="dubious")
    change(offline(other), "a", status="discarded")
    assert merge(project, copy).conflicts == ()
    assert [conflict.id for conflict in merge(project, other).conflicts] == ["a"]
    assert [project.get(name).annotation.status for name in "ab"] == ["dubious", "dubious"]


def test_what_is_never_merged_is_said(project: Project, copy: Path) -> None:
    aboard = Projects(copy).open("Reef", by=ANNA)
    aboard.give_role("user:eve", "own")
    aboard.describe(description="Mine.")
    assert merge(project, copy).left_out == ("name or description", "roles")
    assert "user:eve" not in project.roles()


def test_a_file_of_another_name_and_content_keeps_its_own(project: Project, copy: Path) -> None:
    aboard = offline(copy)
    aboard.add_media([Medium(name="dive/new.jpg", sha256="ab" * 32)])
    project.add_media([Medium(name="dive/new.jpg", sha256="cd" * 32)])
    assert merge(project, copy).applied == 1
    assert [shown.medium.name for shown in project.media(after="dive/n")] == ["dive/new.jpg", "dive/new.jpg [abababababab]"]


def test_what_is_no_copy_is_said(store: Projects, project: Project, copy: Path, tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match="There is nothing at"):
        merge(project, tmp_path / "none.db")
    with pytest.raises(DataError, match=r"boat\.db holds no copy of the project Second"):
        merge(store.create("Second", by=ANNA), copy)
    with pytest.raises(NotAllowed, match="ben may not review the project Reef"):
        merge(store.open("Reef", by=BEN), copy)
    change(offline(copy), "a", status="dubious")
    aboard = offline(copy)
    with aboard.database.writing() as connection:
        connection.execute(sa.text("UPDATE events SET author = 'eve' WHERE kind = 'status'"))
    with pytest.raises(DataError, match=r"The history of the copy is broken at event 13: nothing was merged"):
        merge(project, copy)
