"""The files of a drawn FlowCam run, as VisualSpreadsheet names and writes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from imagine_kernels.samples.flowcam import Particle

#: Width and height in px of the part of a frame in which particles are taken.
FRAME = (1278, 958)
COLLAGE = (640, 480)
_FRAMES_PER_SECOND = 7.0

#: The fields of a list of version 017 and their types.
FIELDS: tuple[tuple[str, str], ...] = tuple(
    (name, kind)
    for kind, names in (
        ("int32", "id image_x image_y image_w image_h src_x src_y src_image cal_image ppc camera"),
        ("double", "cal_const fringe_size"),
        ("int32", "sphere_count"),
        ("double", "raw_sphere_volume raw_sphere_complement raw_sphere_unknown raw_area raw_feret_max raw_feret_min"),
        ("double", "raw_feret_mean raw_perimeter raw_convex_perimeter raw_legendre_major raw_legendre_minor abd_area"),
        ("double", "abd_diameter length width esd_diameter fd_diameter perimeter convex_perimeter intensity"),
        ("double", "sigma_intensity sum_intensity compactness elongation roughness edge_gradient elapsed_time"),
        ("double", "circle_fit symmetry circularity_hu intensity_calimage raw_convex_hull_area raw_filled_area"),
        ("double", "filled_area feret_max_angle feret_min_angle avg_red avg_green avg_blue ch1_peak ch1_width ch1_area"),
        ("double", "ch2_peak ch2_width ch2_area ch3_peak ch3_width ch3_area"),
        ("timestamp", "timestamp"),
        ("string", "collage_file"),
        ("guid", "image_id"),
    )
    for name in names.split()
)

#: Headings of the exported table, and the field of the list.
HEADINGS = {
    "Particle ID": "id", "Area (ABD)": "abd_area", "Area (Filled)": "filled_area", "Calibration Factor": "cal_const",
    "Calibration Image": "cal_image", "Capture X": "src_x", "Capture Y": "src_y", "Circle Fit": "circle_fit",
    "Circularity (Hu)": "circularity_hu", "Diameter (ABD)": "abd_diameter", "Diameter (ESD)": "esd_diameter",
    "Diameter (FD)": "fd_diameter", "Edge Gradient": "edge_gradient", "Elapsed Time": "elapsed_time", "Image File": "collage_file",
    "Image Height": "image_h", "Image Width": "image_w", "Image X": "image_x", "Image Y": "image_y", "Intensity": "intensity",
    "Length": "length", "Original Reference ID": "image_id", "Perimeter": "perimeter", "Sigma Intensity": "sigma_intensity",
    "Source Image": "src_image", "Sum Intensity": "sum_intensity", "Timestamp": "timestamp", "Width": "width",
}  # fmt: skip


def write_run(
    folder: Path, *, name: str, particles: list[Particle], background: float, rng: np.random.Generator, frames: int, um_per_px: float,
    fringe_px: float, depth_um: float, volume_factor: float, volume_ml: float, threshold: int, day: int, lat: float, lon: float,
) -> None:  # fmt: skip
    """Write all files of one run into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    start = datetime(2025, 5, day, 9, 30)
    places, sheets = _collages(particles)
    for number, (picture, mask) in enumerate(sheets, start=1):
        _tiff(folder / f"{name}_{number:06d}.tif", picture)
        _tiff(folder / f"{name}_{number:06d}_bin.tif", mask)
    x = np.linspace(-1, 1, FRAME[0])[None, :] ** 2 + np.linspace(-1, 1, FRAME[1])[:, None] ** 2
    _tiff(folder / "cal_image_000001.tif", np.rint(background - 3 * x).astype(np.uint8))
    rows = []
    for number, (particle, (sheet, left, top)) in enumerate(zip(particles, places, strict=True), start=1):
        seconds = particle.frame / _FRAMES_PER_SECOND
        height, width = particle.picture.shape
        values: dict[str, Any] = {
            **dict.fromkeys((field for field, kind in FIELDS if kind == "double"), 0.0),
            **particle.measured,
            "id": number, "image_x": left, "image_y": top, "image_w": width, "image_h": height, "src_x": particle.x, "src_y": particle.y,
            "src_image": particle.frame, "cal_image": 1, "ppc": 1, "camera": 0, "sphere_count": 0, "cal_const": um_per_px,
            "fringe_size": fringe_px, "elapsed_time": seconds,
            "timestamp": (start + timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
            "collage_file": f"{name}_{sheet:06d}.tif", "image_id": _guid(rng),
        }  # fmt: skip
        rows.append({field: f"{values[field]:.4f}" if kind == "double" else str(values[field]) for field, kind in FIELDS})
    head = ["017", f"num-fields|{len(FIELDS)}", *(f"{field}|{kind}" for field, kind in FIELDS)]
    _text(folder / f"{name}.lst", [*head, *("|".join(row.values()) for row in rows)])
    _text(folder / f"{name}.csv", [",".join(HEADINGS), *(",".join(row[field] for field in HEADINGS.values()) for row in rows)])
    classes = sorted({particle.taxon for particle in particles})
    members = {label: [str(n) for n, each in enumerate(particles, start=1) if each.taxon == label] for label in classes}
    entries = [line for label in classes for line in (label, "OR", "0", str(len(members[label])), *members[label])]
    _text(folder / f"{name}.cla", ["v3", "1", "imagine2025", str(len(classes)), *entries])
    efficiency, seconds = 0.35, frames / _FRAMES_PER_SECOND
    used = len({particle.frame for particle in particles})
    _text(
        folder / f"{name}_summary.csv",
        [
            f"List File,{name}.lst", f"Start Time,{start:%Y-%m-%d  %H:%M:%S}", f"Sampling Time,{seconds:.0f} sec", "",
            f"Count,{len(particles)}", f"Particles / ml,{len(particles) / volume_ml:.0f}", "",
            f"Sample Volume Processed ml,{volume_ml / efficiency:.4f}", f"Sample Volume Imaged ml,{volume_ml:.6f}", "",
            f"Efficiency,{100 * efficiency:.1f}%",
        ],
    )  # fmt: skip
    _text(
        folder / f"{name}_run_summary.txt",
        [
            "Run:", "\tMode:  AutoImage", f"\tFluid Volume Imaged: {volume_ml:.4f} ml", f"\tParticle Count: {len(particles)}", "",
            "Images:", f"\tTotal:  {frames}", f"\tUsed:  {used}", "", "Environment:", "\tSoftware: VisualSpreadsheet 4.19.3",
            "\tMagnification: 4X", f"\tCalibration Factor: {um_per_px:.4f}",
        ],
    )  # fmt: skip
    _text(
        folder / f"{name}.ctx",
        [
            "[Software]", "SoftwareName=VisualSpreadsheet", "SoftwareVersion=4.19.3", "CameraMagnification=4",
            "[General]", f"LocationLatitude={lat}", f"LocationLongitude={lon}", f"RunStartTime={start:%Y-%m-%d %H:%M:%S}",
            "[Fluid]", f"FlowCellDepth={depth_um:.0f}", "UseDilutionCalculation=0", "SampleDilution=1", f"CalibrationConstant={um_per_px:.4f}",
            "[CaptureRegion]", "AcceptableLeft=1", f"AcceptableRight={FRAME[0]}", "AcceptableTop=1", f"AcceptableBottom={FRAME[1]}",
            "[CaptureParameters]", f"ThresholdDark={threshold:.4f}", "MinESD=10.0000", "MaxESD=1000.0000",
            "[CaptureStats]", f"RawImageTotal={frames}", f"Efficiency={100 * efficiency:.4f}", f"VolumeCF={volume_factor:.4f}",
        ],
    )  # fmt: skip


def _collages(
    particles: list[Particle],
) -> tuple[list[tuple[int, int, int]], list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]]:
    """Sheet, left and top of each particle, and the sheets: shelves of particles on black, in the order of the list."""
    width, height = COLLAGE
    places: list[tuple[int, int, int]] = []
    sheets: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    left = top = shelf = 0
    for particle in particles:
        rows, columns = particle.picture.shape
        if left + columns > width:
            left, top, shelf = 0, top + shelf + 1, 0
        if not sheets or top + rows > height:
            sheets.append((np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)))
            left = top = shelf = 0
        picture, mask = sheets[-1]
        picture[top : top + rows, left : left + columns] = particle.picture
        mask[top : top + rows, left : left + columns][particle.mask] = 255
        places.append((len(sheets), left, top))
        left, shelf = left + columns + 1, max(shelf, rows)
    return places, sheets


def _guid(rng: np.random.Generator) -> str:
    digits = rng.bytes(16).hex().upper()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _tiff(path: Path, picture: NDArray[np.uint8]) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path, "TIFF", compression="tiff_lzw")


def _text(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\r\n" for line in lines), encoding="utf-8", newline="")
