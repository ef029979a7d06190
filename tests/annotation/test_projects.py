"""Projects: what several people do at once, who may do it, and how it is found again; on both databases."""

from __future__ import annotations

import math

import pytest
from reef import ANNA, BEN, marked, named

from imagine_kernels.annotation import Conflict, Edit, NotAllowed, Person, Project, Projects
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.errors import DataError, LabelError, UnknownName
from imagine_kernels.records import Annotation, Medium, Shape

SHAPES = [
    Shape.of("point", (1, 2)),
    Shape.of("line", (0, 0, 5, 5, 6, 1)),
    Shape.of("rotated_rectangle", (5, 5, 2, 1, 30)),
    Shape.of("polygon", (0, 0, 9, 0, 9, 9, math.nan, math.nan, 2, 1, 4, 1, 4, 3)),
    Shape.of("circle", (5, 5, 2.25)),
    Shape.of("ellipse", (5, 5, 2, 1, 45)),
    Shape.of("mask", (3, 4, 2, 2, 1, 2, 1)),
    Shape.of("keypoints", (1, 2, 2, 3, 4, 0)),
    Shape.of("whole"),
    Shape("rectangle", ((0.0, 0.0, 1.0, 1.0), (), (2.0, 2.0, 3.0, 3.0)), (0.5, 1.25, 2.0)),
]


def test_every_shape_comes_back_as_it_was(project: Project) -> None:
    about = {"track": "t1", "attributes": {"depth": 12.5, "ok": True, "note": "Straße µ \u2028"}}
    project.add_many(marked(str(n), shape=shape, **about) for n, shape in enumerate(SHAPES))
    for n, shape in enumerate(SHAPES):
        back = project.get(str(n)).annotation
        assert repr(back.shape) == repr(shape)  # NaN is not equal to itself
        assert {"track": back.track, "attributes": back.attributes} == about
    assert (back.medium, back.status, back.labels[0].path) == ("dive/0001.jpg", "validated", ("Biota", "Sponge"))
    assert (back.labels[0].annotator, back.labels[0].given_at != "") == ("anna", True)
    assert verify(project).problem == ""


def test_what_was_done_to_an_annotation_is_told_in_order(project: Project, bens: Project) -> None:
    first = project.add(marked("a"))
    second = bens.change("a", base=first.version, shape=Shape.of("point", (1, 1)))
    third = project.change("a", base=second.version, labels=(named("Coral"),), status="dubious")
    fourth = bens.change("a", base=third.version, status="validated")
    fifth = bens.change("a", base=fourth.version, track="t", attributes={"size": 3})
    sixth = project.delete("a", base=fifth.version)
    seventh = project.change("a", base=sixth.version, deleted=False)
    told = project.history("a")
    assert [event.kind for event in told] == ["create", "reshape", "relabel", "status", "change", "delete", "restore"]
    assert [event.author for event in told] == ["anna", "ben", "anna", "ben", "ben", "anna", "anna"]
    assert [event.sequence for event in told] == [s.version for s in (first, second, third, fourth, fifth, sixth, seventh)]
    assert told[1].content["base"] == first.version
    assert project.get("a").annotation.labels[0].path == ("Biota", "Coral")


def test_who_writes_on_an_old_version_sees_all_three(project: Project, bens: Project) -> None:
    first = project.add(marked("a"))
    theirs = bens.change("a", base=first.version, labels=(named("Coral"),))
    with pytest.raises(
        Conflict, match=r"Somebody else has changed the annotation a meanwhile .*: look at both, and decide"
    ) as caught:
        project.change("a", base=first.version, labels=(named("Litter"),))
    conflict = caught.value
    seen = [each.annotation.label for each in (conflict.base, conflict.theirs, conflict.ours) if each is not None]
    assert seen == ["Sponge", "Coral", "Litter"]
    assert (conflict.parts, conflict.theirs and conflict.theirs.version) == (("labels",), theirs.version)
    assert project.get("a").annotation.label == "Coral"
    # Another part: nothing is written over, and the page can send it again at once.
    with pytest.raises(Conflict, match="meanwhile") as caught:
        project.change("a", base=first.version, status="dubious")
    assert caught.value.parts == ()
    project.change("a", base=theirs.version, status="dubious")
    # What comes to the same is no conflict.
    assert bens.change("a", base=first.version, status="dubious").version == project.get("a").version


