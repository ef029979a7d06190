"""Recordings in the annotator: boxes of time and frequency in the spectrogram, and listening."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from annotating_media import recording
from annotating_page import AnnotatePage, Annotators
from playwright.sync_api import expect

Annotate = Callable[..., AnnotatePage]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def reef(annotators: Annotators) -> str:
    folder = annotators.folder("reef")
    recording(folder / "reef.wav")
    return folder.name


def selections(path: Path) -> list[dict[str, str]]:
    """A selection table of Raven, by a reader of our own."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def numbers(row: dict[str, str]) -> list[float]:
    """Begin and end [s], low and high [Hz]."""
    return [float(row[name]) for name in ("Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")]


def playing(app: AnnotatePage) -> bool:
    return app.page.get_by_role("button", name="Pause").count() > 0


def test_box_listen_correct_undo_reload_and_take_home(
    annotate: Annotate, reef: str, tmp_path: Path, annotate_pictures: Path
) -> None:
    app = annotate()
    app.make_project("Reef at night", reef)
    app.calibrate()
    # What is on the screen: a call of 0.8 s, from 2.5 to 4.9 kHz.
    app.rectangle((1.0, 2400.0), (1.8, 5000.0), "call")
    app.wait_saved()
    app.press("l")
    app.click((2.0, 1000.0))
    app.click((2.5, 3000.0))
    app.press("Enter")
    app.name_it("glide")
    app.wait_saved()
    app.page.screenshot(path=annotate_pictures / "sound-drawn.png")

    # Listen to the box: it plays, and stops at its end.
    app.press("m")
    app.click((1.2, 2400.0))
    expect(app.page.locator("[data-live]")).to_have_text(re.compile("^call"))
    app.page.get_by_role("button", name="Play").click()
    app.page.wait_for_selector("[aria-label=Pause]")
    app.page.wait_for_selector("[aria-label=Play]")
    expect(app.page.locator(".ika-time")).to_contain_text("0:01.8")

    # Move a corner, and give another label by key.
    app.drag((1.8, 5000.0), (2.1, 5600.0))
    app.wait_saved()
    app.tab("Labels")
    app.press("Escape")
    app.page.get_by_role("treeitem", name=re.compile("glide")).click()
    app.page.locator(".ika-digits select").select_option("2")
    app.click((1.2, 2400.0))
    app.press("2")
    app.wait_saved()
    after = app.marks()
    assert [each.split(",")[:2] for each in after] == [["Rectangle", " glide"], ["Line", " glide"]]
    app.press("Control+z", "Control+z")
    app.wait_saved()
    assert app.marks()[0].startswith("Rectangle, call")
    app.press("Control+Shift+Z", "Control+Shift+Z")
    app.wait_saved()
    app.reload()
    assert app.marks() == after
    row = selections(app.export("raven", tmp_path))[0]
    assert row["Annotation"] == "glide"
    found = numbers(row)
    # A px of the screen is about 5 ms and 18 Hz.
    assert found[:2] == pytest.approx([1.0, 2.1], abs=0.02)
    assert found[2:] == pytest.approx([2400, 5600], abs=40)


def test_a_long_recording_is_moved_along_by_wheel_and_played_by_key(annotate: Annotate, annotators: Annotators) -> None:
    folder = annotators.folder("long")
    recording(folder / "long.wav", seconds=60)
    app = annotate()
    app.make_project("Long", folder.name)
    app.press("Space")
    app.page.wait_for_selector("[aria-label=Pause]")
    app.press("Space")
    app.page.wait_for_selector("[aria-label=Play]")
    seek = app.page.get_by_role("slider", name="Time")
    seek.press("End")
    expect(app.page.locator(".ika-time")).to_contain_text("1:00")


def test_a_real_recording(annotate: Annotate, annotators: Annotators, shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    recordings = sorted(each for each in shared_data("noise").rglob("*") if each.suffix.lower() in (".wav", ".flac", ".mp3"))
    if not recordings:
        pytest.skip("shared/data/noise has no recording")
    smallest = min(recordings, key=lambda path: path.stat().st_size)
    folder = annotators.folder("hydrophone")
    (folder / smallest.name).write_bytes(smallest.read_bytes())
    app = annotate()
    app.make_project("Hydrophone", folder.name)
    app.calibrate()
    about = soundfile.info(folder / smallest.name)
    top = about.samplerate / 2
    seen = min(about.duration, abs(600 * app.step[0]))
    corners = [(0.2 * seen, 0.3 * top), (0.6 * seen, 0.6 * top)]
    app.rectangle(corners[0], corners[1], "noise")
    app.wait_saved()
    begin, end, low, high = numbers(selections(app.export("raven", tmp_path))[0])
    assert begin == pytest.approx(corners[0][0], abs=0.01 + 2 * abs(app.step[0]))
    assert end == pytest.approx(corners[1][0], abs=0.01 + 2 * abs(app.step[0]))
    assert low == pytest.approx(corners[0][1], abs=1 + 2 * abs(app.step[1]))
    assert high == pytest.approx(corners[1][1], abs=1 + 2 * abs(app.step[1]))
