"""Each format of annotations as the programs write it, and the same things after a way through another format."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.formats.interchange import open_annotations, write_annotations
from imagine_kernels.records import Annotation, AnnotationSet, Problem, Shape
from imagine_kernels.records.shapes import rings

Lay = Callable[..., Path]

COCO = {
    "info": {"year": 2021, "contributor": "the lab"},
    "licenses": [{"id": 1, "name": "CC BY 4.0"}],
    "images": [{"id": 7, "file_name": "a.jpg", "width": 10, "height": 8, "license": 1, "date_captured": "2021-03-15"}],
    "categories": [
        {"id": 0, "name": "Crab", "supercategory": "Biota > Crustacea"},
        {"id": 3, "name": "x", "supercategory": "none"},
    ],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 0, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0, "score": 0.5},
        {"id": 2, "image_id": 7, "category_id": 3, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 0], [5, 5, 6, 5, 6, 6]]},
        {"id": 3, "image_id": 7, "category_id": 3, "iscrowd": 1, "segmentation": {"size": [8, 10], "counts": [9, 3, 68]}},
        {"id": 4, "image_id": 7, "category_id": 3, "bbox": [1, 1, 2, 1], "keypoints": [1, 1, 2, 3, 2, 1]},
        {"id": 5, "image_id": 8, "category_id": 3, "bbox": [1, 1, 2, 1]},
        {"id": 6, "image_id": 7, "category_id": 3, "bbox": [1, 1, -2, 1]},
        {"id": 7, "image_id": 7, "category_id": 3},
        {"id": 8, "image_id": 7, "category_id": 99, "bbox": [1, 1, 2, 1]},
        {"id": 9, "image_id": 7, "category_id": 3, "segmentation": {"size": [100000, 100000], "counts": [10000000000]}},
    ],
}


def read(path: Path) -> tuple[AnnotationSet, list[Annotation], list[Problem]]:
    found = open_annotations(path)
    noted: list[Problem] = []
    held = list(found.stream(noted))
    assert held == list(found.stream([]))  # as often as asked
    return found, held, noted


def test_coco(lay: Lay) -> None:
    found, held, noted = read(lay({"some.json": json.dumps(COCO)}))
    assert found.layout == "COCO"
    assert found.attributes["contributor"] == "the lab"
    assert json.loads(str(found.attributes["licenses"])) == COCO["licenses"]
    assert [label.path for label in found.labels] == [("Biota", "Crustacea", "Crab"), ("x",)]
    assert found.media[0].attributes == {"license": 1.0}
    box, parts, crowd, keypoints = held
    assert (box.shape, box.labels[0].confidence, box.status) == (Shape.of("rectangle", (1, 2, 4, 6)), 0.5, "predicted")
    assert [len(ring) for ring in rings(parts.shape.numbers)] == [3, 3]
    assert crowd.shape == Shape.of("mask", (1, 1, 1, 3, 0, 3))
    assert crowd.attributes == {"iscrowd": True}
    assert keypoints.shape == Shape.of("keypoints", (1, 1, 2, 3, 2, 1))
    assert [problem.what.split(",")[1] for problem in noted] == [
        " there is no image 8",
        " its bbox is not x",
        " it has neither bbox nor segmentation",
        " there is no category 99",
        " its mask has 100000 × 100000 pixels",
    ]


def test_coco_with_its_categories_at_the_end_and_long(lay: Lay) -> None:
    order = ["annotations", "categories", "images"]
    many = {**COCO, "annotations": [{**COCO["annotations"][0], "id": n, "note": "é" * 500} for n in range(3000)]}  # type: ignore[dict-item,index]
    text = json.dumps({key: many[key] for key in order}, ensure_ascii=False)
    assert len(text) > 1_100_000  # more than is read at once
    _, held, noted = read(lay({"a.json": text}))
    assert [one.id for one in held] == [str(n) for n in range(3000)]
    assert noted == []


VOC = """<annotation><folder></folder><filename>a.jpg</filename><size><width>640</width><height>480</height></size>
<object><name>Karenia</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult><occluded>0</occluded>
<bndbox><xmin>166</xmin><xmax>256</xmax><ymin>194</ymin><ymax>289</ymax></bndbox></object>
<object><name>Karenia</name></object></annotation>"""


def test_voc_with_its_sides_in_another_order(lay: Lay) -> None:
    found, held, noted = read(lay({"train/a.xml": VOC, "train/a.jpg": None}))
    assert (found.media[0].name, found.media[0].width) == ("train/a.jpg", 640)
    assert held[0].shape == Shape.of("rectangle", (166, 194, 256, 289))
    assert held[0].attributes == {"pose": "Unspecified", "truncated": 0.0, "difficult": 0.0, "occluded": 0.0}
    assert "it has no bndbox" in noted[0].what


def test_yolo_of_three_kinds(lay: Lay) -> None:
    lines = "1 0.5 0.5 0.25 0.5\n0 0.5 0.5 0.25 0.5 0.75\n0 0 0 1 0 1 1\n\n9 0.5\nx 1 1 1 1\n"
    files: dict[str, str | None] = {"images/a.png": None, "labels/a.txt": lines, "images/b.png": None}
    found, held, noted = read(lay(files | {"data.yaml": "names: ['fish', 'crab']\nnc: 2\n"}))
    assert [medium.name for medium in found.media] == ["images/a.png", "images/b.png"]
    assert [(one.label, one.shape.kind) for one in held] == [("crab", "rectangle"), ("fish", "rectangle"), ("fish", "polygon")]
    assert held[0].shape.numbers == (3, 2, 5, 6)  # of 8 × 8 px
    assert (held[1].labels[0].confidence, held[1].status) == (0.75, "predicted")
    assert [(problem.line, problem.item) for problem in noted] == [(5, "labels/a.txt"), (6, "labels/a.txt")]


def test_yolo_oriented_needs_its_task(lay: Lay) -> None:
    files = {"images/a.png": None, "labels/a.txt": "0 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75\n"}
    names = "names:\n  0: fish\n"
    _, held, _ = read(lay({**files, "data.yaml": names + "task: obb\n"}))
    assert held[0].shape.kind == "rotated_rectangle"
    assert held[0].shape.numbers == pytest.approx((4, 4, math.sqrt(8), math.sqrt(8), -45))
    _, held, _ = read(lay({**files, "data.yaml": names}, "other"))
    assert held[0].shape.kind == "polygon"


def test_yolo_without_its_pictures_says_so(lay: Lay) -> None:
    folder = lay({"labels/a.txt": "0 0.5 0.5 0.25 0.5\n", "data.yaml": "names: [fish]\n"})
    found, held, _ = read(folder)
    assert held == []
    assert "its picture is missing" in found.problems[0].what
    pictures = lay({"a.png": None}, "pictures")
    assert len(open_annotations(folder, pictures=pictures).annotations()) == 1


CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels>
<label><name>fish</name><color>#ff0000</color></label></labels></task></meta>
<image id="0" name="a.jpg" width="100" height="50">
<box label="fish" occluded="1" xtl="1.5" ytl="2" xbr="3" ybr="4" rotation="30"><attribute name="sure">true</attribute></box>
<polygon label="fish" points="0,0;4,0;4,4"/><polyline label="fish" points="0,0;4,0"/><points label="fish" points="1,2"/>
<points label="fish" points="1,2;3,4"/><ellipse label="fish" cx="5" cy="6" rx="2" ry="1"/><tag label="clear"/>
<mask label="fish" rle="1, 2, 1" left="10" top="20" width="2" height="2"/>
<cuboid label="fish"/><box label="fish" xtl="9" ytl="2" xbr="3" ybr="4"/></image></annotations>"""