def test_of_several_edits_those_without_a_conflict_go_through(project: Project, bens: Project) -> None:
    versions = [project.add(marked(name)).version for name in "abc"]
    bens.change("b", base=versions[1], status="dubious")
    outcome = project.write(
        [Edit(id=name, base=version, status="discarded") for name, version in zip("abc", versions, strict=True)]
    )
    assert [saved.id for saved in outcome.saved] == ["a", "c"]
    assert [conflict.id for conflict in outcome.conflicts] == ["b"]
    assert [project.get(name).annotation.status for name in "abc"] == ["discarded", "dubious", "discarded"]


def test_a_queue_that_is_sent_again_is_done_once(project: Project) -> None:
    queue = [
        Edit.new(marked("a"), key="k1"),
        Edit(id="a", after="k1", status="dubious", key="k2"),
        Edit(id="a", after="k2", labels=(named("Coral"),), key="k3"),
        Edit.new(marked("b")),
    ]
    sent = project.write(queue)
    head = project.head
    assert project.write(queue) == sent
    assert project.write(queue[1:]) == type(sent)(sent.saved[1:])
    assert project.head == head
    assert [event.key for event in project.history("a")] == ["k1", "k2", "k3"]
    project.change("b", base=project.get("b").version, status="dubious")
    assert project.add(marked("b")).version == project.get("b").version  # made so, changed since: it is there
    with pytest.raises(Conflict, match="the annotation b meanwhile"):
        project.add(marked("b", "Coral"))
    with pytest.raises(DataError, match="The key k1 was used for the annotation a: give each edit a key of its own"):
        project.add(marked("other"), key="k1")


def test_changes_since_tell_others(project: Project, bens: Project) -> None:
    seen = project.head[0]
    assert project.changes_since(seen) == []
    bens.add(marked("a"))
    bens.review("dive/0002.jpg")
    assert [(event.kind, event.author, event.subject) for event in project.changes_since(seen)] == [
        ("create", "ben", "a"),
        ("review", "ben", f"medium:{2:064x}"),
    ]
    assert len(project.changes_since(0, limit=3)) == 3


def test_each_role_opens_just_its_doors(store: Projects, project: Project) -> None:
    eve = Person("eve")
    with pytest.raises(NotAllowed, match=r"eve may not look at the project Reef \(has no role in it\): ask one of its owners"):
        store.open("Reef", by=eve)
    assert store.of(eve) == []
    a = project.add(marked("a"))

    def allowed(role: str) -> list[str]:
        project.give_role("user:eve", role)  # type: ignore[arg-type]
        hers, done, said = store.open("Reef", by=eve), [], []
        for name, act in {
            "add": lambda: hers.add(marked(f"by-{role}")),
            "medium": lambda: hers.add_media([Medium(name=f"{role}.jpg")]),
            "look": lambda: hers.review("dive/0001.jpg"),
            "change": lambda: hers.change("a", base=project.get("a").version, track=role),
            "span": lambda: hers.revert_span(a.version, a.version),
            "role": lambda: hers.give_role("user:kim", "view"),
            "name": lambda: hers.describe(description=role),
        }.items():
            try:
                act()
            except NotAllowed as error:
                said.append(str(error))
            else:
                done.append(name)
        assert all(f"(has the role {role})" in each for each in said)
        return done

    assert allowed("view") == []
    assert allowed("annotate") == ["add", "medium", "look", "change"]
    assert allowed("review") == ["add", "medium", "look", "change", "span"]
    assert allowed("own") == ["add", "medium", "look", "change", "span", "role", "name"]
    project.give_role("user:eve", None)
    with pytest.raises(NotAllowed, match="has no role in it"):
        store.open("Reef", by=eve)
    assert verify(project).problem == ""


def test_roles_are_given_to_people_and_groups_and_somebody_owns_the_project(project: Project, bens: Project) -> None:
    assert project.roles() == {"group:lab": "annotate", "user:anna": "own"}
    with pytest.raises(DataError, match="user:anna is the last owner of the project Reef: make somebody else an owner first"):
        project.give_role("user:anna", "view")
    with pytest.raises(DataError, match="A role cannot be given to 'kim': give user:NAME or group:NAME"):
        project.give_role("kim", "view")
    with pytest.raises(DataError, match="Unknown role 'boss': use one of view, annotate, review, own"):
        project.give_role("user:kim", "boss")  # type: ignore[arg-type]
    with pytest.raises(NotAllowed, match=r"ben may not change the rules of the project Reef \(has the role annotate\): ask"):
        bens.give_role("user:ben", "own")


