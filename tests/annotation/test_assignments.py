"""Who is to look at which media."""

from __future__ import annotations

import pytest
from reef import ANNA

from imagine_kernels.annotation import NotAllowed, Project, Projects
from imagine_kernels.annotation.merging import export_copy, merge
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.errors import DataError


def shown(project: Project, **chosen: str) -> dict[str, tuple[str, ...]]:
    return {each.medium.name[5:9]: each.assigned_to for each in project.media(**chosen)}  # type: ignore[arg-type]


def test_media_are_given_to_people_and_taken_back(project: Project) -> None:
    project.assign("dive/0001.jpg", "dive/0002.jpg", to="ben")
    project.assign("dive/0002.jpg", "dive/0003.jpg", to="anna")
    assert shown(project) == {"0001": ("ben",), "0002": ("anna", "ben"), "0003": ("anna",), "0004": (), "0005": ()}
    assert list(shown(project, assigned_to="ben")) == ["0001", "0002"]
    assert list(shown(project, assigned_to="")) == ["0004", "0005"]
    assert shown(project, assigned_to="carla") == {}
    assert project.medium("dive/0002.jpg").assigned_to == ("anna", "ben")
    project.assign("dive/0002.jpg", to="ben", assigned=False)
    project.assign("dive/0003.jpg", "dive/0004.jpg", to=None)
    assert shown(project) == {"0001": ("ben",), "0002": ("anna",), "0003": (), "0004": (), "0005": ()}
    assert verify(project).problem == ""
    project.rebuild()
    assert shown(project) == {"0001": ("ben",), "0002": ("anna",), "0003": (), "0004": (), "0005": ()}


def test_what_is_said_twice_is_noted_once_and_tells_who(project: Project) -> None:
    seen = project.head[0]
    project.assign("dive/0001.jpg", to="ben")
    project.assign("dive/0001.jpg", to="ben")
    project.assign("dive/0002.jpg", to=None)
    (event,) = project.changes_since(seen)
    assert (event.kind, event.author, event.subject) == ("assign", "anna", f"medium:{1:064x}")
    assert (event.content["person"], event.content["assigned"]) == ("ben", True)


def test_who_annotates_takes_media_for_themselves_only(project: Project, bens: Project) -> None:
    bens.assign("dive/0001.jpg", to="ben")
    bens.assign("dive/0001.jpg", to="ben", assigned=False)
    for to in ("anna", None):
        with pytest.raises(NotAllowed, match="ben may not review the project Reef"):
            bens.assign("dive/0001.jpg", to=to)
    with pytest.raises(DataError, match=r"There is no medium 'none.jpg' in the project: add it first"):
        project.assign("dive/0001.jpg", "none.jpg", to="ben")
    assert shown(project)["0001"] == ()


def test_a_copy_says_that_it_does_not_bring_them_back(project: Project, tmp_path: object) -> None:
    file = export_copy(project, f"{tmp_path}/copy.db")
    copies = Projects(file)
    copies.open("Reef", by=ANNA).assign("dive/0001.jpg", to="ben")
    copies.close()
    assert merge(project, file).left_out == ("who is to look at media",)
    assert shown(project)["0001"] == ()