def test_cvat_pictures(lay: Lay) -> None:
    found, held, noted = read(lay({"annotations.xml": CVAT}))
    assert [label.name for label in found.labels] == ["fish", "clear"]
    assert [one.shape.kind for one in held] == [
        *("rotated_rectangle", "polygon", "line", "point", "keypoints", "ellipse", "whole", "mask"),
    ]
    assert held[0].attributes == {"occluded": True, "sure": True}
    assert held[7].shape == Shape.of("mask", (10, 20, 2, 2, 1, 2, 1))
    assert [problem.what.split(", ")[1] for problem in noted] == [
        "there is no place for a cuboid",
        "A rectangle goes from the lower to the higher numbers",
    ]


CVAT_VIDEO = """<annotations><meta><task><source>dive.mp4</source><original_size><width>100</width><height>50</height></original_size>
<frame_rate>10</frame_rate></task></meta><track id="0" label="fish">
<box frame="0" outside="0" keyframe="1" xtl="0" ytl="0" xbr="1" ybr="1"/><box frame="1" keyframe="0" outside="0" xtl="0" ytl="0" xbr="9" ybr="9"/>
<box frame="10" outside="1" keyframe="1" xtl="0" ytl="0" xbr="1" ybr="1"/>
<box frame="20" outside="0" keyframe="1" xtl="5" ytl="0" xbr="6" ybr="1"/>
<box frame="30" outside="1" keyframe="1" xtl="0" ytl="0" xbr="1" ybr="1"/></track></annotations>"""


