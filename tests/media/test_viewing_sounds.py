"""Recordings: spectrograms against SciPy's and exact tones, coarse levels as means of power, pieces to listen to."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from imagine_kernels.errors import DataError, DataNotFound
from imagine_kernels.media import spectrograms
from imagine_kernels.media.pyramids import Pyramids
from imagine_kernels.media.recordings import Recording
from imagine_kernels.media.spectrograms import Spectrogram, calibrated
from imagine_kernels.media.tiles import TILE
from imagine_kernels.media.viewing import described, kind_of

RATE = 48_000
RNG = np.random.default_rng(7)
Opened = Callable[..., Spectrogram]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    held: list[Spectrogram] = []

    def open_(path: Path, *more: object) -> Spectrogram:
        held.append(Spectrogram(Recording(path), Pyramids(tmp_path / "pyramids"), *more))  # type: ignore[arg-type]
        return held[-1]

    yield open_
    for each in held:
        each.close()


def written(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def scipys(samples: np.ndarray, found: Spectrogram) -> np.ndarray:
    """(columns, bins): its windows are in the middle of the columns, so a quarter of one of silence comes first."""
    around = (found.window - found.hop) // 2
    padded = np.concatenate([np.zeros(around), samples, np.zeros(found.window)])
    _, _, power = signal.spectrogram(
        padded,
        found.recording.sample_rate_hz,
        window="hann",
        nperseg=found.window,
        noverlap=found.window - found.hop,
        detrend=False,
        scaling="density",
        mode="psd",
    )
    return power.T[: found.width, : found.height]


@pytest.mark.parametrize("rate", [250, 8000, 48_000, 192_000])
def test_the_density_is_that_of_scipy(rate: int, tmp_path: Path, opened: Opened) -> None:
    samples = RNG.normal(0, 0.1, 3 * rate + 77).astype(np.float32)
    found = opened(written(tmp_path / "a.wav", samples, rate))
    assert found.hertz_per_px * found.height == pytest.approx(rate / 2)
    assert (found.width - 1) * found.second_per_px < found.recording.duration_s <= found.width * found.second_per_px
    np.testing.assert_allclose(found.power(0, found.width), scipys(samples, found), rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(found.power(2, 3), found.power(0, found.width)[2:5], rtol=1e-5)


def test_a_calibrated_tone_has_its_level(tmp_path: Path, opened: Opened) -> None:
    # A sine of amplitude a at the middle of a bin has the density a²/2 divided by the noise bandwidth of the Hann window, 1.5 bins.
    window, k, amplitude = 1024, 100, 0.05
    tone = amplitude * np.sin(2 * np.pi * k * RATE / window * np.arange(2 * RATE) / RATE)
    for sensitivity, unit in ((None, "dB re full scale²/Hz"), (-170.0, "dB re 1 µPa²/Hz"), (170.0, "dB re 1 µPa²/Hz")):
        found = opened(written(tmp_path / "tone.wav", tone), sensitivity)
        expected = 10 * np.log10(amplitude**2 / 2 / (1.5 * RATE / window)) + (170 if sensitivity else 0)
        assert found.unit == unit
        level = found._db(found.power(20, 100))
        np.testing.assert_allclose(level[:, k], expected, atol=0.02)
        assert found.range[0] < expected < found.range[1]
    assert calibrated({"sensitivity_db": "-170"}) == -170
    assert calibrated({}) is None
    with pytest.raises(DataError, match="The sensitivity of the recording is 'high': give a number in dB"):
        calibrated({"sensitivity_db": "high"})


def test_tiles_show_the_levels_with_the_highest_frequency_at_the_top(tmp_path: Path, opened: Opened) -> None:
    samples = RNG.normal(0, 0.1, 20 * RATE).astype(np.float32)
    samples[5 * RATE : 6 * RATE] += 0.5 * np.sin(2 * np.pi * 12_000 * np.arange(RATE) / RATE)
    found = opened(written(tmp_path / "a.wav", samples))
    power = scipys(samples, found)
    low, high = found.range
    for level in range(found.grid.levels):
        factor = found.grid.factor(level)
        columns = [power[i : i + factor].mean(axis=0) for i in range(0, found.width, factor)]
        upright = np.array(columns).T[::-1]
        rows = np.array([upright[i : i + factor].mean(axis=0) for i in range(0, found.height, factor)])
        for x in range(-(-rows.shape[1] // TILE)):
            part = rows[:TILE, x * TILE : (x + 1) * TILE]
            wanted = np.clip((10 * np.log10(part) - low) / (high - low), 0, 1) * 255
            shown, exact = found.tile(level, x, 0)
            assert exact
            np.testing.assert_allclose(shown, wanted, atol=0.6)
    flat, _ = found.tile(0, 0, 0, flat=True)
    assert flat.shape[0] == found.height
    loudest = np.unravel_index(np.argmax(flat), flat.shape)
    per_column = found.second_per_px * found.flat.factor(0)
    assert 5 <= loudest[1] * per_column + per_column <= 6.1 + per_column
    assert (found.height - 1 - loudest[0]) * found.hertz_per_px == pytest.approx(12_000, abs=found.hertz_per_px)
    box = (5.2, 11_900, 5.8, 12_050)
    assert found.percentiles(5, 95, box)[1] > found.percentiles(5, 95)[1] + 0.2


def test_a_long_recording_opens_at_once_and_becomes_exact(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate, seconds = 8000, 900
    rng = np.random.default_rng(5)
    loud = np.repeat(rng.uniform(0.01, 0.3, seconds), rate)
    samples = (loud * rng.normal(0, 1, rate * seconds)).clip(-1, 1).astype(np.float32)
    path = written(tmp_path / "long.flac", samples, rate, "PCM_24")
    begin, ready = threading.Event(), threading.Event()
    make = Spectrogram._make_copies
    monkeypatch.setattr(Spectrogram, "_make_copies", lambda self: (begin.wait(20), make(self))[1])
    found = opened(path, None, ready.set)
    rough, exact = found.tile(0, 0, 0, flat=True)
    assert not exact
    begin.set()
    assert ready.wait(20)
    shown, exact = found.tile(0, 0, 0, flat=True)
    assert exact
    factor = found.flat.factor(0)
    assert factor >= spectrograms.COARSE[0]
    power = found.power(0, found.width)
    means = np.array([power[i : i + factor].mean(axis=0) for i in range(0, found.width, factor)]).T[::-1]
    low, high = found.range
    wanted = np.clip((10 * np.log10(means) - low) / (high - low), 0, 1) * 255
    # Copies are kept to 0.06 dB; of the last column, which is not full, two parts of unlike length count the same.
    np.testing.assert_allclose(shown[:, :-1], wanted[:, :-1], atol=0.51 + 0.06 * 255 / (high - low))
    np.testing.assert_allclose(shown[:, -1], wanted[:, -1], atol=4)
    assert np.abs(rough.astype(int) - shown).mean() < 30
    again = opened(path)
    np.testing.assert_array_equal(again.tile(0, 0, 0, flat=True)[0].shape, shown.shape)
    assert again.tile(0, 0, 0, flat=True)[1]
    assert again._maker is None


def test_a_piece_to_listen_to(tmp_path: Path) -> None:
    time = np.arange(20 * RATE) / RATE
    samples = np.stack([0.02 * np.sin(2 * np.pi * 500 * time), 0.01 * np.sin(2 * np.pi * 5000 * time)], axis=1)
    samples[10 * RATE :] *= 0.5
    recording = Recording(written(tmp_path / "a.wav", samples))
    heard, rate = soundfile.read(io.BytesIO(recording.piece(2, 4)), always_2d=True)
    assert (rate, heard.shape) == (RATE, (2 * RATE, 2))
    np.testing.assert_allclose(heard, samples[2 * RATE : 4 * RATE] * recording.gain(), atol=1 / 32000)
    assert 0.5 < np.abs(heard).max() < 0.9
    quiet, _ = soundfile.read(io.BytesIO(recording.piece(12, 14)), always_2d=True)
    # The same gain over the whole file: what is half as loud is heard half as loud.
    assert np.abs(quiet).max() == pytest.approx(np.abs(heard).max() / 2, abs=1e-3)
    band, _ = soundfile.read(io.BytesIO(recording.piece(2, 4, (4000, 6000))), always_2d=True)
    gain = recording.gain((4000.0, 6000.0))
    assert np.abs(band[:, 0]).max() < 1e-3
    np.testing.assert_allclose(band[:, 1], samples[2 * RATE : 4 * RATE, 1] * gain, atol=0.01 * gain * 0.01 + 2e-3)
    end, _ = soundfile.read(io.BytesIO(recording.piece(19.5, 25)))
    assert len(end) == RATE // 2
    for wrong in ((5, 5), (7, 6), (30, 31)):
        with pytest.raises(DataError, match=r"Listen to a piece of at most 30 s of the 20\.0 s of a\.wav"):
            recording.piece(*wrong)
    with pytest.raises(DataError, match="The band goes from 900 to 100 Hz: choose one between 0 and 24000 Hz"):
        recording.piece(0, 1, (900, 100))
    recording.close()


def test_broken_recordings_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(DataError, match=r"text\.wav is not a recording that can be read"):
        Recording(tmp_path / "text.wav")
    written(tmp_path / "empty.wav", np.zeros(0))
    with pytest.raises(DataError, match=r"empty\.wav holds no sound"):
        Recording(tmp_path / "empty.wav")
    with pytest.raises(DataNotFound, match="There is no file"):
        Recording(tmp_path / "nothing.wav")


def test_real_recordings(shared_data: Callable[[str], Path], opened: Opened) -> None:
    found = [path for path in sorted(shared_data("noise").rglob("*")) if kind_of(path.name) == "sound"]
    assert found
    for path in found[:12]:
        medium = described(path, path.name)
        spectrogram = opened(path)
        assert medium.duration_s == pytest.approx(spectrogram.recording.duration_s)
        shown, _ = spectrogram.tile(0, 0, 0)
        assert shown.shape[::-1] == spectrogram.grid.size(0)
        samples, _rate = soundfile.read(path, always_2d=True, frames=20 * spectrogram.window)
        np.testing.assert_allclose(spectrogram.power(2, 10), scipys(samples[:, 0], spectrogram)[2:12], rtol=2e-3, atol=1e-12)