def test_undo_and_redo_are_each_persons_own(project: Project, bens: Project) -> None:
    first = project.add(marked("a"))
    bens.add(marked("b"))
    project.change("a", base=first.version, status="dubious")
    assert project.undo() is not None
    assert project.get("a").annotation.status == "validated"
    assert project.undo() is not None
    assert project.get("a").deleted
    assert not project.get("b").deleted
    assert project.undo() is None
    assert project.redo() is not None
    assert project.redo() is not None
    assert (project.get("a").deleted, project.get("a").annotation.status) == (False, "dubious")
    assert project.redo() is None
    assert bens.undo() is not None
    assert project.get("b").deleted
    bens.add(marked("c"))
    assert bens.redo() is None
    assert [event.kind for event in project.history("a")] == ["create", "status", "undo", "undo", "redo", "redo"]


def test_what_was_done_at_one_go_is_undone_at_one_go(project: Project) -> None:
    project.write([Edit.new(marked(name)) for name in "abc"])
    project.undo()
    assert [project.get(name).deleted for name in "abc"] == [True] * 3
    project.redo()
    assert [project.get(name).deleted for name in "abc"] == [False] * 3


def test_an_undo_never_takes_away_what_somebody_else_did_since(project: Project, bens: Project) -> None:
    first = project.add(marked("a"))
    second = project.change("a", base=first.version, labels=(named("Coral"),))
    bens.change("a", base=second.version, labels=(named("Litter"),))
    with pytest.raises(Conflict, match="Somebody else has changed the annotation a"):
        project.undo()
    assert project.get("a").annotation.label == "Litter"
    assert project.undo(leave_conflicts=True) is not None
    assert project.get("a").annotation.label == "Litter"
    with pytest.raises(Conflict, match="Somebody else has changed the annotation a"):
        project.undo()  # of making it


def test_an_annotation_goes_back_to_any_earlier_state(project: Project, bens: Project) -> None:
    first = project.add(marked("a"))
    second = bens.change("a", base=first.version, labels=(named("Coral"),))
    bens.change("a", base=second.version, shape=Shape.of("point", (1, 1)))
    project.revert("a", to=second.version)
    assert (project.get("a").annotation.label, project.get("a").annotation.shape.kind) == ("Coral", "rectangle")
    project.revert("a", to=first.version)
    assert project.get("a").annotation.label == "Sponge"
    project.revert("a", to=first.version - 1)
    assert project.get("a").deleted
    assert project.history("a")[-1].kind == "revert"


def test_a_span_is_set_back_but_not_what_came_after_it(project: Project, bens: Project) -> None:
    versions = {name: project.add(marked(name)).version for name in "abc"}
    begin = project.head[0] + 1
    for name in "abc":
        versions[name] = bens.change(name, base=versions[name], labels=(named("Wrong"),)).version
    bens.add(marked("d"))
    end = project.head[0]
    project.change("b", base=versions["b"], labels=(named("Coral"),))
    project.change("c", base=versions["c"], status="dubious")
    outcome = project.revert_span(begin, end)
    assert [conflict.id for conflict in outcome.conflicts] == ["b"]
    assert [project.get(name).annotation.label for name in "abc"] == ["Sponge", "Coral", "Sponge"]
    assert (project.get("c").annotation.status, project.get("d").deleted) == ("dubious", True)
    assert verify(project).problem == ""


def test_the_state_at_any_sequence_and_time_is_found(project: Project) -> None:
    first = project.add(marked("a"))
    second = project.change("a", base=first.version, labels=(named("Coral"),))
    project.add(marked("b"))
    project.delete("a", base=second.version)

    def at(sequence: int) -> dict[str, str]:
        return {each.annotation.id: each.annotation.label for each in project.state_at(sequence)}

    assert at(first.version - 1) == {}
    assert at(first.version) == {"a": "Sponge"}
    assert at(second.version) == {"a": "Coral"}
    assert at(project.head[0]) == {"b": "Sponge"}
    assert project.sequence_before("2000-01-01") == 0
    assert project.sequence_before("2999-01-01") == project.head[0]
    time = project.history("b")[0].time
    assert project.sequence_before(time) < project.history("b")[0].sequence