def test_cvat_tracks(lay: Lay) -> None:
    found, held, _ = read(lay({"annotations.xml": CVAT_VIDEO}))
    assert (found.media[0].name, found.media[0].kind, found.media[0].frame_rate_hz) == ("dive.mp4", "video", 10)
    assert held[0].shape.frames == pytest.approx((0, 0.9, 0.9, 2.0, 2.9)[: len(held[0].shape.frames)])
    assert held[0].shape.keyframes[:4] == ((0, 0, 1, 1), (0, 0, 1, 1), (), (5, 0, 6, 1))


BIIGLE_HEAD = (
    "annotation_label_id,label_id,label_name,label_hierarchy,user_id,firstname,lastname,image_id,filename,image_longitude,"
    "image_latitude,shape_id,shape_name,points,attributes,annotation_id,created_at\n"
)


def biigle(*rows: tuple[str, str, str, str]) -> str:
    lines = [
        f'{n},5,{name},"Biota > {name}",1,Ann,Lee,1,a.png,-4.5,48,1,{shape},"{points}","{{""width"":100,""height"":80}}",{number},'
        '"2026-05-21 06:39:41"\n'
        for n, (name, shape, points, number) in enumerate(rows)
    ]
    return BIIGLE_HEAD + "".join(lines)


def test_biigle_pictures(lay: Lay) -> None:
    text = biigle(
        ("Crab", "Point", "[1,2]", "10"),
        ("Crab", "Rectangle", "[0,0,4,0,4,2,0,2]", "11"),
        ("Crab", "Rectangle", "[0,0,1,1,0,2,-1,1]", "12"),
        ("Crab", "Ellipse", "[0,5,10,5,5,3,5,7]", "13"),
        ("Crab", "Circle", "[5,5,2]", "14"),
        ("Fish", "Point", "[1,2]", "10"),
        ("Crab", "Star", "[1,2]", "15"),
        ("Crab", "Point", "[1,null]", "16"),
    )
    found, held, noted = read(lay({"1-volume.csv": text}))
    assert (found.media[0].width, found.media[0].latitude, found.media[0].longitude) == (100, 48, -4.5)
    by_id = {one.id: one for one in held}
    assert [given.path for given in by_id["10"].labels] == [("Biota", "Crab"), ("Biota", "Fish")]
    assert (by_id["10"].labels[0].annotator, by_id["10"].labels[0].given_at) == ("Ann Lee", "2026-05-21T06:39:41+00:00")
    assert by_id["11"].shape == Shape.of("rectangle", (0, 0, 4, 2))
    assert by_id["12"].shape.numbers == pytest.approx((0, 1, math.sqrt(2), math.sqrt(2), 45))
    assert by_id["13"].shape == Shape.of("ellipse", (5, 5, 5, 2, 0))
    assert [(problem.line, problem.item) for problem in noted] == [(8, "1-volume.csv"), (9, "1-volume.csv")]


