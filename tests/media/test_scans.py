"""Whole scans: prepared as ZooProcess does, and every object found, whatever strip it lies on."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from imagine_kernels import settings
from imagine_kernels.errors import ImageError, NotEnoughSpace, SettingError
from imagine_kernels.files import Files
from imagine_kernels.media import scan_objects, scan_preparing
from imagine_kernels.media.scan_background import Background, Conversion
from imagine_kernels.media.scan_reading import ScanFile, resolution
from imagine_kernels.media.scans import PreparedScan, ScanObjects, ScanSettings, find_objects, looks_like_scan, prepare
from imagine_kernels.samples.zooscan_scan import make_scan

BOX = ["object_bx", "object_by", "object_width", "object_height"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scan(tmp_path_factory.mktemp("scan") / "project", 3, width=2000, height=1400, n=25)


@pytest.fixture(scope="module")
def truth(project: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((project / "truth.json").read_text(encoding="utf-8"))
    return read


def blanks_of(files: Files) -> list[str]:
    return [name for name in files.names(".tif") if "_back_" in name]


def on_pixels(pixels: np.ndarray, *, dpi: float = 2400) -> PreparedScan:
    return PreparedScan(name="scan", pixels=pixels, dpi=dpi, frame=(0, 0, pixels.shape[1], pixels.shape[0]))


def overlap(a: Any, b: Any) -> float:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0, across) * max(0, down)
    return float(both / (a[2] * a[3] + b[2] * b[3] - both))


def test_every_isolated_object_and_nothing_else(project: Path, truth: dict[str, Any]) -> None:
    with Files(project) as files:
        scan = prepare(files, truth["scan"], {}, blanks=blanks_of(files))
    assert (scan.dpi, scan.problems) == (2400, ())
    assert scan.pixels.shape == (truth["height"], truth["width"])
    objects, problems = find_objects(scan, ScanSettings())
    assert problems == []
    boxes = objects[BOX].to_numpy()
    wanted = [each for each in truth["objects"] if each["kind"] in ("isolated", "touching")]
    assert sum(each["kind"] == "isolated" for each in wanted) == 25
    assert sum(each["kind"] == "touching" for each in wanted) == 3
    nearest = []
    for each in wanted:
        found = [overlap((each["bx"], each["by"], each["width"], each["height"]), box) for box in boxes]
        nearest.append(int(np.argmax(found)))
        assert max(found) > 0.95, each
        assert objects["object_area"][nearest[-1]] == pytest.approx(each["area"], rel=0.02)
    # Each object once, and no speck, no line, nothing of the frame.
    assert sorted(nearest) == list(range(len(objects)))
    assert objects.attrs["dropped"]["lines of the scanner"] == 1


def test_the_frame_is_found_and_what_touches_it_is_left_out(project: Path, truth: dict[str, Any]) -> None:
    with Files(project) as files:
        scan = prepare(files, truth["scan"], {}, blanks=blanks_of(files))
    left, top, right, bottom = scan.frame
    assert (left, top) == pytest.approx((24, 24), abs=12)
    assert (truth["width"] - right, truth["height"] - bottom) == pytest.approx((24, 24), abs=12)
    edge = [each for each in truth["objects"] if each["kind"] == "edge"]
    assert len(edge) == 3
    for box in find_objects(scan, ScanSettings())[0][BOX].to_numpy():
        assert not any(overlap((each["bx"], each["by"], each["width"], each["height"]), box) for each in edge)


def test_without_blanks_the_background_is_estimated_and_it_is_said(project: Path, truth: dict[str, Any]) -> None:
    with Files(project) as files:
        scan = prepare(files, truth["scan"], {})
        bare = prepare(files, truth["scan"], {"background": "none"})
    assert "its background was estimated from the scan itself" in str(scan.problems[0])
    boxes = find_objects(scan, ScanSettings())[0][BOX].to_numpy()
    wanted = [each for each in truth["objects"] if each["kind"] == "isolated"]
    found = [max(overlap((each["bx"], each["by"], each["width"], each["height"]), box) for box in boxes) for each in wanted]
    assert np.mean(np.array(found) > 0.9) >= 0.9
    # Not subtracted, the light of the scanner is darker than the threshold everywhere.
    assert "darker than the threshold" in str(find_objects(bare, ScanSettings())[1][0])


@pytest.mark.parametrize("rows", [7, 64, 10_000])
def test_strips_do_not_show(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against labelling the whole at once with SciPy, objects with holes and objects in holes included."""
    monkeypatch.setattr(scan_objects, "_ROWS", rows)
    rng = np.random.default_rng(4)
    field = cv2.GaussianBlur(rng.standard_normal((500, 700)).astype(np.float32), (0, 0), 5)
    dark = field > 0.6 * field.std()
    labels, n = ndimage.label(dark, structure=np.ones((3, 3)))
    wanted = set()
    kept = []
    for k, (down, across) in enumerate(ndimage.find_objects(labels), start=1):
        alone = np.pad(labels[down, across] == k, 1)
        # The outside of an 8-connected object is 4-connected.
        filled = ndimage.binary_fill_holes(alone)
        kept.append((down.start, across.start, down.stop, across.stop, filled))
    for top, left, bottom, right, filled in kept:
        inside = any(
            t < top and le < left and b > bottom and r > right and other[top - t + 1, left - le + 1 + int(filled[1].argmax()) - 1]
            for t, le, b, r, other in kept
        )
        if min(top, left) > 0 and bottom < 500 and right < 700 and filled.sum() >= 50 and not inside:
            wanted.add((left, top, right - left, bottom - top, int(filled.sum())))
    assert n > 100
    objects, _ = find_objects(
        on_pixels(np.where(dark, 100, 255).astype(np.uint8), dpi=254), ScanSettings(min_esd_mm=0.7979, max_side_ratio=1e9)
    )
    found = {tuple(int(value) for value in row) for row in objects[[*BOX, "object_area"]].to_numpy()}
    assert found == wanted
    for _, row in objects.iterrows():
        x, y = int(row["object_xstart"]), int(row["object_ystart"])
        assert y == row["object_by"]
        assert dark[y, x]
        assert not dark[y, x - 1]


