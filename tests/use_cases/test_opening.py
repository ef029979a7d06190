"""How far opening is, and stopping it: on whole scans, FlowCam runs and micrographs."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from flowcam_runs import particles, write_run
from PIL import Image

import imagine_kernels as ik
from imagine_kernels.errors import Cancelled
from imagine_kernels.samples.zooscan_scan import make_scan

Step = tuple[int, int, str]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scan(tmp_path_factory.mktemp("scan") / "project", 6, width=1500, height=1400, n=6)


def opened(name: str, path: Path, *, stop_at: str = "", **given: object) -> tuple[int, list[Step]]:
    """How many objects there are and what was told on the way; opening is stopped after the first step that is called so."""
    steps: list[Step] = []
    cancel = threading.Event()

    def told(done: int, total: int, what: str) -> None:
        steps.append((done, total, what))
        if stop_at and stop_at in what:
            cancel.set()

    if not stop_at:
        return len(ik.use_case(name).open(path, progress=told, cancel=cancel, **given)), steps
    with pytest.raises(Cancelled, match="Opening was cancelled"):
        ik.use_case(name).open(path, progress=told, cancel=cancel, **given)
    return 0, steps


def test_one_scan_is_told_of_by_rows(scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    assert opened("zooscan", scan, stop_at="opening")[1] == [(0, 0, "opening project")]
    # A scan that was prepared in part is not taken for a whole one.
    assert list((tmp_path / "home" / "cache" / "scans").iterdir()) == []
    n, steps = opened("zooscan", scan)
    assert n >= 6
    kinds = list(dict.fromkeys(what for *_, what in steps))
    assert kinds == ["opening project", "rows prepared", "rows looked through", "objects measured", "vignettes opened"]
    for kind in kinds[1:3]:
        rows = [(done, total) for done, total, what in steps if what == kind]
        assert rows == sorted(rows)
        assert rows[-1][0] == rows[-1][1] > 0
    # A later opening finds the scan prepared.
    assert "rows prepared" not in {what for *_, what in opened("zooscan", scan)[1]}


def test_several_scans_are_told_of_one_by_one(scan: Path, tmp_path: Path) -> None:
    raw = next(path for path in sorted((scan / "Zooscan_scan" / "_raw").glob("*_raw_1.tif")))
    (tmp_path / "scans").mkdir()
    for name in ("one", "two", "three"):
        shutil.copy(raw, tmp_path / "scans" / f"{name}.tif")
    _, steps = opened("zooscan", tmp_path / "scans", dpi=2400)
    assert [step for step in dict.fromkeys(steps) if step[2] == "scans looked through"] == [
        (done, 3, "scans looked through") for done in range(3)
    ]
    assert opened("zooscan", tmp_path / "scans", dpi=2400, stop_at="scans looked through")[1][-1][0] == 0


def test_runs_of_a_flowcam_are_told_of_one_by_one(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        rows = particles(2, image_id=[f"{name}1", f"{name}2"], collage_file=[f"{name}_1.tif"] * 2)
        write_run(tmp_path / "runs" / name, rows, name=name, collages=(f"{name}_1.tif",))
    n, steps = opened("flowcam", tmp_path / "runs")
    assert n == 6
    assert [step for step in steps if step[2] == "runs read"] == [(done, 3, "runs read") for done in range(3)]
    assert [done for done, _, what in opened("flowcam", tmp_path / "runs", stop_at="runs read")[1] if what == "runs read"] == [0]


def test_micrographs_are_told_of_one_by_one_and_the_others_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagine_kernels.media import micrographs

    searched: list[tuple[int, ...]] = []
    find = micrographs.find_valves
    monkeypatch.setattr(
        micrographs, "find_valves", lambda picture, **given: (searched.append(picture.shape), find(picture, **given))[1]
    )
    for k in range(12):
        picture = np.full((700, 800), 200, np.uint8)
        picture[300:360, 200:500] = 90
        Image.fromarray(picture).save(tmp_path / f"field {k:02d}.png")
    n, steps = opened("diatoms", tmp_path, um_per_px=0.1)
    assert [step for step in steps if step[2] == "micrographs searched"] == [
        (k, 12, "micrographs searched") for k in range(1, 13)
    ]
    assert n >= 12
    searched.clear()
    opened("diatoms", tmp_path, um_per_px=0.1, stop_at="micrographs searched")
    # Two at a time, and the next call after the first one stops: what had begun is done, the rest is left.
    assert len(searched) < 12