def test_biigle_videos_have_gaps(lay: Lay) -> None:
    text = (
        "video_annotation_label_id,label_id,label_name,label_hierarchy,user_id,firstname,lastname,video_id,video_filename,shape_id,"
        "shape_name,points,frames,annotation_id,created_at\n"
        '1,2,Crab,Crab,1,A,B,1,a.mp4,1,Point,"[[1,2],[],[3,4]]","[1.5,null,2.5]",7,"2020-05-21 17:07:44"\n'
        '2,2,Crab,Crab,1,A,B,1,a.mp4,7,WholeFrame,[],"[3,4]",8,"2020-05-21 17:07:44"\n'
        '3,2,Crab,Crab,1,A,B,1,a.mp4,1,Point,"[[1,2]]","[1,2]",9,"2020-05-21 17:07:44"\n'
    )
    found, held, noted = read(lay({"v.csv": text}))
    assert found.media[0].kind == "video"
    assert held[0].shape == Shape("point", ((1.0, 2.0), (), (3.0, 4.0)), (1.5, 1.5, 2.5))
    assert held[1].shape == Shape("whole", ((), ()), (3.0, 4.0))
    assert "1 shapes for 2 frames" in noted[0].what


def test_viame(lay: Lay) -> None:
    text = (
        "# comment\n# metadata,fps: 10,\n0,1.png,0,884.66,510,1219.66,737.66,1,-1,ignored,0.98\n0,2.png,1,111,222,3333,444,1,-1,typestring,0.55\n"
        "2,3.png,2,10,50,20,35,1,-1,type3,0.765,(kp) head 22.4534 -45.6564,(kp) tail 55.232 -22.3445\n"
        "6,5.png,4,10,10,20,20,1,-1,type2,0.65,type1,0.89,type3,0.24\n"
        "5,7.png,6,10,10,20,20,1,-1,type1,0.89,(atr) attrNAME spaced attr name,(trk-atr) booleanAttr true,(note) a,(note) b\n"
        "7,8.png,7,0,0,9,9,1,-1,,,(poly) 0 0 9 0 9 9 0 9,(hole) 1 1 2 1 2 2\n8,9.png,8,a,0,9,9,1,-1\n"
    )
    _, held, noted = read(lay({"out.csv": text}))
    assert [one.track for one in held] == ["0", "0", "2", "6", "5", "7"]
    assert held[2].shape == Shape.of("rectangle", (10, 35, 20, 50))  # the fixture has y upside down
    assert held[2].attributes == {"kp:head": "22.4534 -45.6564", "kp:tail": "55.232 -22.3445"}
    assert [given.name for given in held[3].labels] == ["type1", "type2", "type3"]
    assert held[4].attributes == {"attrNAME": "spaced attr name", "booleanAttr": True, "note": "a; b"}
    assert len(rings(held[5].shape.numbers)) == 2
    assert held[5].labels == ()
    assert noted[0].line == 9


def test_viame_of_a_video_joins_the_rows_of_a_track(lay: Lay) -> None:
    text = (
        "# metadata,fps: 10,video: dive.mp4\n3,,5,0,0,1,1,1,-1,fish,0.9\n4,,5,0,0,1,1,1,-1,fish,0.9\n3,,7,1,0,2,1,1,-1,crab,0.5\n"
    )
    found, held, _ = read(lay({"out.csv": text}))
    assert (found.media[0].name, found.media[0].frame_rate_hz) == ("dive.mp4", 10)
    assert held[0].shape == Shape("rectangle", ((0.0, 0.0, 1.0, 1.0), (1.0, 0.0, 2.0, 1.0)), (0.5, 0.7))
    assert held[0].label == "crab"


