"""A run of a FlowCam of a few particles, written by hand for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FIELDS = (
    "id|int32", "image_x|int32", "image_y|int32", "image_w|int32", "image_h|int32", "src_x|int32", "src_y|int32", "src_image|int32",
    "cal_image|int32", "cal_const|double", "fringe_size|double", "raw_area|double", "abd_area|double", "abd_diameter|double",
    "length|double", "width|double", "esd_diameter|double", "intensity|double", "sigma_intensity|double", "edge_gradient|double",
    "circle_fit|double", "timestamp|timestamp", "collage_file|string", "image_id|guid",
)  # fmt: skip
#: A row of a real list (VisualSpreadsheet 4.19.3, FlowCam 8000); 2 √(1.6136 / π) = 1.4334.
ROW: dict[str, Any] = {
    "id": 1, "image_x": 0, "image_y": 0, "image_w": 20, "image_h": 27, "src_x": 1242, "src_y": 584, "src_image": 33, "cal_image": 1,
    "cal_const": 0.5544, "fringe_size": 4.5, "raw_area": 21.0, "abd_area": 1.6136, "abd_diameter": 1.4334, "length": 7.4844,
    "width": 1.386, "esd_diameter": 4.4814, "intensity": 150.0, "sigma_intensity": 9.0, "edge_gradient": 47.0, "circle_fit": 0.7,
    "timestamp": "2024-04-08T10:32:55.190", "collage_file": "r_000001.tif", "image_id": "A08EBE9E-0000-0000-0000-000000000001",
}  # fmt: skip
CONTEXT = """[Software]
SoftwareName=VisualSpreadsheet
SoftwareVersion=4.19.3
[General]
RunStartTime=2024-04-08 09:10:51
LocationLatitude=
[Fluid]
FlowCellDepth=100
CalibrationConstant=0.5544
UseDilutionCalculation=1
SampleDilution=4
[CaptureRegion]
AcceptableLeft=1
AcceptableRight=1278
AcceptableTop=1
AcceptableBottom=958
[CaptureParameters]
MinESD=3.0000
MaxESD=50.0000
[CaptureStats]
RawImageTotal=889
Efficiency=22.1528
VolumeCF=0.8677
"""
SUMMARY = "List File,r.lst\r\nCount,{count}\r\n\r\nSample Volume Processed ml,0.131\r\nSample Volume Imaged ml,0.02903\r\nEfficiency,22.2%\r\n"


def particles(n: int, **changes: Sequence[Any]) -> list[dict[str, Any]]:
    """`n` rows that differ in number, box and id; `changes` gives columns of their own."""
    rows = [
        {**ROW, "id": k + 1, "image_x": 24 * k, "image_id": f"A08EBE9E-0000-0000-0000-{k + 1:012d}", "src_image": 33 + 5 * k}
        for k in range(n)
    ]
    for name, values in changes.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def list_text(rows: Sequence[Mapping[str, Any]], *, fields: Sequence[str] = FIELDS) -> str:
    """A particle list of version 017."""
    names = [field.split("|")[0] for field in fields]
    return "\n".join(
        ["017", f"num-fields|{len(fields)}", *fields, *("|".join(str(row[name]) for name in names) for row in rows), ""]
    )


def write_run(
    folder: Path, rows: Sequence[Mapping[str, Any]], *, name: str = "r", collages: Sequence[str] = ("r_000001.tif",)
) -> Path:
    """The list, context, summary, calibration picture and collages with masks of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.lst").write_text(list_text(rows))
    (folder / f"{name}.ctx").write_text(CONTEXT)
    (folder / f"{name}_summary.csv").write_text(SUMMARY.format(count=len(rows)))
    save(folder / "cal_image_000001.tif", np.full((40, 40), 180, np.uint8))
    for collage in collages:
        rng = np.random.default_rng(len(collage))
        save(folder / collage, rng.integers(100, 200, (60, 260), dtype=np.uint8))
        save(folder / collage.replace(".tif", "_bin.tif"), np.zeros((60, 260), np.uint8))
    return folder


def save(path: Path, picture: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    Image.fromarray(picture).save(path)
