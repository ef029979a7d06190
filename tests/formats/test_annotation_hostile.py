"""Files that are broken, absurd or meant to do harm: the answer is a set, possibly with problems, or one clear error."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.formats.interchange import FORMATS, open_annotations, write_annotations
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem, Shape

Lay = Callable[..., Path]

BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><annotations><meta><task><source>&d;</source></task></meta></annotations>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>"""


def survives(path: Path) -> str:
    """What is said of a file; it never takes long, and never fails otherwise."""
    try:
        found = open_annotations(path)
        noted: list[Problem] = []
        for _ in found.stream(noted):
            pass
    except DataError as error:
        said = str(error)
        assert "\n" not in said
        return said
    return " ".join(problem.what for problem in (*found.problems, *noted))


@pytest.mark.parametrize("text", [BOMB, OUTSIDE])
def test_entities_are_refused(lay: Lay, text: str) -> None:
    assert "entities" in survives(lay({"annotations.xml": text}))


def test_xml_that_is_nested_without_end(lay: Lay) -> None:
    text = "<annotations>" + "<a>" * 100_000 + "</a>" * 100_000 + "</annotations>"
    assert "is nested more than 64 elements deep" in survives(lay({"a.xml": text}))


def test_json_that_is_nested_without_end(lay: Lay) -> None:
    for text in (
        "[" * 100_000,
        '{"images":' + '[{"a":' * 100_000,
        '{"images":[],"annotations":' + "[" * 100_000 + "]" * 100_000 + "}",
    ):
        assert survives(lay({"a.json": text}))


@pytest.mark.parametrize(
    "annotation",
    [
        '{"image_id":1,"category_id":1,"bbox":[NaN,1,1,1]}',
        '{"image_id":1,"category_id":1,"bbox":[1e999,1,1,1]}',
        '{"image_id":1,"category_id":1,"bbox":[1,1,-1,1]}',
        '{"image_id":1,"category_id":1,"bbox":["a",1,1,1]}',
        '{"image_id":1,"category_id":1,"bbox":5}',
        '{"image_id":[1],"category_id":1,"bbox":[1,1,1,1]}',
        '{"image_id":1,"category_id":{},"bbox":[1,1,1,1]}',
        '{"image_id":1,"category_id":1,"segmentation":[[1,2,3]]}',
        '{"image_id":1,"category_id":1,"segmentation":{"size":[100000,100000],"counts":[0,10000000000]}}',
        '{"image_id":1,"category_id":1,"segmentation":{"size":[1000000000,1000000000],"counts":"oooooooo"}}',
        '{"image_id":1,"category_id":1,"segmentation":{"size":[8,8],"counts":[-1,65]}}',
        '{"image_id":1,"category_id":1,"segmentation":{"size":[8,8],"counts":"\\u0000\\u00ff"}}',
        '{"image_id":1,"category_id":1,"keypoints":[1,2]}',
        "[]",
        "7",
    ],
)
def test_annotations_that_are_none(lay: Lay, annotation: str) -> None:
    text = '{"images":[{"id":1,"file_name":"a.jpg"}],"categories":[{"id":1,"name":"x"}],"annotations":[' + annotation + "]}"
    assert "annotation 1 was left out" in survives(lay({"a.json": text}))


def test_numbers_of_absurd_length(lay: Lay) -> None:
    text = '{"images":[{"id":1,"file_name":"a.jpg","width":' + "9" * 5000 + '}],"annotations":[]}'
    assert "a number is too long" in survives(lay({"a.json": text}))


