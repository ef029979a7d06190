"""Videos: every frame under its number with its exact time, in a row and at random, whatever the file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from imagine_kernels.errors import DataError, DataNotFound, ImageError
from imagine_kernels.media.pyramids import Pyramids
from imagine_kernels.media.videos import Video
from imagine_kernels.media.viewing import Viewing, described, kind_of

SIZE = (320, 240)
RNG = np.random.default_rng(5)
Opened = Callable[[Path], Video]


@pytest.fixture
def opened() -> Iterator[Opened]:
    held: list[Video] = []

    def open_(path: Path) -> Video:
        held.append(Video(path))
        return held[-1]

    yield open_
    for each in held:
        each.close()


def numbered(path: Path, codec: str, n: int, *, varying: bool = False, bf: int = 2, fmt: str = "yuv420p") -> list[float]:
    """A video whose frame i carries i as 16 black or white bars; when each is shown, s."""
    times, at = [], 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"bf": str(bf)} if bf else {})
        stream.width, stream.height, stream.pix_fmt = *SIZE, fmt
        stream.codec_context.gop_size = 30
        if varying:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for i in range(n):
            picture = np.full((SIZE[1], SIZE[0], 3), 64, dtype=np.uint8)
            for bit in range(16):
                picture[100:140, bit * 20 : bit * 20 + 20] = 255 if i >> bit & 1 else 0
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if varying:
                frame.pts, frame.time_base = at, Fraction(1, 1000)
            times.append(at / 1000 if varying else i / 25)
            at += 133 if i % 7 == 0 else 40
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return times


def number(picture: np.ndarray) -> int:
    bars = picture[110:130, :, 1]
    return sum(int(bars[:, bit * 20 + 5 : bit * 20 + 15].mean() > 128) << bit for bit in range(16))


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"varying": True, "bf": 3}),
        ("a.avi", "mpeg4", {}),
        ("b.avi", "mjpeg", {"bf": 0, "fmt": "yuvj420p"}),
        ("c.avi", "libx264", {}),
        ("a.mpg", "mpeg2video", {}),
        ("a.mkv", "libx264", {"bf": 0}),
    ],
)
def test_frames_carry_their_numbers(name: str, codec: str, options: dict[str, object], tmp_path: Path, opened: Opened) -> None:
    n = 200
    times = numbered(tmp_path / name, codec, n, **options)  # type: ignore[arg-type]
    video = opened(tmp_path / name)
    np.testing.assert_allclose(video.times(), times, atol=1e-6)
    assert video.n_frames == n
    assert video.duration_s == pytest.approx(times[-1] + 1 / video.frame_rate_hz)
    for i in (0, n - 1, 31, 30, 29, *RNG.integers(0, n, 15).tolist()):
        assert number(video.frame(i)) == i
    seen: list[int] = []
    while len(seen) < n:
        told, pictures = video.frames(len(seen), 24, 1000)
        np.testing.assert_allclose(told, times[len(seen) : len(seen) + len(told)], atol=1e-6)
        seen += [number(decoded(each)) for each in pictures]
    assert seen == list(range(n))


def test_frames_are_given_before_all_are_counted(tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    times = numbered(tmp_path / "a.mp4", "libx264", 700, varying=True)
    going_on, more = threading.Event(), Video._more

    def slow(self: Video, stamps: list[int], keys: list[int]) -> None:
        more(self, stamps, keys)
        if len(self._stamps) >= 512:
            going_on.wait(20)

    monkeypatch.setattr(Video, "_more", slow)
    video = opened(tmp_path / "a.mp4")
    told, pictures = video.frames(300, 3, 320)
    assert not video.counted
    assert [number(decoded(each)) for each in pictures] == [300, 301, 302]
    np.testing.assert_allclose(told, times[300:303], atol=1e-6)
    going_on.set()
    assert video.count(wait_s=20)
    assert video.n_frames == 700


def test_frames_are_shrunk_and_asked_for_in_reason(tmp_path: Path, opened: Opened) -> None:
    numbered(tmp_path / "a.mp4", "libx264", 30)
    video = opened(tmp_path / "a.mp4")
    assert decoded(video.frames(0, 1, 160)[1][0]).shape == (120, 160, 3)
    assert decoded(video.frames(0, 1, 4000)[1][0]).shape == (240, 320, 3)
    assert len(video.frames(28, 10, 160)[0]) == 2
    for wrong in ((30, 1, 160), (-1, 1, 160)):
        with pytest.raises(DataError, match=r"There is no frame .* it has 30, counted from 0"):
            video.frames(*wrong)
    with pytest.raises(DataError, match="Ask for 1 to 120 frames"):
        video.frames(0, 10_000, 160)


def test_broken_videos_are_one_sentence(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    for name in ("text.mp4", "list.mp4"):
        with pytest.raises(ImageError, match=f"{name} (is not a video that can be read|holds no video)"):
            opened(tmp_path / name)
    with pytest.raises(DataNotFound, match="There is no file"):
        opened(tmp_path / "nothing.mp4")
    numbered(tmp_path / "whole.avi", "mjpeg", 100, bf=0, fmt="yuvj420p")
    data = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    cut = opened(tmp_path / "cut.avi")
    assert cut.count(wait_s=20)
    assert 30 < cut.n_frames < 70
    assert number(cut.frame(20)) == 20


def test_a_video_that_is_in_use_is_not_closed(tmp_path: Path) -> None:
    for name in "abcdef":
        numbered(tmp_path / f"{name}.mp4", "libx264", 5)
    viewing = Viewing(Pyramids(tmp_path))
    with viewing.using(tmp_path / "a.mp4") as first:
        for name in "bcdef":
            with viewing.using(tmp_path / f"{name}.mp4") as other:
                assert isinstance(other, Video)
        assert isinstance(first, Video)
        assert number(first.frame(3)) == 3
    viewing.close()


def test_real_videos(shared_data: Callable[[str], Path], opened: Opened) -> None:
    found = [path for path in sorted(shared_data("emso_video").rglob("*")) if kind_of(path.name) == "video"]
    assert found
    for path in found[:5]:
        video = opened(path)
        with av.open(str(path)) as container:
            truth = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        np.testing.assert_allclose(video.times(), np.array([time for time, _ in truth]) - truth[0][0], atol=1e-6)
        for i in (0, len(truth) // 2, len(truth) - 1):
            np.testing.assert_allclose(video.frame(i).astype(int), truth[i][1], atol=12)
        medium = described(path, path.name)
        assert (medium.width, medium.height) == truth[0][1].shape[1::-1]
        assert medium.duration_s == pytest.approx(truth[-1][0], abs=1)