def test_raven_reads_a_selection_once_whatever_its_views(lay: Lay) -> None:
    text = (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin Path\tClass\tSound type\r\n"
        "1\tWaveform 1\t1\t9.75\t9.98\t25.0\t38.1\tC:\\data\\67674121.wav\tfish\tgrunt\r\n"
        "1\tSpectrogram 1\t1\t9.75\t9.98\t25.0\t38.1\tC:\\data\\67674121.wav\tfish\tgrunt\r\n"
        "2\tSpectrogram 1\t1\t11\t12\t\t\tC:\\data\\67674121.wav\tfish?\t\r\n3\tSpectrogram 1\t1\t12\t11\t1\t2\tx\ty\tz\r\n"
    )
    found, held, noted = read(lay({"a.Table.1.selections.txt": text}))
    assert found.media[0].name == "67674121.wav"
    assert (held[0].shape, held[0].label) == (Shape.of("rectangle", (9.75, 25, 9.98, 38.1)), "fish")
    assert held[0].attributes["Sound type"] == "grunt"
    assert (held[1].shape, held[1].status, held[1].label) == (Shape("whole", ((), ()), (11.0, 12.0)), "dubious", "fish")
    assert noted[0].line == 5


def test_label_studio(lay: Lay) -> None:
    rectangle = {"x": 50, "y": 50, "width": 10, "height": 20, "rotation": 90, "rectanglelabels": ["Crab", "Big"]}
    common = {"original_width": 200, "original_height": 100}
    tasks = [
        {
            "data": {"image": "/data/local-files/?d=dive/a.jpg", "site": "North"},
            "annotations": [
                {"completed_by": {"email": "ann"}, "result": [{"type": "rectanglelabels", "value": rectangle, **common}]}
            ],
            "predictions": [
                {"model_version": "m1", "score": 0.4, "result": [{"type": "choices", "value": {"choices": ["Sand"]}, **common}]}
            ],
        },
        {
            "data": {"audio": "b.wav"},
            "annotations": [{"result": [{"type": "labels", "value": {"start": 1, "end": 2, "labels": ["x"]}}]}],
        },
        {"data": {}},
    ]
    found, held, _ = read(lay({"export.json": json.dumps(tasks)}))
    assert [(medium.name, medium.kind) for medium in found.media] == [("dive/a.jpg", "picture"), ("b.wav", "sound")]
    assert held[0].shape.numbers == pytest.approx((90, 60, 20, 20, 90))  # turned about the corner at (100, 50)
    assert [(given.name, given.annotator) for given in held[0].labels] == [("Crab", "ann"), ("Big", "ann")]
    assert (held[1].shape.kind, held[1].status, held[1].labels[0].confidence) == ("whole", "predicted", 0.4)
    assert held[2].shape == Shape("whole", ((), ()), (1.0, 2.0))
    assert "names no picture" in found.problems[0].what


def test_ifdo_as_yaml_of_version_one(lay: Lay) -> None:
    text = """image-set-header:
  image-set-name: dive
  image-latitude: 11.5
  image-annotation-labels: [{id: 1, name: Crab, info: 'urn:lsid:marinespecies.org:taxname:106673'}]
  image-annotation-creators: [{id: a, name: Ann}]
image-set-items:
  a.jpg:
    image-datetime: '2019-04-06 04:29:27.000000'
    image-annotations:
    - {shape: circle, coordinates: [5, 6, 2], labels: [{label: 1, annotator: a, created-at: '2020-01-01 00:00:00'}]}
    - {shape: rectangle, coordinates: [[0, 0, 2, 0, 2, 1, 0, 1]], labels: []}
    - {shape: star, coordinates: [], labels: []}
"""
    found, held, noted = read(lay({"dive.yaml": text}))
    assert (found.media[0].latitude, found.media[0].taken_at) == (11.5, "2019-04-06T04:29:27+00:00")
    assert found.labels[0].aphia_id == 106673
    assert held[0].shape == Shape.of("circle", (5, 6, 2))
    assert held[0].labels[0].annotator == "Ann"
    assert held[1].shape == Shape.of("rectangle", (0, 0, 2, 1))
    assert "the shape 'star' is unknown" in noted[0].what


def test_ecotaxa_without_its_pictures(lay: Lay) -> None:
    text = (
        "img_file_name\tobject_id\tobject_annotation_category\tobject_annotation_status\tobject_area\tobject_bx\tobject_by\tobject_bw\tobject_bh\n"
        "[t]\t[t]\t[t]\t[t]\t[f]\t[f]\t[f]\t[f]\t[f]\n"
        "a.png\tid_1\tCopepoda\tV\t12\t1\t2\t3\t4\na.png\tid_2\tdetritus\tpredicted\t13\t\t\t\t\n"
    )
    found, held, _ = read(lay({"ecotaxa_a.tsv": text}))
    assert len(found.media) == 1
    assert [(one.shape.kind, one.status, one.label) for one in held] == [
        ("rectangle", "validated", "Copepoda"),
        ("whole", "predicted", "detritus"),
    ]
    assert held[0].attributes == {"object_area": 12.0}