def test_yaml_that_grows_without_end(lay: Lay) -> None:
    lines = ["image-set-header: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "uses aliases" in survives(lay({"a.yaml": "\n".join(lines)}))


def test_yaml_makes_no_objects(lay: Lay) -> None:
    assert "cannot be read as YAML" in survives(lay({"a.yaml": "image-set-header: !!python/object/apply:os.system ['true']"}))


def test_python_in_a_cell_is_not_run(lay: Lay) -> None:
    text = 'id,width,height,boxes\n1,5,5,"[__import__(\'os\').getcwd()]"\n2,5,5,"' + "(" * 5000 + '"\n'
    assert survives(lay({"a.csv": text})).count("its boxes are no list") == 2


BOXES = "image_name,x_min,y_min,x_max,y_max,class_name\r\na.jpg,1,2,3,4,=cmd()\r\nb.jpg,1,2,3,4,käse\r\nc.jpg,5,2,3,4,x\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_and_line_ends(lay: Lay, tmp_path: Path, encoding: str) -> None:
    found = open_annotations(lay({"boxes.csv": BOXES.encode(encoding)}))
    noted: list[Problem] = []
    assert [one.label for one in found.stream(noted)] == ["=cmd()", "käse"]  # a formula is a text like any other
    assert [problem.line for problem in noted] == [4]
    assert [problem.what for problem in found.problems] == ["the text is not UTF-8 and was read as Latin-1"] * (
        encoding == "latin-1"
    )
    write_annotations(found, tmp_path / "again.csv", to="box-csv")
    assert [one.label for one in open_annotations(tmp_path / "again.csv").annotations()] == ["=cmd()", "käse"]


def test_json_in_other_encodings(lay: Lay) -> None:
    text = json.dumps({"images": [{"id": 1, "file_name": "käse.jpg"}], "annotations": []}, ensure_ascii=False)
    for encoding in ("utf-8-sig", "latin-1", "utf-16"):
        assert open_annotations(lay({"a.json": text.encode(encoding)}, encoding)).media[0].name == "käse.jpg"


def test_a_very_long_cell(lay: Lay) -> None:
    points = ",".join(str(n % 100) for n in range(200_000))
    head = "label_name,label_hierarchy,filename,shape_name,points,annotation_id\n"
    found = open_annotations(lay({"a.csv": f'{head}x,x,a.jpg,Polygon,"[{points}]",1\n'}))
    assert len(found.annotations()[0].shape.numbers) == 200_000


NAMES = [
    "../../outside.jpg",
    "/etc/passwd",
    "C:\\windows\\x.jpg",
    "..",
    ".",
    "",
    "a/../../b.jpg",
    ".hidden",
    "con.jpg",
    "x" * 400 + ".jpg",
    "a\nb",
]


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if "FOLDER" in form.target])
def test_no_file_is_written_outside(tmp_path: Path, name: str) -> None:
    kind = "video" if name == "cvat-video" else "picture"
    media = [Medium(name=each, kind=kind, width=10, height=10) for each in NAMES]  # type: ignore[arg-type]
    shape = Shape.of("rectangle", (1, 1, 2, 2))
    held = [Annotation(medium=each, shape=shape, labels=(LabelGiven(path=("x",)),)) for each in NAMES]
    source = AnnotationSet.of(held, media=media, labels=[Label(name="x")])
    folder = tmp_path / "deep" / "deeper" / "target"
    write_annotations(source, folder, to=name)
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents]
    assert outside == []
    assert len(open_annotations(folder).annotations()) == len(NAMES)
    write_annotations(source, tmp_path / "target.zip", to=name)
    with zipfile.ZipFile(tmp_path / "target.zip") as archive:
        assert not [member for member in archive.namelist() if member.startswith("/") or ".." in member.split("/")]


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    def broken(_: list[Problem]) -> object:
        yield Annotation(medium="a.jpg", shape=Shape.of("rectangle", (1, 1, 2, 2)))
        raise FormatError("the source broke off.")

    source = AnnotationSet(name="", layout="", media=(Medium(name="a.jpg", width=9, height=9),), labels=(), stream=broken)  # type: ignore[arg-type]
    for name, form in FORMATS.items():
        if "picture" in form.holds.media:
            target = tmp_path / ("t.zip" if "FILE.zip" in form.target else "t.json")
            with pytest.raises(FormatError, match="the source broke off"):
                write_annotations(source, target, to=name)
    assert list(tmp_path.iterdir()) == []


STARTS = {
    "a.json": '{"images":[{"id":1,"file_name":"a.jpg"}],"categories":[],"annotations":[',
    "b.json": '[{"data":{"image":"a.jpg"},"annotations":[',
    "c.json": '{"image-set-header":{"image-set-name":"x"},"image-set-items":{',
    "a.xml": "<annotations><image name='a.jpg'>",
    "b.xml": "<annotation><filename>a</filename><object>",
    "a.csv": "label_name,label_hierarchy,filename,shape_name,points,annotation_id\n",
    "b.csv": "image_name,x_min,y_min,x_max,y_max\n",
    "c.csv": "id,width,height,boxes\n",
    "d.csv": "0,1.png,0,1,2,3,4,1,-1\n",
    "a.txt": "Selection\tBegin Time (s)\tEnd Time (s)\n",
    "a.tsv": "img_file_name\tobject_id\n",
    "a.yaml": "image-set-header:\n",
    "data.yaml": "names: [x]\n",
}


@pytest.mark.parametrize("name", STARTS)
@settings(max_examples=25, deadline=None)
@given(rest=st.one_of(st.binary(max_size=200), st.text(st.sampled_from('{}[]",:<>/=01e-.ax \n\t'), max_size=200).map(str.encode)))
def test_any_bytes(name: str, rest: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(STARTS[name].encode() + rest)
        survives(path)
        path.write_bytes(rest)
        survives(path)
