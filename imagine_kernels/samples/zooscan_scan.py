"""A whole ZooScan, drawn: a raw 16-bit scan on uneven light, two blank scans and the tables, as a ZooProcess project with exact truth.

Organisms are those of the bundled sample. Some touch each other, some lie across the frame of the scanner, there are specks that are too small
and a line as the scanner leaves when it jerks. ``truth.json`` says where each lies on the scan as it is after conversion.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.samples.zooscan import SCALE_BAR_ROWS, TAXA, THRESHOLD, draw_vignette
from imagine_kernels.samples.zooscan_touching import touching as together

#: Values of the scanner: the light on the glass, how uneven it is, and the noise (standard deviation).
LIGHT, UNEVEN, NOISE = 38_000.0, 0.08, 90.0
#: White is this many times the light when a scan is converted (ZooProcess).
_RATIO = 1.15
#: Blank scans have this many times fewer pixels each way (300 instead of 2400 dpi).
_BLANK = 8
#: Width of the dark frame around the glass, and what is kept free between objects and along the frame, px.
FRAME_PX, GAP_PX, MARGIN_PX = 24, 8, 80
#: So many organisms are drawn before they repeat; the grey value of their palest pixels.
_DRAWN, _PALEST = 240, 234

Grey = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class DrawnScan:
    """A scan as it is after conversion, and what lies on it.

    Attributes
    ----------
    grey : (H, W) uint8 ndarray
        White background.
    objects : list of dict
        ``kind`` ("isolated", "touching", "edge", "speck", "line"), ``label``, and the box ``bx, by, width, height`` and ``area`` in px; of
        different organisms that touch also ``parts``, the same of each.
    """

    grey: Grey
    objects: list[dict[str, Any]]


def make_scan(
    folder: Path,
    seed: int = 0,
    *,
    width: int = 2000,
    height: int = 1400,
    n: int = 40,
    touching: int = 0,
    dpi: int = 2400,
    project: str = "imagine2025",
) -> Path:
    """Write a ZooProcess project with one raw scan; the same seed gives the same pixels.

    Parameters
    ----------
    folder : Path
        Where the project goes: ``Zooscan_scan/_raw``, ``Zooscan_back``, ``Zooscan_meta``, ``Zooscan_config`` and ``truth.json``.
    seed : int
    width, height : int
        Of the scan after conversion, px; 800 at least.
    n : int
        Isolated organisms, as far as there is room.
    touching : int
        Objects of two or three organisms that touch, besides the three pairs that are always there.
    dpi : int
    project : str
        How sample and scan are called.

    Returns
    -------
    Path
        `folder`.
    """
    rng = np.random.default_rng([seed, 99])
    drawn = draw_scan(rng, width=width, height=height, n=n, touching=touching)
    sample_id, fraction = f"{project}_st01_wp2", "d1"
    raw, back = folder / "Zooscan_scan" / "_raw", folder / "Zooscan_back"
    for part in (raw, back, folder / "Zooscan_scan" / "_work", folder / "Zooscan_meta", folder / "Zooscan_config"):
        part.mkdir(parents=True, exist_ok=True)
    _write_raw(raw / f"{sample_id}_{fraction}_raw_1.tif", drawn.grey, rng, dpi)
    for k in (1, 2):
        small = np.full((max(1, height // _BLANK), max(1, width // _BLANK)), 255, dtype=np.uint8)
        _write_raw(back / f"20250601_0900_back_large_raw_{k}.tif", small, rng, dpi // _BLANK, frame=FRAME_PX / _BLANK)
    _write_tables(folder, sample_id, fraction)
    truth = {
        "seed": seed,
        "scan": f"Zooscan_scan/_raw/{sample_id}_{fraction}_raw_1.tif",
        "scan_id": f"{sample_id}_{fraction}_1",
        "sample_id": sample_id,
        "tot_vol": 42.5,
        "sub_part": 4,
        "dpi": dpi,
        "threshold": THRESHOLD,
        "width": width,
        "height": height,
        "objects": drawn.objects,
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8", newline="\n")
    return folder


def draw_scan(rng: np.random.Generator, *, width: int, height: int, n: int, touching: int = 0, extras: bool = True) -> DrawnScan:
    """A converted scan with `n` isolated organisms, as far as there is room, and with `extras` all that must not be taken for one.

    Parameters
    ----------
    rng : Generator
    width, height : int
        px.
    n : int
        From a few hundred on organisms are repeated, mirrored or turned.
    touching : int
        Objects of two or three different organisms that touch, as far as there is room.
    extras : bool
        Also draw organisms that touch, organisms across the frame, specks and a line.
    """
    grey = np.full((height, width), 255, dtype=np.uint8)
    # Which squares of 16 px are free.
    taken = np.zeros((height // 16 + 1, width // 16 + 1), dtype=bool)
    drawn = [organism(rng) for _ in range(min(max(n, 1), _DRAWN))]
    objects: list[dict[str, Any]] = []
    if extras:
        objects += _extras(rng, grey, taken, drawn)
    objects += _touching(rng, grey, taken, touching)
    for k in range(n):
        label, picture = drawn[k % len(drawn)]
        if k >= len(drawn):
            picture = np.ascontiguousarray(np.rot90(picture, int(rng.integers(4)))[:: rng.choice([-1, 1])])
        place = _free(rng, taken, picture.shape)
        if place is not None:
            objects.append(_put(grey, picture, place, label, "isolated"))
    return DrawnScan(grey=grey, objects=objects)


def organism(rng: np.random.Generator) -> tuple[str, Grey]:
    """One organism, its taxon and its picture, cut to the bounding box."""
    label = TAXA[int(rng.integers(len(TAXA)))]
    picture = draw_vignette(label, rng)[0][:-SCALE_BAR_ROWS]
    ys, xs = np.nonzero(picture <= THRESHOLD)
    # What is as pale as the threshold would come and go with the noise.
    picture[ys, xs] = np.minimum(picture[ys, xs], _PALEST)
    return label, np.ascontiguousarray(picture[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])


def _free(rng: np.random.Generator, taken: NDArray[np.bool_], shape: tuple[int, ...]) -> tuple[int, int] | None:
    """A free place for a picture, row and column; it is taken from now on."""
    down, across = (-(-(side + 2 * GAP_PX) // 16) + 1 for side in shape)
    low = MARGIN_PX // 16 + 1
    most = (taken.shape[0] - low - down, taken.shape[1] - low - across)
    if min(most) <= low:
        return None
    for _ in range(400):
        y, x = int(rng.integers(low, most[0])), int(rng.integers(low, most[1]))
        if not taken[y : y + down, x : x + across].any():
            taken[y : y + down, x : x + across] = True
            return y * 16 + GAP_PX, x * 16 + GAP_PX
    return None


def _put(grey: Grey, picture: Grey, place: tuple[int, int], label: str, kind: str) -> dict[str, Any]:
    import cv2

    (y, x), (height, width) = place, picture.shape
    part = grey[y : y + height, x : x + width]
    np.minimum(part, picture, out=part)
    outlines = cv2.findContours((picture <= THRESHOLD).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    filled = cv2.drawContours(np.zeros_like(picture), outlines, -1, 1, cv2.FILLED)
    return {"kind": kind, "label": label, "bx": x, "by": y, "width": width, "height": height, "area": int(filled.sum())}


def _extras(
    rng: np.random.Generator, grey: Grey, taken: NDArray[np.bool_], drawn: list[tuple[str, Grey]]
) -> list[dict[str, Any]]:
    height, width = grey.shape
    objects = []
    label, body = drawn[-1]
    for y, x in ((height // 3, 0), (0, width // 2), (height // 2, width - body.shape[1])):
        part = grey[y : y + body.shape[0], x : x + body.shape[1]]
        np.minimum(part, body[: part.shape[0], : part.shape[1]], out=part)
        # Something of it lies in the frame for certain.
        part[part.shape[0] // 2, :] = np.minimum(part[part.shape[0] // 2, :], 120)
        part[:, part.shape[1] // 2] = np.minimum(part[:, part.shape[1] // 2], 120)
        objects.append(
            {"kind": "edge", "label": label, "bx": x, "by": y, "width": part.shape[1], "height": part.shape[0], "area": 0}
        )
        taken[y // 16 : (y + body.shape[0]) // 16 + 2, x // 16 : (x + body.shape[1]) // 16 + 2] = True
    pairs = [(label, pair) for label, one in drawn if (pair := _pair(one)) is not None]
    for label, pair in pairs[:3]:
        place = _free(rng, taken, pair.shape)
        if place is not None:
            objects.append(_put(grey, pair, place, label, "touching"))
    for _ in range(30):
        place = _free(rng, taken, (6, 6))
        if place is not None:
            objects.append(_put(grey, np.full((6, 6), 150, dtype=np.uint8), place, "speck", "speck"))
    place = _free(rng, taken, (4, width // 3))
    if place is not None:
        objects.append(_put(grey, np.full((4, width // 3), 90, dtype=np.uint8), place, "line", "line"))
    return objects


def _touching(rng: np.random.Generator, grey: Grey, taken: NDArray[np.bool_], n: int) -> list[dict[str, Any]]:
    """Objects of two organisms, one in five of three."""
    objects: list[dict[str, Any]] = []
    for _ in range(n):
        found = None
        while found is None:
            found = together(rng, [organism(rng) for _ in range(3 if rng.random() < 0.2 else 2)])
        place = _free(rng, taken, found.picture.shape)
        if place is None:
            continue
        here = _put(grey, found.picture, place, " + ".join(found.labels), "touching")
        here["parts"] = [{"label": label, **_box(mask, place)} for label, mask in zip(found.labels, found.masks, strict=True)]
        objects.append(here)
    return objects


def _box(mask: NDArray[np.bool_], place: tuple[int, int]) -> dict[str, int]:
    """Bounding box and area of pixels in a picture that lies at `place`."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return {
        "bx": int(columns[0]) + place[1],
        "by": int(rows[0]) + place[0],
        "width": int(np.ptp(columns)) + 1,
        "height": int(np.ptp(rows)) + 1,
        "area": int(mask.sum()),
    }