def test_what_no_format_is(lay: Lay) -> None:
    with pytest.raises(FormatError, match=r"is in no format that is known here \(COCO, .*\): export it in one of these"):
        open_annotations(lay({"a.json": '{"a": 1}', "b.csv": "x,y\n1,2\n", "c.xml": "<a/>", "d.txt": "hello"}))


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("emso_video/biigle_image_reports/Raw", 5559),
        ("emso_video/biigle_video_csv_puerto_madryn/Biigle annotations/video_annotations_Biigle.csv", 3198),
        ("emso_video/coco_json/full-coco-import-volume.json", 6),
        ("emso_video/ifdo_json/image-ifdo.json", 7),
        ("emso_video/ifdo_json/video-example-1.json", 2),
        ("emso_video/ifdo_json/image-ifdo-v1.yaml", 0),
        ("emso_video/aquarium_roboflow_ccby", 1161),
        ("beach/socib-beach-wracks", 13),
        ("litter/aquatrash", 216),
        ("litter/beach-garbage-backgrounds", 50),
        ("diatoms/roboflow_algae_detect_voc", 110),
        ("zooscan/freshwater_zooplankton_cvat_sample", 55),
    ],
)
def test_real_files(shared_data: Callable[[str], Path], tmp_path: Path, source: str, count: int) -> None:
    use_case, _, rest = source.partition("/")
    path = shared_data(use_case) / rest
    found = open_annotations(path)
    noted: list[Problem] = []
    kinds = Counter(one.shape.kind for one in found.stream(noted))
    # A polygon of one of BIIGLE's reports is garbled.
    assert (kinds.total(), len(noted)) == (count, source.count("biigle_image_reports"))
    told = write_annotations(found, tmp_path / "a.csv", to="annotations-csv")
    assert told.n == count
    if count:
        assert Counter(one.shape.kind for one in open_annotations(tmp_path / "a.csv").stream([])) == kinds


def test_dive_fixtures_give_the_tracks_that_dive_reads(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    path = shared_data("emso_video") / "dive_test_fixtures" / "testutils" / "viame.spec.json"
    for number, (rows, tracks, *_) in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        file = tmp_path / f"{number}.csv"
        file.write_text("\n".join(rows) + "\n", encoding="utf-8")
        held = open_annotations(file).annotations()
        for track, expected in tracks.items():
            own = [one for one in held if one.track == track]
            assert len(own) == len(expected["features"])
            for one, feature in zip(own, expected["features"], strict=True):
                box = one.shape.box
                if one.shape.kind == "rectangle":
                    x0, y0, x1, y1 = feature["bounds"]
                    assert np.abs(np.array(box) - (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))).max() <= 0.5
                polygons = [
                    f["geometry"]["coordinates"]
                    for f in feature.get("geometry", {}).get("features", [])
                    if f["geometry"]["type"] == "Polygon"
                ]
                if polygons:
                    assert sorted(len(ring) for ring in rings(one.shape.numbers)) == sorted(len(r) for p in polygons for r in p)
            last = own[-1].labels
            if last:
                best = sorted(expected["confidencePairs"], key=lambda pair: -pair[1])
                assert [(given.name, given.confidence) for given in last] == [tuple(pair) for pair in best]


def test_errors_have_one_line(lay: Lay, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not empty: give a new folder\."):
        write_annotations(open_annotations(lay({"a.json": json.dumps(COCO)})), lay({"x": "y"}, "full"), to="voc")
    with pytest.raises(DataError, match=r"is a folder: name a file, FILE\.json\."):
        write_annotations(open_annotations(lay({"a.json": json.dumps(COCO)})), tmp_path, to="coco")
