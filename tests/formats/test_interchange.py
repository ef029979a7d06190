"""From any format of annotations to any, with an exact report of what is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagine_kernels.cli import imagine
from imagine_kernels.errors import UnknownName
from imagine_kernels.formats.holds import MAX_NOTED
from imagine_kernels.formats.interchange import FORMATS, open_annotations, write_annotations
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape

Lay = Callable[..., Path]


def given(label: str, **more: object) -> tuple[LabelGiven, ...]:
    return (LabelGiven(path=("Biota", label), **more),)  # type: ignore[arg-type]


SOURCE = AnnotationSet.of(
    [
        Annotation(medium="a.jpg", shape=Shape.of("rectangle", (1, 2, 3, 4)), labels=given("Crab"), id="7"),
        Annotation(medium="a.jpg", shape=Shape.of("circle", (5, 5, 2)), labels=given("Crab", annotator="Ann"), id="8"),
        Annotation(medium="a.jpg", shape=Shape.of("circle", (5, 5, 3)), labels=given("Crab", annotator="Bob"), track="1"),
        Annotation(medium="a.jpg", shape=Shape.of("rectangle", (1, 2, 3.25, 4)), labels=given("Crab"), status="dubious"),
        Annotation(medium="a.jpg", shape=Shape.of("rectangle", (1, 2, 3, 4)), labels=given("Crab"), status="discarded"),
        Annotation(medium="a.jpg", shape=Shape.of("rectangle", (1, 2, 3, 4))),
        Annotation(medium="v.mp4", shape=Shape("point", ((1.0, 2.0),), (1.5,)), labels=given("Crab")),
        Annotation(medium="nowhere.jpg", shape=Shape("whole"), labels=given("Crab")),
    ],
    media=[
        Medium(name="a.jpg", width=10, height=10, latitude=1.5),
        Medium(name="b.jpg", width=10, height=10, reviewed=True),
        Medium(name="v.mp4", kind="video"),
    ],
    labels=[Label(name="Crab", parent=("Biota",), aphia_id=1), Label(name="Fish")],
)


def test_the_report_has_one_entry_for_each_kind_of_loss_with_its_count(tmp_path: Path) -> None:
    told = write_annotations(SOURCE, tmp_path / "voc.zip", to="voc")
    assert (told.n, told.unread) == (8, [])
    assert sorted((problem.item, problem.what) for problem in told.lost) == [
        ("annotator", "who gave the label is not held (2 annotations)"),
        ("aphia_id", "is not held (1 label)"),
        ("circle", "becomes rectangle (2 annotations)"),
        ("coordinates", "is rounded to whole pixels (1 annotation)"),
        ("file", "was left out, its file is not in the set (1 annotation)"),
        ("id", "its identifier is not held (2 annotations)"),
        ("label", "was given to nothing and is not in the target (1 label)"),
        ("label", "without a label, is called 'unlabelled' (1 annotation)"),
        ("latitude", "is not held (1 file)"),
        ("parent", "what is above it is not held (1 label)"),
        ("reviewed", "is not held (1 file)"),
        ("status", "discarded, and was left out (1 annotation)"),
        ("status", "dubious becomes validated (1 annotation)"),
        ("track", "which individual it is of, is not held (1 annotation)"),
        ("video", "was left out, the target holds no videos (1 annotation)"),
        ("video", "was left out, the target holds no videos (1 file)"),
    ]


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_from_any_to_any(source: str, target: str, tmp_path: Path) -> None:
    def path(name: str, stem: str) -> Path:
        wanted = FORMATS[name].target
        return tmp_path / (f"{stem}.zip" if "FILE.zip" in wanted else stem + wanted.split(" ")[0].removeprefix("FILE"))

    kind = FORMATS[source].holds.media[0]
    shape = Shape("rectangle", ((1.0, 2.0, 4.0, 6.0),), (0.0,) if kind == "video" else ())
    medium = Medium(name="a.jpg", kind=kind, width=10, height=20)
    held = AnnotationSet.of([Annotation(medium="a.jpg", shape=shape, labels=given("Crab"))], media=[medium], labels=[])
    write_annotations(held, path(source, "source"), to=source)
    found = open_annotations(path(source, "source"))
    assert len(found.annotations()) == 1
    told = write_annotations(found, path(target, "target"), to=target)
    if {medium.kind for medium in found.media} & set(FORMATS[target].holds.media) and not any(
        "left out" in problem.what for problem in told.lost
    ):
        assert [one.label for one in open_annotations(path(target, "target")).annotations()] == ["Crab"]
    else:
        assert told.lost


def test_bad_rows_are_told_apart_from_losses(lay: Lay, tmp_path: Path) -> None:
    rows = "image_name,x_min,y_min,x_max,y_max,class_name\n" + "a.jpg,1,2,3,4,x\n" + "a.jpg,9,2,3,4,x\n" * (MAX_NOTED + 5)
    told = write_annotations(open_annotations(lay({"a.csv": rows})), tmp_path / "a.json", to="coco")
    assert (told.n, told.lost) == (1, [])
    assert [problem.line for problem in told.unread[:2]] == [3, 4]
    assert len(told.unread) == MAX_NOTED + 1
    assert "more than 1000 problems" in told.unread[-1].what


def test_the_command(lay: Lay, tmp_path: Path) -> None:
    source = lay({"a.csv": "image_name,x_min,y_min,x_max,y_max,class_name\na.jpg,1,2,3,4,x\na.jpg,1,2,b,4,x\n"})
    run = CliRunner().invoke(imagine, ["convert", str(source), str(tmp_path / "a.json"), "--to", "coco"])
    assert run.exit_code == 0, run.output
    assert "error: a.csv, line 3: was left out, the coordinates are not all numbers; correct the row." in run.output
    assert "1 annotations (CSV of boxes) were read" in run.output
    run = CliRunner().invoke(imagine, ["convert", str(tmp_path / "a.json"), str(tmp_path / "b"), "--to", "voc", "--json"])
    said = json.loads(run.stdout)
    assert (said["n"], said["from"]) == (1, "COCO")
    assert said["lost"] == [
        {"item": "id", "line": None, "severity": "warning", "what": "its identifier is not held (1 annotation)", "remedy": ""}
    ]


def test_the_names_of_sample_formats_do_for_annotations_too(tmp_path: Path) -> None:
    write_annotations(SOURCE, tmp_path / "a.json", to="coco")
    for to, reader in (("csv", "CSV of annotations"), ("ecotaxa", "EcoTaxa TSV")):
        target = tmp_path / f"target.{'csv' if to == 'csv' else 'tsv'}"
        run = CliRunner().invoke(imagine, ["convert", str(tmp_path / "a.json"), str(target), "--to", to])
        assert run.exit_code == 0, run.output
        assert open_annotations(target).layout == reader


def test_the_help_lists_the_formats() -> None:
    shown = CliRunner().invoke(imagine, ["convert", "--help"]).output
    for name in (*FORMATS, "class-folders"):
        assert f"  {name} " in shown


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"Unknown format 'cocoa'; known: .*\. Did you mean 'coco'\?"):
        write_annotations(SOURCE, tmp_path / "a", to="cocoa")


def test_vignettes_in_class_folders_become_annotations(lay: Lay, tmp_path: Path) -> None:
    folder = lay({"Copepoda/a.png": None, "detritus/b.png": None})
    found = open_annotations(folder)
    assert [(one.label, one.shape.kind) for one in found.annotations()] == [("Copepoda", "whole"), ("detritus", "whole")]
    write_annotations(found, tmp_path / "a.json", to="coco")
    boxes = [one.shape for one in open_annotations(tmp_path / "a.json").annotations()]
    assert boxes == [Shape.of("rectangle", (0, 0, 8, 8))] * 2


def test_every_declaration_has_its_row() -> None:
    rows = [form.holds.row() for form in FORMATS.values()]
    assert len({tuple(row) for row in rows}) == 1
    assert all(value for row in rows for value in row.values())


def test_reading_twice_does_not_note_twice(lay: Lay) -> None:
    found = open_annotations(lay({"a.csv": "image_name,x_min,y_min,x_max,y_max,class_name\na.jpg,1,2,b,4,x\n"}))
    first, second = list[Problem](), list[Problem]()
    assert list(found.stream(first)) == list(found.stream(second)) == []
    assert first == second
    assert len(first) == 1
