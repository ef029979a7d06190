"""Programs of others read what is written here, and see the same."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pycocotools.mask as pycocotools_mask
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataError
from imagine_kernels.formats import rle
from imagine_kernels.formats.interchange import write_annotations
from imagine_kernels.formats.substitutes import mask_numbers, mask_of
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Shape

WIDTH, HEIGHT = 40, 30
CRAB, FISH = ("Biota", "Crab"), ("Biota", "Fish")
MASK = Shape.of("mask", (10, 5, 2, 3, 1, 2, 0, 2, 1))


def things(shapes: Iterable[Shape], *, medium: str = "a.jpg") -> list[Annotation]:
    return [
        Annotation(
            medium=medium,
            shape=shape,
            labels=(
                LabelGiven(
                    path=CRAB if n % 2 else FISH, annotator="Ann Lee", given_at="2024-01-31T10:20:30+00:00", confidence=0.5
                ),
            ),
            id=str(n + 1),
        )
        for n, shape in enumerate(shapes)
    ]


def pictures(*shapes: Shape) -> AnnotationSet:
    medium = Medium(
        name="a.jpg",
        width=WIDTH,
        height=HEIGHT,
        taken_at="2024-01-31T00:00:00+00:00",
        latitude=1.5,
        longitude=2.5,
        altitude_m=-30,
        sha256="ab" * 32,
    )
    labels = [Label(name="Fish", parent=("Biota",), aphia_id=11), Label(name="Crab", parent=("Biota",), aphia_id=22)]
    return AnnotationSet.of(things(shapes), media=[medium, Medium(name="b.jpg", width=8, height=8)], labels=labels)


BOX, BOX2 = Shape.of("rectangle", (1, 2, 11, 22)), Shape.of("rectangle", (5, 5, 8, 9))
POLYGON = Shape.of("polygon", (1, 1, 9, 1, 9, 9, 1, 9))

BITS = st.integers(1, 9).flatmap(
    lambda width: st.integers(1, 9).flatmap(
        lambda height: st.lists(st.booleans(), min_size=width * height, max_size=width * height).map(
            lambda bits: np.array(bits).reshape(width, height)
        )
    )
)


@given(inside=BITS, left=st.integers(0, 5), top=st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_masks_are_those_of_pycocotools(inside: np.ndarray, left: int, top: int) -> None:
    numbers = mask_numbers(left, top, inside)
    if numbers is None:
        return
    width, height = left + inside.shape[0] + 2, top + inside.shape[1] + 1
    whole = np.zeros((height, width), dtype=np.uint8, order="F")
    whole[top : top + inside.shape[1], left : left + inside.shape[0]] = inside.T
    theirs = pycocotools_mask.encode(whole)
    counts = rle.to_counts(numbers, width, height)
    assert rle.compress(counts) == theirs["counts"].decode()
    assert rle.decompress(theirs["counts"].decode()) == counts
    assert rle.from_counts(counts, width, height) == numbers
    assert rle.from_lines(rle.to_lines(numbers), *map(int, numbers[:4])) == numbers
    assert (np.array(rle.to_lines(numbers)) >= 0).all()


@given(counts=st.lists(st.integers(0, 2**31), min_size=1, max_size=30))
def test_runs_of_any_length_are_compressed_and_back(counts: list[int]) -> None:
    assert rle.decompress(rle.compress(counts)) == counts


#: A T of five pixels in a picture of 5 × 4 as Label Studio's own encoder writes it.
BRUSH = [0, 0, 0, 80, 57, 27, 254, 23, 0, 183, 255, 108, 2, 63, 251, 224, 17, 255, 206, 0]


def test_a_brush_of_label_studio() -> None:
    assert rle.from_bits(BRUSH, 5, 4) == (1, 1, 3, 3, 0, 1, 2, 4, 2)
    with pytest.raises(DataError, match="not four for each of 4 × 4 pixels"):
        rle.from_bits(BRUSH, 4, 4)
    with pytest.raises(DataError, match="is cut off"):
        rle.from_bits(BRUSH[:-4], 5, 4)


@given(inside=BITS, right=st.integers(0, 3), below=st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_brushes_come_back(inside: np.ndarray, right: int, below: int) -> None:
    numbers = mask_numbers(0, 0, inside)
    if numbers is not None:
        size = (inside.shape[0] + right, inside.shape[1] + below)
        assert rle.from_bits(rle.to_bits(numbers, *size), *size) == numbers


@given(points=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=3, max_size=8))
@settings(max_examples=100, deadline=None)
def test_the_mask_of_a_polygon_is_that_of_its_pixels(points: list[tuple[int, int]]) -> None:
    from skimage.measure import points_in_poly

    ring = [(x / 2 + 0.1234, y / 2 + 0.2777) for x, y in points]  # no centre lies on a side
    numbers = mask_of(tuple(n for point in ring for n in point))
    ours = np.zeros((40, 40), dtype=bool)
    if numbers:
        x, y, width, height = map(int, numbers[:4])
        ours[x : x + width, y : y + height] = np.repeat(
            np.arange(len(numbers) - 4) % 2 == 1, np.asarray(numbers[4:], dtype=int)
        ).reshape(width, height)
    centres = np.stack(np.meshgrid(np.arange(40) + 0.5, np.arange(40) + 0.5, indexing="ij"), axis=-1).reshape(-1, 2)
    assert (points_in_poly(centres, ring).reshape(40, 40) == ours).all()


def test_coco_in_pycocotools(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    write_annotations(pictures(BOX, POLYGON, MASK), tmp_path / "a.json", to="coco")
    theirs = COCO(str(tmp_path / "a.json"))
    box, polygon, mask = theirs.loadAnns(theirs.getAnnIds())
    assert [image["file_name"] for image in theirs.loadImgs(theirs.getImgIds())] == ["a.jpg", "b.jpg"]
    assert {c["name"]: c["supercategory"] for c in theirs.loadCats(theirs.getCatIds())} == {"Fish": "Biota", "Crab": "Biota"}
    assert box["bbox"] == [1, 2, 10, 20]
    assert theirs.annToMask(polygon).sum() == 64
    pixels = theirs.annToMask(mask)
    assert sorted(zip(*np.nonzero(pixels.T), strict=True)) == [(10, 6), (10, 7), (11, 5), (11, 6)]
    assert mask["area"] == pixels.sum()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from PIL import Image

    (tmp_path / "images").mkdir()
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "images" / "a.jpg")
    Image.new("L", (8, 8)).save(tmp_path / "images" / "b.jpg")
    return tmp_path


def test_yolo_in_supervision(folder: Path) -> None:
    import supervision as sv

    for to in ("yolo", "yolo-segment"):
        write_annotations(pictures(BOX, BOX2), folder / to, to=to)
        theirs = sv.DetectionDataset.from_yolo(
            str(folder / "images"), str(folder / to / "labels"), str(folder / to / "data.yaml")
        )
        assert theirs.classes == ["Fish", "Crab"]
        found = theirs.annotations[str(folder / "images" / "a.jpg")]
        assert found.xyxy == pytest.approx(np.array([[1, 2, 11, 22], [5, 5, 8, 9]]), abs=1.01)
        assert found.class_id.tolist() == [0, 1]
        assert len(theirs.annotations[str(folder / "images" / "b.jpg")]) == 0


def test_oriented_yolo_in_supervision(folder: Path) -> None:
    import supervision as sv

    turned = Shape.of("rotated_rectangle", (20, 15, 10, 4, 30))
    write_annotations(pictures(turned), folder / "obb", to="yolo-oriented")
    theirs = sv.DetectionDataset.from_yolo(
        str(folder / "images"), str(folder / "obb" / "labels"), str(folder / "obb" / "data.yaml"), is_obb=True
    )
    found = theirs.annotations[str(folder / "images" / "a.jpg")]
    corners = found.data["xyxyxyxy"][0]
    assert corners.mean(axis=0) == pytest.approx([20, 15], abs=0.5)


def test_voc_in_supervision(folder: Path) -> None:
    import supervision as sv

    write_annotations(pictures(BOX, BOX2), folder / "voc", to="voc")
    theirs = sv.DetectionDataset.from_pascal_voc(str(folder / "images"), str(folder / "voc" / "Annotations"))
    # It takes the lower sides for numbers of pixels counted from 1, as the challenge did.
    assert theirs.annotations[str(folder / "images" / "a.jpg")].xyxy.tolist() == [[0, 1, 11, 22], [4, 4, 8, 9]]
    assert sorted(theirs.classes) == ["Crab", "Fish"]


def test_coco_in_supervision(folder: Path) -> None:
    import supervision as sv

    write_annotations(pictures(BOX, BOX2), folder / "a.json", to="coco")
    theirs = sv.DetectionDataset.from_coco(str(folder / "images"), str(folder / "a.json"))
    assert theirs.annotations[str(folder / "images" / "a.jpg")].xyxy.tolist() == [[1, 2, 11, 22], [5, 5, 8, 9]]


def test_raven_in_crowsetta(tmp_path: Path) -> None:
    import crowsetta

    sounds = [Medium(name="a.wav", kind="sound", duration_s=60, sample_rate_hz=8000)]
    held = things([Shape.of("rectangle", (1.5, 100, 2.25, 900))], medium="a.wav")
    source = AnnotationSet.of(held, media=sounds, labels=[Label(name="Fish", parent=("Biota",))])
    write_annotations(source, tmp_path / "a.txt", to="raven")
    theirs = crowsetta.formats.bbox.Raven.from_file(tmp_path / "a.txt", annot_col="Annotation").to_bbox()[0]
    assert (theirs.onset, theirs.offset, theirs.low_freq, theirs.high_freq) == (1.5, 2.25, 100, 900)
    assert theirs.label == "Fish"


def test_darwin_core_in_dwca_reader(tmp_path: Path) -> None:
    from dwca.read import DwCAReader

    terms = "http://rs.tdwg.org/dwc/terms/"
    write_annotations(pictures(BOX, BOX2), tmp_path / "a.zip", to="darwin-core")
    with DwCAReader(tmp_path / "a.zip") as theirs:
        events = list(theirs)
        assert [event.data[terms + "eventID"] for event in events] == ["a.jpg", "b.jpg"]
        assert events[0].data[terms + "minimumDepthInMeters"] == "30"
        occurrences = [row.data for row in events[0].extensions if row.rowtype == terms + "Occurrence"]
        facts = [row.data for row in events[0].extensions if row.rowtype.endswith("ExtendedMeasurementOrFact")]
    assert [found[terms + "scientificName"] for found in occurrences] == ["Fish", "Crab"]
    assert occurrences[0][terms + "scientificNameID"] == "urn:lsid:marinespecies.org:taxname:11"
    assert occurrences[0][terms + "basisOfRecord"] == "MachineObservation"
    assert occurrences[0][terms + "identificationVerificationStatus"] == "ValidatedByHuman"
    assert {found[terms + "measurementType"] for found in facts} == {"sha256", "identification confidence"}


HEADER = {
    "image-set-uuid": "d7546c4b-307f-4d42-8554-33236c577450",
    "image-set-name": "dive 1",
    "image-set-handle": "https://hdl.handle.net/1",
    "image-datetime": "2019-04-06 04:29:27.000000",
    "image-latitude": 11.85,
    "image-longitude": -117.02,
    "image-altitude-meters": -4094.5,
    "image-coordinate-reference-system": "EPSG:4326",
    "image-coordinate-uncertainty-meters": 4.74,
    "image-copyright": "the lab",
    "image-abstract": "what was seen",
    **{f"image-{name}": name for name in ("context", "project", "event", "platform", "sensor", "pi", "license", "creators")},
}


def test_ifdo_in_ifdo_py(tmp_path: Path) -> None:
    import ifdo

    shapes = [
        BOX,
        POLYGON,
        Shape.of("circle", (5, 5, 2)),
        Shape.of("point", (1, 2)),
        Shape.of("line", (1, 2, 3, 4)),
        Shape("whole"),
    ]
    source = replace(pictures(*shapes), attributes=HEADER)
    told = write_annotations(source, tmp_path / "a.json", to="ifdo")
    theirs = ifdo.iFDO.load(tmp_path / "a.json")
    assert theirs.image_set_header.image_set_uuid == HEADER["image-set-uuid"]
    assert theirs.image_set_header.image_license.name == "license"
    first = theirs.image_set_items["a.jpg"]
    first = first[0] if isinstance(first, list) else first
    assert (first.image_latitude, first.image_altitude_meters) == (1.5, -30)
    assert [found.shape for found in first.image_annotations] == [
        *("rectangle", "polygon", "circle", "single-pixel", "polyline", "whole-image"),
    ]
    assert first.image_annotations[0].labels[0].created_at.replace(tzinfo=None) == datetime(2024, 1, 31, 10, 20, 30)
    assert not [problem for problem in told.lost if "in the header" in problem.what]


def test_ifdo_has_the_counts_and_fields_that_its_schema_demands(tmp_path: Path) -> None:
    shapes = [
        *(BOX, POLYGON, Shape.of("circle", (5, 5, 2)), Shape.of("point", (1, 2)), Shape.of("line", (1, 2, 3, 4)), Shape("whole")),
        *(Shape.of("ellipse", (5, 5, 2, 1, 30)), Shape.of("rotated_rectangle", (5, 5, 2, 1, 30))),
    ]
    write_annotations(replace(pictures(*shapes), attributes=HEADER), tmp_path / "a.json", to="ifdo")
    written = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    header = written["image-set-header"]
    for name in ("context", "project", "event", "platform", "sensor", "pi", "license"):
        assert header[f"image-{name}"] == {"name": name}
    assert header["image-creators"] == [{"name": "creators"}]
    assert header["image-set-ifdo-version"] == "v2.1.0"
    item = written["image-set-items"]["a.jpg"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", item["image-uuid"])
    datetime.strptime(item["image-datetime"], "%Y-%m-%d %H:%M:%S.%f")
    counts = {"whole-image": 0, "single-pixel": 2, "circle": 3, "rectangle": 8, "ellipse": 8, "polyline": 4, "polygon": 10}
    labels = {label["id"] for label in header["image-annotation-labels"]}
    people = {person["id"] for person in header["image-annotation-creators"]}
    for found in item["image-annotations"]:
        assert [len(each) for each in found["coordinates"]] == [counts[found["shape"]]]
        if found["shape"] == "polygon":
            assert found["coordinates"][0][:2] == found["coordinates"][0][-2:]
        for given_label in found["labels"]:
            assert given_label["label"] in labels
            assert given_label["annotator"] in people


def test_ifdo_says_what_its_header_lacks(tmp_path: Path) -> None:
    lost = write_annotations(pictures(BOX), tmp_path / "a.json", to="ifdo").lost
    wanted = next(problem for problem in lost if "in the header" in problem.what)
    assert "image-license" in wanted.what
    assert "image-pi" in wanted.what
    assert wanted.item == "a.json"


def test_cvat_has_the_attributes_that_cvat_asks_for(tmp_path: Path) -> None:
    write_annotations(pictures(BOX, POLYGON, Shape.of("rotated_rectangle", (20, 15, 10, 4, -30))), tmp_path / "a.xml", to="cvat")
    root = ET.parse(tmp_path / "a.xml").getroot()
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iter("label")] == ["Fish", "Crab"]
    box, turned = root.find("image").findall("box")  # type: ignore[union-attr]
    assert [box.get(side) for side in ("xtl", "ytl", "xbr", "ybr")] == ["1", "2", "11", "22"]
    assert turned.get("rotation") == "330"
    assert root.find("image/polygon").get("points") == "1,1;9,1;9,9;1,9"  # type: ignore[union-attr]
    assert all(element.get("label") and element.get("occluded") == "0" for element in root.find("image"))  # type: ignore[union-attr]


def test_a_track_of_cvat_is_closed(tmp_path: Path) -> None:
    video = Medium(name="a.mp4", kind="video", frame_rate_hz=10)
    shape = Shape("rectangle", ((0.0, 0.0, 1.0, 1.0), (), (5.0, 5.0, 6.0, 6.0)), (0.0, 1.0, 2.0))
    source = AnnotationSet.of(things([shape], medium="a.mp4"), media=[video], labels=[])
    write_annotations(source, tmp_path / "a.xml", to="cvat-video")
    boxes = [(int(box.get("frame", "")), box.get("outside")) for box in ET.parse(tmp_path / "a.xml").iter("box")]
    assert boxes == [(0, "0"), (10, "0"), (11, "1"), (20, "0"), (21, "1")]


def test_biigle_has_the_columns_of_its_reports(tmp_path: Path) -> None:
    write_annotations(pictures(BOX, Shape.of("ellipse", (5, 5, 4, 2, 0))), tmp_path / "a.csv", to="biigle")
    box, ellipse = csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8")))
    assert (box["shape_name"], box["shape_id"], json.loads(box["points"])) == ("Rectangle", "5", [1, 2, 11, 2, 11, 22, 1, 22])
    assert json.loads(ellipse["points"]) == pytest.approx([1, 5, 9, 5, 5, 3, 5, 7])
    assert (box["label_hierarchy"], box["firstname"], box["lastname"]) == ("Biota > Fish", "Ann", "Lee")
    assert box["created_at"] == "2024-01-31 10:20:30"


def test_ecotaxa_has_its_line_of_types(tmp_path: Path) -> None:
    write_annotations(pictures(BOX), tmp_path / "a.tsv", to="ecotaxa-tsv")
    head, types, row = (line.split("\t") for line in (tmp_path / "a.tsv").read_text(encoding="utf-8").splitlines())
    assert set(types) == {"[t]", "[f]"}
    cells = dict(zip(head, row, strict=True))
    assert (cells["object_bx"], cells["object_annotation_category"], cells["object_annotation_status"]) == (
        "1",
        "Fish",
        "validated",
    )


def test_the_same_set_gives_the_same_zip(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_annotations(pictures(BOX), tmp_path / name, to="voc")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert sorted(archive.namelist()) == ["Annotations/a.xml", "Annotations/b.xml"]
