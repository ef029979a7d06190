"""Videos in the annotator: individuals over time, with keyframes and what is between them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from annotating_media import FRAME_RATE_HZ as RATE_HZ
from annotating_media import VIDEO_SIZE as SIZE
from annotating_media import dive
from annotating_page import AnnotatePage, Annotators
from playwright.sync_api import expect

Annotate = Callable[..., AnnotatePage]

pytestmark = pytest.mark.timeout(600)


def boxes(path: Path) -> dict[int, list[float]]:
    """The boxes of a zip with one VIAME CSV, by a reader of our own: number of the frame to box [px]."""
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        rows = [row for row in csv.reader(io.StringIO(archive.read(name).decode())) if not row[0].startswith("#")]
    return {int(row[2]): [float(each) for each in row[3:7]] for row in rows}


def go_to(app: AnnotatePage, frame: int) -> None:
    """Go to a frame with the slider of the time, by keyboard."""
    slider = app.page.get_by_role("slider", name="Time")
    slider.press("Home")
    for _ in range(frame):
        slider.press("ArrowRight")
    expect(app.page.locator(".ika-time")).to_contain_text(re.compile(rf"^0:{frame / RATE_HZ:04.1f}"))


def test_track_with_keyframes_interpolation_copy_undo_reload_and_take_home(
    annotate: Annotate, annotators: Annotators, tmp_path: Path, annotate_pictures: Path
) -> None:
    folder = annotators.folder("dive")
    dive(folder / "dive.mp4")
    app = annotate()
    app.make_project("Dive 7", folder.name)
    app.fit(*SIZE)
    app.rectangle((40, 220), (120, 260), "Fish")
    app.wait_saved()

    # At frame 20 it is 200 px to the right: there it gets its second keyframe, and is moved.
    app.press("m")
    lane = app.page.locator(".ika-lane")
    expect(lane).to_have_count(1)
    # The time line has taken some room.
    app.fit(*SIZE)
    go_to(app, 20)
    app.press("k")
    expect(lane.locator(".ika-keyframe")).to_have_count(2)
    app.drag((80, 240), (280, 240))
    app.wait_saved()
    expect(lane.locator(".ika-keyframe")).to_have_count(2)

    # Half way it is half way: a click there selects it, one where it was does not.
    go_to(app, 10)
    app.press("Escape")
    app.click((80, 240))
    app.tab("Marks")
    expect(app.rows().and_(app.page.locator("[aria-selected=true]"))).to_have_count(0)
    app.click((180, 240))
    expect(app.rows().and_(app.page.locator("[aria-selected=true]"))).to_have_count(1)
    app.page.screenshot(path=annotate_pictures / "video-between.png")

    # At the last keyframe it is copied to the next frame.
    go_to(app, 20)
    app.surface.focus()
    app.press("c")
    app.wait_saved()
    expect(lane.locator(".ika-keyframe")).to_have_count(3)
    expect(app.page.locator(".ika-time")).to_contain_text("0:02.1")
    app.press("Control+z")
    expect(lane.locator(".ika-keyframe")).to_have_count(2)
    app.press("Control+Shift+Z")
    expect(lane.locator(".ika-keyframe")).to_have_count(3)
    app.wait_saved()

    app.reload()
    expect(lane.locator(".ika-keyframe")).to_have_count(3)
    found = boxes(app.export("viame", tmp_path))
    assert found[0] == pytest.approx([40, 220, 120, 260], abs=1)
    assert found[20] == pytest.approx([240, 220, 320, 260], abs=2)
    assert found[21] == pytest.approx([240, 220, 320, 260], abs=2)


def test_play_pause_frame_by_frame_and_a_label_of_a_whole_frame(
    annotate: Annotate, annotators: Annotators, tmp_path: Path
) -> None:
    folder = annotators.folder("dive-2")
    dive(folder / "dive.mp4")
    app = annotate()
    app.make_project("Dive 8", folder.name)
    time = app.page.locator(".ika-time")
    app.press("Space")
    expect(time).not_to_contain_text(re.compile(r"^0:00\.0"))
    app.press("Space")
    expect(app.page.get_by_role("button", name="Play")).to_have_count(1)
    go_to(app, 5)
    app.surface.focus()
    app.press(".", ".", ",")
    expect(time).to_contain_text(re.compile(r"^0:00\.6"))
    app.press("w")
    app.name_it("sand")
    app.wait_saved()
    with app.export("biigle-video", tmp_path).open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["label_name"] == "sand"
    assert row["shape_name"] == "WholeFrame"
    assert [float(each) for each in re.findall(r"[\d.]+", row["frames"])] == pytest.approx([0.6], abs=0.01)


def test_a_real_video(annotate: Annotate, annotators: Annotators, shared_data: Callable[[str], Path]) -> None:
    endings = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg")
    videos = [each for each in shared_data("emso_video").rglob("*") if each.suffix.lower() in endings]
    if not videos:
        pytest.skip("shared/data/emso_video has no video")
    smallest = min(videos, key=lambda path: path.stat().st_size)
    folder = annotators.folder("observatory")
    (folder / smallest.name).write_bytes(smallest.read_bytes())
    app = annotate()
    app.make_project("Observatory", folder.name)
    app.calibrate()
    box = app.surface.bounding_box()
    assert box is not None
    middle = app.read((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
    assert middle is not None
    app.rectangle(middle, (middle[0] + 40 * app.step[0], middle[1] + 40 * app.step[1]), "fish")
    app.wait_saved()
    app.wait_marks(1)