def _pair(one: Grey) -> Grey | None:
    """Two of a kind, one laid over the lower half of the other; None where they do not touch."""
    import cv2

    pair = np.full((one.shape[0] + one.shape[0] // 2, one.shape[1]), 255, dtype=np.uint8)
    pair[: one.shape[0]] = one
    np.minimum(pair[-one.shape[0] :], one[::-1, ::-1], out=pair[-one.shape[0] :])
    parts = cv2.connectedComponents((pair <= THRESHOLD).astype(np.uint8), connectivity=8)[0] - 1
    return pair if parts == 1 else None


def _light(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of the scanner without anything on the glass, at places from 0 to 1."""
    y, x = rows[:, None], columns[None, :]
    return np.asarray(LIGHT * (1 + UNEVEN * (0.6 * np.cos(2.2 * x + 0.4) + 0.4 * np.sin(3.1 * y - 0.5) - 0.3 * x * y)))


def _write_raw(target: Path, grey: Grey, rng: np.random.Generator, dpi: int, *, frame: float = FRAME_PX) -> None:
    """A converted scan as the scanner gave it: 16 bits, not yet turned."""
    import rasterio
    from rasterio.windows import Window

    # Turned back: ZooProcess turns a quarter to the right and puts upside down, which undoes itself.
    height, width = grey.shape[1], grey.shape[0]
    kind = {"driver": "GTiff", "dtype": "uint16", "count": 1, "compress": "none"}
    with _quiet(), rasterio.open(target, "w", height=height, width=width, **kind) as out:
        columns = (np.arange(width) + 0.5) / width
        for top in range(0, height, 256):
            rows = np.arange(top, min(top + 256, height))
            light = _light((rows + 0.5) / height, columns)
            dark = 255.0 - grey[::-1, height - 1 - rows].T
            inside = ((rows >= frame) & (rows < height - frame))[:, None] & (
                (np.arange(width) >= frame) & (np.arange(width) < width - frame)
            )
            values = np.where(inside, light, 0.3 * light) - dark * (LIGHT * _RATIO / 256)
            values += rng.standard_normal(values.shape, dtype=np.float32) * NOISE
            strip = np.clip(np.rint(values), 0, 65535).astype(np.uint16)
            out.write(strip, 1, window=Window(0, top, width, len(rows)))
        out.update_tags(TIFFTAG_XRESOLUTION=dpi, TIFFTAG_YRESOLUTION=dpi, TIFFTAG_RESOLUTIONUNIT=2)


def _quiet() -> Any:
    """Pictures of the lab have no place on Earth, and need none."""
    import warnings

    from rasterio.errors import NotGeoreferencedWarning

    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    return warnings.catch_warnings()


def _write_tables(folder: Path, sample_id: str, fraction: str) -> None:
    """The tables and notes of a project; latitude and longitude in degrees and minutes, as ZooProcess writes them, west positive."""
    sample = {
        "sampleid": sample_id, "ship": "imagine", "scientificprog": "imagine", "stationid": "st01", "date": "20250510-0915",
        "latitude": "43.3060", "longitude": "-7.2130", "depth": "350", "ctdref": "ctd_01", "otherref": "nan", "townb": "1", "towtype": "1",
        "nettype": "wp2", "netmesh": "200", "netsurf": "0.25", "zmax": "200", "zmin": "0", "vol": "42.5", "sample_comment": "no", "vol_qc": "1",
        "depth_qc": "1", "sample_qc": "1111", "barcode": "nan", "latitude_end": "43.3060", "longitude_end": "-7.2130", "net_duration": "20",
        "ship_speed_knots": "2", "cable_length": "200", "cable_angle": "5", "cable_speed": "1", "nb_jar": "1",
    }  # fmt: skip
    scan = {
        "scanid": f"{sample_id}_{fraction}_1", "sampleid": sample_id, "scanop": "imagine", "fracid": fraction, "fracmin": "200",
        "fracsup": "20000", "fracnb": "4", "observation": "no", "code": "1", "submethod": "motoda", "cellpart": "1", "replicates": "1",
        "volini": "1", "volprec": "1",
    }  # fmt: skip
    for name, row in (("zooscan_sample_header_table.csv", sample), ("zooscan_scan_header_table.csv", scan)):
        text = ";".join(row) + "\n" + ";".join(row.values()) + "\n"
        (folder / "Zooscan_meta" / name).write_text(text, encoding="latin-1", newline="\n")
    notes = {"SampleId": sample_id, "FracId": fraction, "Fracnb": "4", "Vol": "42.5", "Netmesh": "200"}
    raw = folder / "Zooscan_scan" / "_raw"
    lines = "".join(f"{key}= {value}\n" for key, value in notes.items())
    (raw / f"{sample_id}_{fraction}_1_meta.txt").write_text(lines, encoding="latin-1", newline="\n")
    log = "PID\n[Image]\nScanning_date= 20250601_1010\nScanning_area= large\n"
    (raw / f"{sample_id}_{fraction}_1_log.txt").write_text(log, encoding="latin-1", newline="\n")
    lut = "0\n65536\n1\nbefore\nyes\n1.8\n1.15\n3000\n0.07\nno\n1\n2400\n"
    (folder / "Zooscan_config" / "lut.txt").write_text(lut, encoding="latin-1", newline="\n")
