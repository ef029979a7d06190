"""Small media for the tests of the annotator and for the pictures of it in the documentation: a scan, a recording, a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import soundfile

#: Of a scan, width and height in px.
SIZE = (800, 600)
SAMPLE_RATE_HZ = 22050
#: Of a video, width and height in px.
VIDEO_SIZE = (640, 480)
FRAME_RATE_HZ = 10


def scene(path: Path, seed: int) -> Path:
    """A scan with some animals in it."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    picture = np.full((height, width, 3), 225, np.uint8)
    for _ in range(14):
        middle = (int(rng.integers(60, width - 60)), int(rng.integers(60, height - 60)))
        axes = (int(rng.integers(12, 44)), int(rng.integers(8, 24)))
        color = tuple(int(each) for each in rng.integers(30, 150, 3))
        cv2.ellipse(picture, middle, axes, int(rng.integers(0, 180)), 0, 360, color, -1)
    cv2.imwrite(str(path), cv2.GaussianBlur(picture, (5, 5), 0))
    return path


def recording(path: Path, seconds: float = 8.0) -> Path:
    """Noise with three calls that rise from 2.5 to 5 kHz, 0.8 s each."""
    times = np.arange(0, seconds, 1 / SAMPLE_RATE_HZ)
    samples = np.random.default_rng(5).normal(0, 0.02, times.size)
    for begin in (1.0, 3.0, 5.5):
        since = times[(times > begin) & (times < begin + 0.8)] - begin
        samples[(times > begin) & (times < begin + 0.8)] += 0.4 * np.sin(2 * np.pi * (2500 * since + 1500 * since**2))
    soundfile.write(path, samples, SAMPLE_RATE_HZ)
    return path


def dive(path: Path, frames: int = 40) -> Path:
    """A fish that swims to the right, 10 px a frame; its middle is at 80 + 10 i."""
    import av
    import cv2

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = *VIDEO_SIZE, "yuv420p"
        for i in range(frames):
            picture = np.full((VIDEO_SIZE[1], VIDEO_SIZE[0], 3), (90, 60, 30), np.uint8)
            cv2.ellipse(picture, (80 + 10 * i, 240), (40, 20), 0, 0, 360, (60, 160, 240), -1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def scan_of(sample: Path, path: Path, width: int = 1600, height: int = 1200) -> Path:
    """A scan on which the vignettes of a sample lie side by side."""
    scan = np.full((height, width), 252, np.uint8)
    vignettes = [cv2.imread(str(each), cv2.IMREAD_GRAYSCALE) for each in sorted(sample.rglob("*.png"))]
    largest = sorted((each for each in vignettes if max(each.shape) < 260), key=lambda each: -each.size)[:24]
    for i, each in enumerate(largest):
        rows, columns = each.shape
        x, y = 30 + 260 * (i % 6) + (i * 37) % 20, 30 + 290 * (i // 6) + (i * 53) % 20
        scan[y : y + rows, x : x + columns] = np.minimum(scan[y : y + rows, x : x + columns], each)
    cv2.imwrite(str(path), scan)
    return path
