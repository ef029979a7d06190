"""Recordings: samples from any place of a file, and pieces to listen to."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, DataNotFound

#: Longest piece to listen to, s.
MOST_S = 30.0
#: So many pieces of a second, spread over the file, say how loud it is.
_PROBES = 60
#: Of full scale: what the loudest of them becomes.
_PEAK = 0.7
_ORDER = 4

Samples = NDArray[np.float32]


class Recording:
    """A recording, open.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    sample_rate_hz : int
    n_samples, channels : int

    Raises
    ------
    DataNotFound
        There is no such file.
    DataError
        It is no recording that can be read, or it is empty.
    """

    def __init__(self, path: Path) -> None:
        import soundfile

        self.path, self._lock = path, threading.Lock()
        self._gains: dict[tuple[float, float] | None, float] = {}
        if not path.is_file():
            raise DataNotFound(f"There is no file {path}: find the media of the project again.")
        try:
            self._file: Any = soundfile.SoundFile(path)
        except (soundfile.SoundFileError, OSError, TypeError):
            raise DataError(
                f"{path.name} is not a recording that can be read (WAV, FLAC, OGG, MP3, AIFF): check the file."
            ) from None
        self.sample_rate_hz, self.channels = int(self._file.samplerate), int(self._file.channels)
        self.n_samples = int(self._file.frames)
        if self.n_samples < 1 or self.sample_rate_hz < 1:
            self._file.close()
            raise DataError(f"{path.name} holds no sound: copy it again.")

    @property
    def duration_s(self) -> float:
        """How long it is, s."""
        return self.n_samples / self.sample_rate_hz

    def read(self, first: int, n: int, *, channels: int = 1) -> Samples:
        """(n, channels) float32, samples in parts of full scale from the first channels on; zero before the begin and after the end.

        Raises
        ------
        DataError
            The file is damaged there.
        """
        import soundfile

        begin, end = max(first, 0), min(first + n, self.n_samples)
        channels = min(channels, self.channels)
        if begin >= end:
            return np.zeros((n, channels), dtype=np.float32)
        try:
            with self._lock:
                self._file.seek(begin)
                found = self._file.read(end - begin, dtype="float32", always_2d=True)[:, :channels]
        except (soundfile.SoundFileError, OSError):
            raise DataError(f"{self.path.name} is damaged at {begin / self.sample_rate_hz:.1f} s: copy it again.") from None
        if len(found) == n:
            return np.asarray(found)
        padded = np.zeros((n, channels), dtype=np.float32)
        padded[begin - first : begin - first + len(found)] = np.nan_to_num(found)
        return padded

    def piece(self, from_s: float, to_s: float, band: tuple[float, float] | None = None) -> bytes:
        """A piece to listen to, as a WAV of 16 bits with one channel or two; the gain is the same over the whole file.

        Parameters
        ----------
        from_s, to_s : float
            At most 30 s apart.
        band : (float, float), optional
            Only what lies between these frequencies, Hz: a Butterworth filter of order 4, forwards and backwards, so that nothing is
            shifted in time.

        Raises
        ------
        DataError
            It is no piece of the recording, or too long; or it is no band.
        """
        import soundfile

        from_s, to_s = max(0.0, float(from_s)), min(self.duration_s, float(to_s))
        if not 0 < to_s - from_s <= MOST_S + 1e-6:
            raise DataError(f"Listen to a piece of at most {MOST_S:.0f} s of the {self.duration_s:.1f} s of {self.path.name}.")
        if band is not None:
            band = self._checked(band)
        rate = self.sample_rate_hz
        samples = self._filtered(round(from_s * rate), max(1, round((to_s - from_s) * rate)), band, channels=2)
        loud = np.clip(samples * self.gain(band), -1.0, 1.0)
        written = io.BytesIO()
        soundfile.write(written, loud, rate, format="WAV", subtype="PCM_16")
        return written.getvalue()

    def gain(self, band: tuple[float, float] | None = None) -> float:
        """What samples are multiplied by to be heard well; a few short bangs are cut off rather than all made faint."""
        if band not in self._gains:
            n = min(self.sample_rate_hz, self.n_samples)
            firsts = np.unique(np.linspace(0, self.n_samples - n, _PROBES).astype(np.int64))
            peaks = [float(np.abs(self._filtered(int(first), n, band, channels=2)).max()) for first in firsts]
            loudest = float(np.percentile(peaks, 98)) if len(peaks) > 1 else peaks[0]
            self._gains[band] = _PEAK / max(loudest, 1e-6)
        return self._gains[band]

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()

    def _checked(self, band: tuple[float, float]) -> tuple[float, float] | None:
        nyquist = self.sample_rate_hz / 2
        low, high = max(0.0, float(band[0])), min(nyquist, float(band[1]))
        if not low < high:
            raise DataError(f"The band goes from {band[0]:g} to {band[1]:g} Hz: choose one between 0 and {nyquist:g} Hz.")
        return None if low <= 0 and high >= nyquist else (low, high)

    def _filtered(self, first: int, n: int, band: tuple[float, float] | None, *, channels: int) -> Samples:
        if band is None:
            return self.read(first, n, channels=channels)
        from scipy.signal import butter, sosfiltfilt

        nyquist, rate = self.sample_rate_hz / 2, self.sample_rate_hz
        low, high = band
        if low <= 0:
            sos = butter(_ORDER, high, "lowpass", fs=rate, output="sos")
        elif high >= nyquist:
            sos = butter(_ORDER, low, "highpass", fs=rate, output="sos")
        else:
            sos = butter(_ORDER, [low, high], "bandpass", fs=rate, output="sos")
        # The filter settles before the piece begins, so that there is no click.
        around = min(rate, int(8 * rate / max(high - low, 1.0)) + 256)
        samples = self.read(first - around, n + 2 * around, channels=channels)
        found = sosfiltfilt(sos, samples.astype(np.float64), axis=0, padlen=min(len(samples) - 1, 64))
        return np.asarray(found[around : around + n], dtype=np.float32)
