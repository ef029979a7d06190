"""Projects to and from sets of annotations, and so to and from every exchange format."""

from __future__ import annotations

import math

from reef import ANNA

from imagine_kernels.annotation import Project, Projects
from imagine_kernels.annotation.exchange import add_set, as_set
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape

MEDIA = (
    Medium(
        name="a.jpg",
        width=10,
        height=20,
        sha256="ab" * 32,
        pixel_size_m=0.001,
        taken_at="2026-01-01T00:00:00Z",
        latitude=1.5,
        longitude=-2.5,
        altitude_m=-30.0,
        reviewed=True,
        attributes={"camera": "left", "gain": 2.0},
    ),
    Medium(name="b.mp4", kind="video", duration_s=12.5, frame_rate_hz=25.0),
    Medium(name="c.wav", kind="sound", sample_rate_hz=96000.0, reviewed=True),
)
LABELS = (
    Label(name="Biota", aphia_id=1, rank="Superdomain", color="#00ff00", key="b", synonyms=("Life",), source_id="7"),
    Label(name="Sponge", parent=("Biota",)),
)
FULL = Annotation(
    medium="b.mp4",
    shape=Shape("rectangle", ((0.0, 0.0, 1.0, 1.0), (), (2.0, 2.0, 3.0, 3.0)), (0.5, 1.25, 2.0)),
    labels=(
        LabelGiven(path=("Biota", "Sponge"), annotator="model:yolo@3", given_at="2026-01-01", confidence=0.5),
        LabelGiven(path=("Biota",)),
    ),
    status="predicted",
    id="1",
    track="t1",
    attributes={"note": "µ", "occluded": True, "size": 2.5},
)
HOLED = Annotation(
    medium="a.jpg", id="2", shape=Shape.of("polygon", (0, 0, 9, 0, 9, 9, math.nan, math.nan, 2, 1, 4, 1, 4, 3)), status="dubious"
)


def made(*annotations: Annotation, name: str = "set") -> AnnotationSet:
    return AnnotationSet.of(annotations, media=MEDIA, labels=LABELS, name=name)


def filled(store: Projects, given: AnnotationSet, name: str = "Wall") -> Project:
    project = store.create(name, by=ANNA, tree=store.trees.save("marine", given.labels, author="anna"))
    add_set(project, given)
    return project


def test_a_set_comes_back_as_it_was(store: Projects) -> None:
    given = made(FULL, HOLED)
    back = as_set(filled(store, given))
    assert (back.media, back.labels, back.name) == (MEDIA, LABELS, "Wall")
    assert repr(back.annotations()) == repr(given.annotations())
    assert back.annotations()[0] == FULL
    again = as_set(filled(store, back, "Second"))
    assert repr(again.annotations()) == repr(given.annotations())


def test_a_set_that_is_added_again_is_not_doubled(store: Projects) -> None:
    nameless = [Annotation(medium="a.jpg", shape=Shape.of("point", (n % 2, 0))) for n in range(4)]
    given = made(FULL, HOLED, *nameless)
    project = filled(store, given)
    head = project.head
    added = add_set(project, given)
    assert (added.media, added.annotations, added.problems) == (0, 0, ())
    assert project.head == head
    assert sum(project.counts().statuses.values()) == 6
    # Somebody has worked on it since: that stays.
    project.change("1", base=project.get("1").version, status="validated")
    assert add_set(project, given).annotations == 0
    assert project.get("1").annotation.status == "validated"
    assert verify(project).problem == ""


def test_another_set_with_the_same_ids_is_added_beside_it(store: Projects) -> None:
    project = filled(store, made(FULL))
    other = Annotation(medium="a.jpg", id="1", shape=Shape.of("point", (5, 5)))
    assert add_set(project, made(other, name="other")).annotations == 1
    assert add_set(project, made(other, name="other")).annotations == 0
    assert sum(project.counts().statuses.values()) == 2
    assert project.get("1").annotation == FULL


def test_what_cannot_be_kept_is_said_and_the_rest_is_there(store: Projects) -> None:
    wrong = [
        Annotation(medium="none.jpg", id="3", shape=Shape.of("whole")),
        Annotation(medium="a.jpg", id="4", shape=Shape.of("whole"), labels=(LabelGiven(path=("Rock",)),)),
        Annotation(medium="a.jpg", id="5", shape=Shape.of("whole"), labels=(LabelGiven(path=("Biota",), confidence=7.0),)),
        Annotation(medium="a.jpg", id="6", shape=Shape.of("whole"), attributes={"depth": math.inf}),
    ]
    project = store.create("Wall", by=ANNA, tree=store.trees.save("marine", LABELS, author="anna"))
    given = AnnotationSet(
        name="s",
        layout="",
        media=MEDIA,
        labels=LABELS,
        stream=lambda _: iter([*wrong, FULL]),
        problems=(Problem(item="x", what="y"),),
    )
    added = add_set(project, given)
    assert added.annotations == 1
    assert [(problem.item, problem.what) for problem in added.problems] == [
        ("x", "y"),
        ("3", "it is in none.jpg, which is not among the media"),
        ("4", "The label Rock is not in the label tree of the project: choose another"),
        ("5", "The confidence of Biota is 7: give one between 0 and 1"),
        ("6", "The attribute depth cannot be inf: use text, a finite number, true or false"),
    ]


def test_media_with_the_same_content_or_the_same_name_are_told_apart(store: Projects) -> None:
    project = filled(store, made(FULL))
    media = (
        Medium(name="elsewhere.jpg", sha256="ab" * 32),
        Medium(name="a.jpg", sha256="cd" * 32),
    )
    marks = [Annotation(medium=medium.name, id=f"m{n}", shape=Shape.of("whole")) for n, medium in enumerate(media)]
    added = add_set(project, AnnotationSet.of(marks, media=media, labels=(), name="other"))
    assert (added.media, added.annotations) == (1, 2)
    assert [project.get(f"m{n}").annotation.medium for n in range(2)] == ["a.jpg", "a.jpg [cdcdcdcdcdcd]"]
    assert [problem.what for problem in added.problems] == [
        "it is a.jpg in the project",
        "it is a.jpg [cdcdcdcdcdcd] in the project",
    ]
