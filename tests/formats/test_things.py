"""Things on pictures go out as COCO with their pictures and come back the same; pycocotools reads them too."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import shapely
from pycocotools.coco import COCO

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.things import NAME, find_coco_table, outline_of_shape, read_coco_things, shape_of, write_coco_zip
from imagine_kernels.records import OUTLINE, Predictions, Sample, Shape
from imagine_kernels.records.outlines import outline_of, outline_text

OUTLINES = [
    shapely.Polygon([(2, 3), (12.5, 3), (12.5, 9.25), (2, 9)]),
    shapely.Polygon([(5, 5), (25, 5), (25, 20), (5, 20)], [[(8, 8), (12, 8), (12, 12), (8, 12)]]),
    shapely.MultiPolygon([shapely.box(1, 1, 4, 4), shapely.box(10, 1, 13, 4)]),
]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    folder = tmp_path / "pictures"
    (folder / "day 1").mkdir(parents=True)
    files = ["day 1/a.png", "day 1/b.png", "empty.png"]
    for number, file in enumerate(files):
        cv2.imwrite(str(folder / file), np.full((30, 40), 50 + number, np.uint8))
    bounds = [outline.bounds for outline in OUTLINES]
    objects = pd.DataFrame(
        {
            "object_id": ["x", "y", "z"], "file": [files[0], files[0], files[1]], "label": "", "status": "",
            "object_bx": [b[0] for b in bounds], "object_by": [b[1] for b in bounds], "object_width": [b[2] - b[0] for b in bounds],
            "object_height": [b[3] - b[1] for b in bounds], "object_area": [outline.area for outline in OUTLINES],
            OUTLINE: [outline_text(outline) for outline in OUTLINES],
        }
    )  # fmt: skip
    media = pd.DataFrame({"file": files, "width": 40, "height": 30, "labelled": False})
    return Sample(name="slicks", source=folder, layout="", objects=objects, media=media, cut_from="photograph")


def predicted(sample: Sample) -> Predictions:
    found = Predictions.of(
        sample.objects["object_id"].to_numpy(), ("sea", "oil", "look-alike"), np.eye(3)[[1, 2, 1]] * 0.6 + 0.4 / 3
    )
    return found.corrected(["y"], label="oil", status="dubious").corrected(["z"], status="discarded")


def test_what_is_written_is_read_again(sample: Sample, tmp_path: Path) -> None:
    path, lost = write_coco_zip(sample, predicted(sample), tmp_path / "out.zip")
    assert [problem.what for problem in lost] == ["1 discarded things were left out"]
    with Files(path) as files:
        table = find_coco_table(files)
        pictures = files.names(".png")
    assert table == NAME
    objects, labelled, problems = read_coco_things(path, table, pictures)
    assert problems == []
    assert labelled == set(sample.media["file"])
    assert objects[["object_id", "file", "label", "status"]].to_numpy().tolist() == [
        ["x", "day 1/a.png", "oil", "predicted"],
        ["y", "day 1/a.png", "oil", "dubious"],
    ]
    for text, outline in zip(objects[OUTLINE], OUTLINES[:2], strict=True):
        assert outline_of(text).symmetric_difference(outline).area < 1e-6
    with zipfile.ZipFile(path) as packed:
        assert packed.read("empty.png") == (sample.source / "empty.png").read_bytes()


def test_another_reader_finds_the_same_pixels(sample: Sample, tmp_path: Path) -> None:
    predictions = predicted(sample).corrected(["z"], status="validated")
    path, lost = write_coco_zip(sample, predictions, tmp_path / "out.zip")
    assert lost == []
    with zipfile.ZipFile(path) as packed:
        packed.extract(NAME, tmp_path)
    coco = COCO(str(tmp_path / NAME))
    masks = [coco.annToMask(each) for each in coco.loadAnns(coco.getAnnIds())]
    assert masks[1].sum() == OUTLINES[1].area
    assert masks[1][9, 9] == 0
    assert masks[2].sum() == OUTLINES[2].area
    assert json.loads((tmp_path / NAME).read_text())["images"][2]["file_name"] == "empty.png"


def test_annotations_that_cannot_be_used_are_said(sample: Sample, tmp_path: Path) -> None:
    box = {"id": 1, "image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4]}
    flat = {"id": 2, "image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 0], "segmentation": [[1, 2, 4, 2, 6, 2]]}
    elsewhere = {"id": 3, "image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4]}
    images = [
        {"id": 0, "file_name": "empty.png", "width": 40, "height": 30},
        {"id": 1, "file_name": "gone.png", "width": 4, "height": 4},
    ]
    held = {"images": images, "annotations": [box, flat, elsewhere], "categories": [{"id": 0, "name": "oil"}]}
    (sample.source / "labels.json").write_text(json.dumps(held))
    objects, labelled, problems = read_coco_things(sample.source, "labels.json", sample.media["file"].tolist())
    assert objects[["file", "label", "object_area"]].to_numpy().tolist() == [["empty.png", "oil", 12.0]]
    assert labelled == {"empty.png"}
    assert [problem.item for problem in problems if "not among the pictures" in problem.what] == ["gone.png"]
    assert any("no area" in problem.what for problem in problems)


@pytest.mark.parametrize("outline", OUTLINES[:2])
def test_shapes_keep_their_outline(outline: shapely.Polygon) -> None:
    again = outline_of_shape(shape_of(outline_text(outline)))
    assert again.symmetric_difference(outline).area < 1e-6


def test_what_has_no_area_is_refused() -> None:
    for shape in (Shape.of("point", [1, 2]), Shape.of("line", [1, 2, 3, 4]), Shape.of("polygon", [0, 0, 1, 1, 2, 2])):
        with pytest.raises(FormatError, match="has no area"):
            outline_of_shape(shape)
    crossed = outline_of_shape(Shape.of("polygon", [0, 0, 4, 4, 4, 0, 0, 4]))
    assert crossed.is_valid
    assert crossed.area == pytest.approx(8)
