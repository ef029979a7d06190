"""The parts that serve the page from the kernel: folders, files in parts, progress, small pictures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from imagine_kernels.errors import DataError, DataNotFound, ImagineError, UnsafeArchive
from imagine_kernels.widgets import part, thumbnails
from imagine_kernels.widgets.browse import FolderBrowser
from imagine_kernels.widgets.meter import Meter
from imagine_kernels.widgets.part import Part, Reply, built
from imagine_kernels.widgets.thumbnails import Thumbnails, encode
from imagine_kernels.widgets.transfer import Downloads, Uploads


def test_folders_and_zips_are_listed_and_nothing_hidden(tmp_path: Path) -> None:
    (tmp_path / "cruise-12").mkdir()
    (tmp_path / "cruise-12" / "a.png").write_bytes(b"x")
    (tmp_path / ".secret").mkdir()
    (tmp_path / "st01.zip").write_bytes(b"x" * 1_500_000)
    (tmp_path / "letter.docx").write_bytes(b"x")
    listing = FolderBrowser([("Home", tmp_path), ("Gone", tmp_path / "gone")]).listing(None)
    assert [(entry["name"], entry["kind"], entry["note"]) for entry in listing["entries"]] == [
        ("cruise-12", "folder", "1 entry"),
        ("st01.zip", "file", "1.5 MB"),
    ]
    assert listing["parent"] is None
    assert [root["name"] for root in listing["roots"]] == ["Home"]
    inside = FolderBrowser([("Home", tmp_path)]).listing(str(tmp_path / "cruise-12"))
    assert inside["parent"] == str(tmp_path)


@pytest.mark.parametrize("path", ["/etc", "../..", "link"])
def test_nothing_outside_the_allowed_folders_is_shown(tmp_path: Path, path: str) -> None:
    root = tmp_path / "home"
    root.mkdir()
    (root / "link").symlink_to("/etc")
    browser = FolderBrowser([("Home", root)])
    with pytest.raises(UnsafeArchive, match="is not in a folder that may be opened here: choose one below"):
        browser.listing(str(root / path))


def test_a_missing_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"cannot be read .*: choose another one"):
        FolderBrowser([("Home", tmp_path)]).listing(str(tmp_path / "gone"))


def send(uploads: Uploads, name: str, data: bytes, size: int | None = None) -> str:
    token = uploads.begin({"name": name, "size": len(data) if size is None else size}, [])["token"]
    for at in range(0, len(data), 1000):
        uploads.part({"token": token, "at": at}, [memoryview(data[at : at + 1000])])
    return uploads.end({"token": token}, [])["path"]


def test_a_zip_arrives_whole_and_keeps_its_name(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    data = np.random.default_rng(0).bytes(4321)
    first, second = send(uploads, "st01.zip", data), send(uploads, "../../st01.zip", data)
    assert (Path(first), Path(second)) == (tmp_path / "st01.zip", tmp_path / "st01-2.zip")
    assert Path(first).read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["st01-2.zip", "st01.zip"]


def test_uploads_that_are_wrong_are_refused_in_a_sentence(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    with pytest.raises(DataError, match=r"notes\.txt is not a zip: pack the folder of the sample into one zip"):
        uploads.begin({"name": "notes.txt", "size": 3}, [])
    with pytest.raises(DataError, match=r"big\.zip is larger than 21 GB: copy it to the server"):
        uploads.begin({"name": "big.zip", "size": 10**12}, [])
    with pytest.raises(DataError, match=r"cut\.zip arrived with 3 of 5 bytes: send it again"):
        send(uploads, "cut.zip", b"abc", size=5)
    token = uploads.begin({"name": "a.zip", "size": 3}, [])["token"]
    with pytest.raises(DataError, match=r"A part of a\.zip arrived out of place: send the file again"):
        uploads.part({"token": token, "at": 2}, [memoryview(b"c")])
    uploads.drop({"token": token}, [])
    with pytest.raises(DataError, match="That upload is not known any more"):
        uploads.end({"token": token}, [])


def test_a_download_comes_in_parts_and_its_file_goes(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    path.write_bytes(bytes(range(200)))
    downloads = Downloads()
    offer = downloads.offer(path, "application/zip")
    got = b"".join(
        bytes(downloads.part({"token": offer["token"], "at": at, "size": 70}, []).buffers[0])
        for at in range(0, offer["size"], 70)
    )
    assert got == bytes(range(200))
    downloads.end({"token": offer["token"]}, [])
    assert not path.exists()
    with pytest.raises(DataError, match="That file is not known any more: ask for the download again"):
        downloads.part({"token": offer["token"], "at": 0, "size": 1}, [])


def test_the_time_left_follows_the_rate() -> None:
    now = [0.0]
    told: list[dict[str, Any]] = []
    meter = Meter(told.append, clock=lambda: now[0])
    meter(0, 100, "Identifying")
    now[0] = 0.05
    meter(1, 100, "Identifying")
    assert len(told) == 1
    now[0] = 10.0
    meter(20, 100, "Identifying")
    assert told[-1] == {"stage": "Identifying", "done": 20, "total": 100, "left_s": pytest.approx(40.0)}
    meter(100, 100, "Identifying")
    assert told[-1]["left_s"] == 0
    meter(0, 0, "Writing")
    assert told[-1]["left_s"] is None


def test_small_pictures_are_kept_and_found_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures: list[Any] = [rng.integers(0, 255, shape, dtype=np.uint8) for shape in ((40, 60), (900, 300))]
    pictures.insert(1, ValueError("broken"))
    made = Thumbnails(tmp_path, 3)
    assert made.make(pictures, stop=threading.Event())
    assert made.sizes.tolist() == [[60, 40], [0, 0], [300, 900]]
    again = Thumbnails(tmp_path, 3)
    assert again.complete
    small = again.get([2, 1, 0])
    assert small[1] is None
    shapes = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).shape for data in (small[0], small[2]) if data]
    assert shapes == [(320, 107), (40, 60)]
    assert not Thumbnails(tmp_path, 4).complete


def test_the_making_of_small_pictures_rests_while_somebody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    rests: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal now
            rests.append(timeout or 0)
            now += timeout or 0
            return False

    monkeypatch.setattr(thumbnails.time, "monotonic", lambda: now)
    made = Thumbnails(tmp_path, 3)

    def pictures() -> Iterator[Any]:
        yield np.zeros((4, 4), dtype=np.uint8)
        assert rests == []
        assert [made.has(row) for row in range(3)] == [True, False, False]
        yield np.zeros((4, 4), dtype=np.uint8)
        assert sum(rests) == pytest.approx(thumbnails.REST_S, rel=0.2)
        yield np.zeros((4, 4), dtype=np.uint8)

    assert made.make(pictures(), stop=Stop())
    assert sum(rests) == pytest.approx(thumbnails.REST_S, rel=0.2)


def test_a_large_picture_keeps_every_pixel() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (50, 70), dtype=np.uint8)
    back = cv2.imdecode(np.frombuffer(encode(picture, side=None), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.abs(back.astype(int) - picture).max() <= 1


def test_a_part_answers_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[Any, list[Any]]] = []
    arrived = threading.Event()

    def record(self: Part, content: Any, buffers: Any = None) -> None:
        said.append((content, list(buffers or [])))
        arrived.set()

    monkeypatch.setattr(Part, "send", record)

    def refuse(*_: Any) -> None:
        raise DataNotFound("There is nothing there: look elsewhere.")

    shown = Part(
        "workbench", {"double": lambda given, _: Reply(given["x"] * 2, [b"bytes"]), "refuse": refuse, "break": lambda *_: 1 / 0}
    )

    def ask(verb: str) -> tuple[Any, list[Any]]:
        arrived.clear()
        shown._received(None, {"id": 7, "verb": verb, "given": {"x": 21}}, [])
        assert arrived.wait(5)
        return said[-1]

    assert ask("double") == ({"id": 7, "value": 42}, [b"bytes"])
    assert ask("refuse") == ({"id": 7, "error": "There is nothing there: look elsewhere."}, [])
    assert "was not foreseen (ZeroDivisionError" in ask("break")[0]["error"]
    assert "does not know: reload the page" in ask("sing")[0]["error"]
    shown.tell("progress", 1)
    assert said[-1] == ({"event": "progress", "value": 1}, [])


def test_a_front_end_that_is_not_built_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(part, "STATIC", tmp_path / "static")
    with pytest.raises(ImagineError, match=r"The browser part workbench\.js is not built: run `npm run build` in"):
        built("workbench.js")