def resident_kb(name: str) -> int:
    """How much of a mapped file counts as memory of this process."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            inside = line.endswith(name)
        elif inside and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found


def test_of_a_mapped_scan_little_stays_in_memory(tmp_path: Path) -> None:
    drawn = np.full((4000, 3001), 255, dtype=np.uint8)
    for y in range(40, 3900, 95):
        cv2.ellipse(drawn, (300 + y % 2000, y), (40, 30), y, 0, 360, 90, cv2.FILLED)
    np.save(tmp_path / "mapped.npy", drawn)
    scan = on_pixels(np.load(tmp_path / "mapped.npy", mmap_mode="r"))
    assert int(scan.pixels[:, ::64].min()) == 90
    assert resident_kb("mapped.npy") > 10_000
    found, _ = find_objects(scan, ScanSettings())
    assert resident_kb("mapped.npy") < 4000
    pictures = ScanObjects(scan, 243).many(found.to_dict("records"))
    assert resident_kb("mapped.npy") < 4000
    in_memory, _ = find_objects(on_pixels(drawn), ScanSettings())
    assert found[BOX].equals(in_memory[BOX])
    assert len(found) == 41
    for picture, (x, y) in pictures:
        np.testing.assert_array_equal(picture, drawn[y : y + picture.shape[0], x : x + picture.shape[1]])


def test_a_closed_frame_hides_nothing_and_a_ring_takes_what_lies_in_it() -> None:
    pixels = np.full((600, 800), 255, dtype=np.uint8)
    cv2.rectangle(pixels, (0, 0), (799, 599), 0, 5)
    cv2.circle(pixels, (300, 300), 120, 90, 6)
    cv2.circle(pixels, (300, 300), 30, 90, -1)
    cv2.circle(pixels, (600, 300), 40, 90, -1)
    objects, _ = find_objects(on_pixels(pixels), ScanSettings())
    assert objects["object_width"].tolist() == [247, 81]
    assert objects.attrs["dropped"]["on the edge of the glass"] == 1


def test_limits_of_size_are_those_of_zooprocess() -> None:
    # 0.3 mm at 2400 dpi: 631 px, as its files say.
    assert ScanSettings().area_limits(25.4 / 2400) == (631, 70120652)
    pixels = np.full((200, 300), 255, dtype=np.uint8)
    pixels[50:75, 50:75] = 0
    pixels[50:75, 100:126] = 0
    assert find_objects(on_pixels(pixels), ScanSettings())[0]["object_width"].tolist() == [26]
    nothing, problems = find_objects(on_pixels(pixels), ScanSettings(min_esd_mm=2))
    assert len(nothing) == 0
    assert str(problems[0]) == "scan: no object was found on it; check threshold, dpi and the limits of size."


def test_conversion_to_eight_bits_by_hand() -> None:
    table = Conversion().table(38609.2)
    # The LUT section of a real pid file with this median: Min= 532, Max= 44400.
    assert (table[532], table[531], table[44400]) == (0, 0, 255)
    # ImageJ: 256 / (max - min + 1) for each step, rounded.
    assert table[20_000] == round((20_000 - 532) * 256 / (44400 - 532 + 1))


def test_turned_as_zooprocess_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    raw = rng.integers(30_000, 40_000, (900, 1100), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "raw.tif", raw)
    with Files(tmp_path) as files:
        turned = prepare(files, "raw.tif", {"background": "none", "dpi": 2400})
        plain = prepare(files, "raw.tif", {"background": "none", "orientation": "as scanned", "dpi": 2400})
    # A quarter to the right, then upside down.
    np.testing.assert_array_equal(turned.pixels, np.flipud(np.rot90(plain.pixels, -1)))


def test_a_scan_equal_to_its_background_is_white() -> None:
    blank = np.tile(np.linspace(180, 230, 200).astype(np.uint8), (100, 1))
    whole = Background(blank, 1600, 800)
    scan = np.asarray(cv2.resize(blank, (1600, 800), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    for top in (0, 333, 700):
        assert whole.subtracted(scan[top : top + 100], top).min() >= 254


def test_eight_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    pixels = np.full((900, 1200), 250, dtype=np.uint8)
    pixels[100:200, 100:200] = 60
    Image.fromarray(pixels).save(tmp_path / "a.png", dpi=(1200, 1200))
    with Files(tmp_path) as files:
        scan = prepare(files, "a.png", {})
    np.testing.assert_array_equal(scan.pixels, pixels)
    assert scan.dpi == pytest.approx(1200, rel=1e-3)
    assert "taken as it is" in str(scan.problems[0])


def test_in_a_zip_and_in_colour(tmp_path: Path) -> None:
    pixels = np.full((850, 2400, 3), 250, dtype=np.uint8)
    pixels[100:200, 100:200] = (250, 20, 30)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "deep/a.png")
    with Files(tmp_path / "scans.zip") as files:
        assert looks_like_scan(files, "deep/a.png")
        scan = prepare(files, "deep/a.png", {"weights": "0.1 0.8 0.9"})
    assert scan.pixels[150, 150] == round((25 + 16 + 27) / 1.8)
    assert any("nothing says its resolution; 2400 dots per inch" in str(problem) for problem in scan.problems)


@pytest.mark.parametrize("ending", ["tif", "png", "jpg"])
def test_the_resolution_that_a_file_names(tmp_path: Path, ending: str) -> None:
    for dpi in (600, 2400):
        Image.new("L", (40, 30), 200).save(tmp_path / f"{dpi}.{ending}", dpi=(dpi, dpi))
        assert resolution(tmp_path / f"{dpi}.{ending}") == pytest.approx(dpi, rel=1e-3)
    (tmp_path / "cut").write_bytes((tmp_path / f"600.{ending}").read_bytes()[:9])
    assert resolution(tmp_path / "cut") is None


def test_sixteen_bits_in_one_piece_are_read_in_strips(tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(0, 65535, (3000, 4000), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "one.tif", raw, rowsperstrip=3000)
    scan = ScanFile(tmp_path / "one.tif")
    parts = list(scan.strips())
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), raw)
    scan.close()


def test_a_scan_is_prepared_once_and_the_oldest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    for k in range(3):
        Image.new("L", (1000, 900), 250 - k).save(tmp_path / f"{k}.png")
    with Files(tmp_path) as files:
        first = prepare(files, "0.png", {"dpi": 600})
        made: list[Path] = []
        original = scan_preparing._make
        monkeypatch.setattr(scan_preparing, "_make", lambda *given: (made.append(given[0]), original(*given)))
        prepare(files, "0.png", {"dpi": 1200})
        assert made == []
        monkeypatch.setattr(scan_preparing, "MOST_BYTES", 2_000_000)
        prepare(files, "1.png", {"dpi": 600})
        prepare(files, "2.png", {"dpi": 600})
    assert [path.name for path in made] == ["1.png", "2.png"]
    kept = [folder for folder in (settings.home() / "cache" / "scans").iterdir() if folder.is_dir()]
    assert len(kept) == 2
    # What is open stays readable.
    assert first.pixels[500, 500] == 250


def test_a_full_disk_and_an_absurd_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    Image.new("L", (1000, 900), 250).save(tmp_path / "a.png")

    def full(*given: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Files(tmp_path) as files:
        with monkeypatch.context() as patched:
            patched.setattr(os, "posix_fallocate", full)
            with pytest.raises(NotEnoughSpace, match="There is no room left to write"):
                prepare(files, "a.png", {"dpi": 600})
        # Nothing half-made is left behind.
        assert list((tmp_path / "home" / "cache" / "scans").iterdir()) == []
        with monkeypatch.context() as patched:
            patched.setattr(scan_preparing, "MAX_PIXELS", 1000)
            with pytest.raises(ImageError, match=r"measures 1000 × 900 px, more than any scanner gives"):
                prepare(files, "a.png", {"dpi": 600})
        assert prepare(files, "a.png", {"dpi": 600}).pixels.shape == (900, 1000)


def test_a_blank_that_does_not_fit_is_said(project: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "scan.tif").write_bytes((project / truth["scan"]).read_bytes())
    Image.new("I;16", (300, 100), 30_000).save(tmp_path / "wide.tif")
    (tmp_path / "broken.tif").write_bytes(b"II*\0nothing")
    with Files(tmp_path) as files:
        scan = prepare(files, "scan.tif", {}, blanks=["wide.tif", "broken.tif"])
        with pytest.raises(ImageError, match=r"gone\.tif is not there any more: put it back"):
            prepare(files, "scan.tif", {}, blanks=["gone.tif"])
    said = " ".join(str(problem) for problem in scan.problems)
    assert "wide.tif (300 × 100 px) shows another area" in said
    assert "broken.tif is not a picture" in said
    assert "was estimated" in said


@pytest.mark.parametrize(
    ("name", "picture", "said"),
    [
        ("dark.png", np.full((900, 900), 20, dtype=np.uint8), r"dark\.png is dark \(median grey value 20\)"),
        ("dot.png", np.zeros((1, 2), dtype=np.uint8), r"measures only 2 × 1 px: give a whole scan"),
        ("real.tif", np.zeros((900, 900), dtype=np.float32), r"holds decimal numbers"),
        ("text.png", None, r"text\.png is not a picture that can be read"),
    ],
)
def test_what_is_no_scan(tmp_path: Path, name: str, picture: np.ndarray | None, said: str) -> None:
    if picture is None:
        (tmp_path / name).write_text("hello")
    else:
        tifffile.imwrite(tmp_path / name, picture) if name.endswith("tif") else Image.fromarray(picture).save(tmp_path / name)
    with Files(tmp_path) as files, pytest.raises(ImageError, match=said):
        prepare(files, name, {"dpi": 600})


@pytest.mark.parametrize("given", [{"weights": "1 2"}, {"weights": "0 0 0"}, {"background": "guess"}, {"orientation": "left"}])
def test_settings_that_cannot_be_taken(given: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=f"The setting {next(iter(given))} takes "):
        ScanSettings.of(given)


def test_vignettes_are_no_scans(tmp_path: Path) -> None:
    Image.new("L", (300, 300)).save(tmp_path / "small.png")
    Image.new("L", (5000, 500)).save(tmp_path / "flat.png")
    Image.new("L", (2000, 1500)).save(tmp_path / "scan.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with Files(tmp_path) as files:
        assert [name for name in files.names() if looks_like_scan(files, name)] == ["scan.png"]


def test_every_particle_of_a_real_scan(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Of p72, 600 dpi in colour, with the channel weights that its table names; the table was made with ZooImage."""
    folder = shared_data("zooscan") / "zooimage_scans"
    with zipfile.ZipFile(folder / "BIO.2000-05-05.p72.zid") as archive:
        table = archive.read(next(name for name in archive.namelist() if name.endswith(".zim"))).decode("latin-1")
    lines = table.split("[Data]")[1].strip().splitlines()
    header = [cell.strip().lstrip("!") for cell in lines[0].split("\t")]
    rows = [dict(zip(header, line.split("\t"), strict=False)) for line in lines[1:]]
    pixel = 0.04233
    listed = np.array([[float(row[name]) / pixel for name in ("BX", "BY", "Width", "Height")] for row in rows]).round()
    assert len(listed) == 66
    with Files(folder / "ScanCol24-example-p72.zip") as files:
        name = files.names(".jpg")[0]
        assert looks_like_scan(files, name)
        given = {"dpi": 600, "weights": "0.1 0.8 0.9", "threshold": 208, "min_esd_mm": 0.7, "max_esd_mm": 10}
        scan = prepare(files, name, given)
    objects, problems = find_objects(scan, ScanSettings.of(given))
    assert problems == []
    shared = np.array([[overlap(box, own) for own in objects[BOX].to_numpy()] for box in listed])
    assert shared.max(axis=1).min() >= 0.7
    own = objects["object_area"].to_numpy()[shared.argmax(axis=1)]
    areas = np.array([float(row["Area"]) / pixel**2 for row in rows])
    assert np.median(own / areas) == pytest.approx(1, abs=0.1)
    # Whatever else is found is below the limit of the table, 0.75 mm; the limit here is a little lower, as edges are traced otherwise.
    more = objects["object_area"].to_numpy()[shared.max(axis=0) < 0.7]
    assert len(more) <= 2
    assert (2 * np.sqrt(more / np.pi) * pixel < 0.75).all()