def test_nothing_there_differs_from_nobody_looked(project: Project, bens: Project) -> None:
    bens.review("dive/0001.jpg", "dive/0002.jpg")
    project.review("dive/0001.jpg")
    head = project.head
    project.review("dive/0001.jpg")
    assert project.head == head  # said twice, noted once
    assert [shown.medium.name for shown in project.media(reviewed=True)] == ["dive/0001.jpg", "dive/0002.jpg"]
    assert sorted(project.medium("dive/0001.jpg").reviewed_by) == ["anna", "ben"]
    assert (project.counts().media, project.counts().reviewed) == (5, 2)
    bens.review("dive/0002.jpg", reviewed=False)
    assert len(project.media(reviewed=False)) == 4
    with pytest.raises(DataError, match=r"There is no medium 'none\.jpg' in the project: add it first"):
        project.review("none.jpg")


def test_the_same_file_in_two_projects_is_one_medium(store: Projects, project: Project) -> None:
    other = store.create("Second", by=ANNA)
    assert other.add_media([Medium(name="elsewhere.jpg", sha256=f"{1:064X}")]) == 1
    assert other.add_media([Medium(name="a third name.jpg", sha256=f"{1:064x}")]) == 0
    assert store.with_medium(f"{1:064x}", by=ANNA) == [("Reef", "dive/0001.jpg"), ("Second", "elsewhere.jpg")]
    assert store.with_medium(f"{1:064x}", by=BEN) == [("Reef", "dive/0001.jpg")]
    with pytest.raises(DataError, match=r"The project has another medium of the name 'elsewhere\.jpg'"):
        other.add_media([Medium(name="elsewhere.jpg", sha256="ab" * 32)])
    assert [(summary.name, summary.annotations) for summary in store.of(ANNA)] == [("Reef", 0), ("Second", 0)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"medium": 9}, "There is no medium 'dive/0009.jpg' in the project: add it first"),
        ({"status": "sure"}, "Unknown status 'sure': use one of predicted, validated, dubious, discarded"),
        ({"attributes": {"depth": math.inf}}, "The attribute depth cannot be inf: use text, a finite number, true or false"),
        ({"attributes": {"parts": [1]}}, r"The attribute parts cannot be \[1\]: use text"),
        ({"attributes": {"note": "half \ud83d"}}, "The attribute note cannot be"),
        ({"label": "\x00"}, "cannot be kept: use 1 to 500 letters without control characters"),
        ({"labels": (named("Sponge", confidence=1.5),)}, "The confidence of Sponge is 1.5: give one between 0 and 1"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_sentence(project: Project, wrong: dict[str, object], said: str) -> None:
    head = project.head
    with pytest.raises((DataError, LabelError), match=said):
        project.write([Edit.new(marked("good")), Edit.new(marked("bad", **wrong))])  # type: ignore[arg-type]
    assert project.head == head


def test_what_is_not_there_is_said(store: Projects, project: Project) -> None:
    with pytest.raises(UnknownName, match=r"Unknown project 'Reeff'; known: Reef\. Did you mean 'Reef'\?"):
        store.open("Reeff", by=ANNA)
    with pytest.raises(DataError, match="There is a project 'Reef' already: open that one, or choose another name"):
        store.create("Reef", by=ANNA)
    with pytest.raises(UnknownName, match="There is no annotation 'x' in the project Reef"):
        project.get("x")
    with pytest.raises(UnknownName, match="There is no annotation 'x' in the project: read the project again"):
        project.change("x", base=3, status="dubious")
    with pytest.raises(DataError, match="The id '' cannot be kept"):
        project.add(Annotation(medium="dive/0001.jpg", shape=Shape.of("whole")))


def test_a_project_can_get_another_name(store: Projects, project: Project) -> None:
    project.describe(name="Wall", description="Another dive.")
    assert store.open("Wall", by=ANNA).description == "Another dive."
    store.create("Reef", by=ANNA)
    with pytest.raises(DataError, match="There is a project 'Reef' already: choose another name"):
        project.describe(name="Reef")


def test_a_person_comes_with_the_groups_that_the_hub_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    monkeypatch.delenv("IMAGINE_GROUPS", raising=False)
    assert Person.here() == Person("anna")
    monkeypatch.setenv("IMAGINE_GROUPS", '["reef", "diatoms"]')
    assert Person.here().holders == ("user:anna", "group:reef", "group:diatoms")
