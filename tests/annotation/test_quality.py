"""From a project to figures of agreement, and back with a consensus."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from reef import marked, named

from imagine_kernels.annotation import Project
from imagine_kernels.annotation.blind_sessions import begin_session, end_session, marked_in
from imagine_kernels.annotation.quality import marked_by
from imagine_kernels.errors import UnknownName
from imagine_kernels.measures.agreement import Draws, agreement, propose, to_decide
from imagine_kernels.records import Shape


def box(x: float) -> Shape:
    return Shape.of("rectangle", (x, 0, x + 10, 10))


def test_marks_go_to_who_made_or_who_named_them(project: Project, bens: Project) -> None:
    project.add(marked("a1"))
    project.add(marked("a2", medium=2, labels=(named("Coral", annotator="model:reef@1", confidence=0.5),)))
    bens.change("a1", base=project.get("a1").version, labels=(named("Coral"),))
    project.add(marked("gone", status="discarded"))
    project.add(marked("deleted"))
    project.delete("deleted", base=project.get("deleted").version)
    bens.review("dive/0003.jpg")
    made = marked_by(project)
    assert {who: [each.id for each in done.annotations] for who, done in made.items()} == {"anna": ["a1", "a2"], "ben": []}
    assert {who: sorted(name[5:9] for name in done.media) for who, done in made.items()} == {
        "anna": ["0001", "0002"],
        "ben": ["0003"],
    }
    named_by = marked_by(project, who="named")
    assert {who: [each.id for each in done.annotations] for who, done in named_by.items()} == {
        "ben": ["a1"],
        "model:reef@1": ["a2"],
    }
    few = marked_by(project, media=["dive/0002.jpg"])
    assert {who: [each.id for each in done.annotations] for who, done in few.items()} == {"anna": ["a2"]}
    with pytest.raises(UnknownName, match=r"There is no medium 'none.jpg' in the project Reef"):
        marked_by(project, media=["none.jpg"])


def test_from_a_blind_session_to_a_consensus_in_the_project(project: Project, bens: Project) -> None:
    names = [f"dive/{n:04d}.jpg" for n in (1, 2, 3)]
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    session = begin_session(project, "Week 3", people=["anna", "ben"], media=names, ends=ends)
    for medium in (1, 2, 3):
        project.add(marked(f"a{medium}", medium=medium, shape=box(0)))
        bens.add(marked(f"b{medium}", "Coral" if medium == 2 else "Sponge", medium=medium, shape=box(1)))
    project.add(marked("a4", medium=3, shape=box(100)))
    end_session(project, session.number)
    done = marked_in(project, session.number)
    looked = {who: each.media for who, each in done.items()}
    found = agreement({who: each.annotations for who, each in done.items()}, looked=looked, draws=Draws(100))
    assert found.f1.value == pytest.approx(6 / 7)
    assert found.iou.value == pytest.approx(9 / 11)
    assert found.label_agreement.value == pytest.approx(2 / 3)
    proposals = propose(found.things, looked=looked)
    assert sorted(each.reasons for each in to_decide(proposals)) == [("alone",), ("tie",)]
    clear = [replace(each.annotation, id=str(uuid4())) for each in proposals if not each.reasons]
    assert project.add_many(clear) == 2
    kept = project.get(clear[0].id).annotation
    assert (kept.labels[0].annotator, kept.status, kept.shape.numbers) == ("consensus", "predicted", (0.5, 0, 10.5, 10))
