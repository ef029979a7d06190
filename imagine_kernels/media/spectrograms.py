"""Spectrograms of recordings of any length, in tiles.

The power spectral density is the one-sided periodogram of Welch's method (IEEE Trans. Audio Electroacoust. 15, 1967) with a Hann window w
and half overlap, ``2 |X_k|² / (f_s Σ w²)``, of which the bins at 0 Hz and at the Nyquist frequency are not doubled. Levels are
10 lg of it: dB re 1 µPa²/Hz where the recording is calibrated (ISO 18405:2017), else dB re full scale²/Hz. Coarser levels hold the mean of
the power, never of the decibels.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError, ImagineError
from imagine_kernels.media.pyramids import Pyramids
from imagine_kernels.media.recordings import Recording
from imagine_kernels.media.tiles import TILE, Box, Grid, Shown, percentiles, shown
from imagine_kernels.settings import writing

#: A window lasts about this long, s; and has so many samples at least and at most.
WINDOW_S, _SHORTEST, _LONGEST = 0.02, 256, 2048
#: Level of nothing at all: power below this is taken for it.
_FAINTEST = 1e-30
#: How many columns of the full size the coarse copies put together.
COARSE = (16, 256)
#: So many columns of the full size stand for a coarse one as long as the copies are not made.
_MOMENT = 4
#: Windows that are transformed at one go.
_AT_ONCE = 4096
_log = logging.getLogger(__name__)

Power = NDArray[np.float32]


def density(samples: NDArray[np.floating], window: NDArray[np.floating], hop: int, rate_hz: float) -> Power:
    """Power spectral density of windows that begin every `hop` samples.

    Parameters
    ----------
    samples : (n,) ndarray
    window : (m,) ndarray
    rate_hz : float
        Samples in a second.

    Returns
    -------
    (1 + (n - m) // hop, m // 2 + 1) float32 ndarray
        One-sided, in the square of the unit of the samples, by Hz.
    """
    from scipy.fft import rfft

    pieces = np.lib.stride_tricks.sliding_window_view(samples, len(window))[::hop]
    found = np.empty((len(pieces), len(window) // 2 + 1), dtype=np.float32)
    scale = 2 / (rate_hz * float(np.square(window, dtype=np.float64).sum()))
    for begin in range(0, len(pieces), _AT_ONCE):
        spectrum = rfft(pieces[begin : begin + _AT_ONCE] * window, axis=1)
        found[begin : begin + _AT_ONCE] = (spectrum.real**2 + spectrum.imag**2) * scale
    found[:, 0] /= 2
    found[:, -1] /= 2
    return found


class Spectrogram:
    """The spectrogram of the first channel of a recording.

    Column c shows the time from c to c + 1 times `second_per_px`, its window in the middle of that. Row r, counted from the lowest,
    shows the frequency bin at r times `hertz_per_px`. The tiles have the highest frequency at the top.

    Parameters
    ----------
    recording : Recording
    pyramids : Pyramids
        Where coarse copies of long recordings are kept.
    sensitivity_db : float, optional
        Of hydrophone and recorder together, in dB: full scale for 1 µPa (negative), or the level of full scale re 1 µPa (positive);
        both say the same.

    Attributes
    ----------
    window, hop : int
        Samples of a window, and from one to the next.
    second_per_px, hertz_per_px : float
    unit : str
    """

    def __init__(
        self,
        recording: Recording,
        pyramids: Pyramids,
        sensitivity_db: float | None = None,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.recording, self._pyramids, self._ready = recording, pyramids, ready
        rate = recording.sample_rate_hz
        self.window = min(_LONGEST, max(_SHORTEST, 1 << math.ceil(math.log2(max(rate * WINDOW_S, 1)))))
        self.hop = self.window // 2
        self.second_per_px, self.hertz_per_px = self.hop / rate, rate / self.window
        self._hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)).astype(np.float32)
        self._offset_db = abs(sensitivity_db) if sensitivity_db is not None else 0.0
        self.unit = "dB re 1 µPa²/Hz" if sensitivity_db is not None else "dB re full scale²/Hz"
        self.width, self.height = -(-recording.n_samples // self.hop), self.window // 2
        self.grid = Grid(self.width, self.height)
        self.flat = Grid(self.width, self.height, flat=True)
        self._coarse: dict[int, NDArray[np.float16]] = {}
        self._overview: Power | None = None
        self._range: tuple[float, float] | None = None
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._maker: threading.Thread | None = None
        self._gave_rough = False

    def power(self, first: int, n: int) -> Power:
        """(n, height) float32, power spectral density of columns in full size, in full scale²/Hz; from the lowest frequency."""
        begin = first * self.hop - (self.window - self.hop) // 2
        samples = self.recording.read(begin, (n - 1) * self.hop + self.window)[:, 0]
        return density(samples, self._hann, self.hop, self.recording.sample_rate_hz)[:, : self.height]

    def tile(
        self, level: int, x: int, y: int, window: tuple[float, float] = (0.0, 1.0), *, flat: bool = False
    ) -> tuple[Shown, bool]:
        """A tile in grey, and whether it is exact; `flat`: of the levels that hold all frequencies.

        Raises
        ------
        DataError
            There is no such tile, or the file is damaged there.
        """
        grid = self.flat if flat else self.grid
        box, factor = grid.box(level, x, y), grid.factor(level)
        power, exact = self._columns(box.x, box.width, factor)
        values = self._db(_rows(power, box, 1 if flat else factor))
        low, high = self.range
        span = high - low
        return shown(values, low + window[0] * span, low + window[1] * span), exact

    @property
    def range(self) -> tuple[float, float]:
        """The levels that are black and white, in `unit`."""
        if self._range is None:
            values = self._db(self.overview())
            loud = values[values > 10 * math.log10(_FAINTEST) + self._offset_db + 1]
            low, high = percentiles(loud, 0.5, 99.99) if loud.size else (-120.0, 0.0)
            self._range = (5 * math.floor(low / 5), 5 * math.ceil((high + 3) / 5))
        return self._range

    def percentiles(self, low: float, high: float, box: tuple[float, float, float, float] | None = None) -> tuple[float, float]:
        """Two percentiles of the levels in a box (from s, from Hz, to s, to Hz) or of all, in parts of the full range."""
        power = self.overview()
        if box is not None:
            n, columns = len(power), self.second_per_px * self.width / len(power)
            first, last = (min(n - 1, max(0, int(each / columns))) for each in (box[0], box[2]))
            rows = [min(self.height - 1, max(0, int(each / self.hertz_per_px))) for each in (box[1], box[3])]
            power = power[first : last + 1, min(rows) : max(rows) + 1]
        begin, end = self.range
        found = percentiles(self._db(power), low, high)
        return (found[0] - begin) / (end - begin), (found[1] - begin) / (end - begin)

    def overview(self) -> Power:
        """(up to 512, height) float32, power of all of it in few columns."""
        with self._looking:
            if self._overview is None:
                factor = self.flat.factor(0)
                self._overview = self._columns(0, self.flat.size(0)[0], factor)[0]
            return self._overview

    def close(self) -> None:
        """Let go of the file."""
        self._stop.set()
        if self._maker is not None:
            self._maker.join(timeout=30)
        self.recording.close()

    # Where the power comes from.

    def _columns(self, first: int, n: int, factor: int) -> tuple[Power, bool]:
        """(n, height), mean power of `factor` columns each, and whether it is exact."""
        if factor * n <= 8 * TILE or factor < COARSE[0]:
            begin, end = first * factor, min((first + n) * factor, self.width)
            return _means(self.power(begin, end - begin), factor), True
        self._look_for_copies()
        step = next((each for each in reversed(COARSE) if each <= factor and each in self._coarse), None)
        if step is not None:
            inner = factor // step
            held = self._coarse[step][first * inner : (first + n) * inner]
            return _means(np.power(10, held.astype(np.float32) / 10), inner), True
        self._begin()
        self._gave_rough = True
        return self._sampled(first, n, factor), False

    def _sampled(self, first: int, n: int, factor: int) -> Power:
        """The mean of a moment in the middle of each column: a glance at a recording of hours."""
        found = np.empty((n, self.height), dtype=np.float32)
        for i in range(n):
            begin, end = (first + i) * factor, min((first + i + 1) * factor, self.width)
            moment = max(begin, (begin + end - _MOMENT) // 2)
            found[i] = self.power(moment, min(_MOMENT, end - moment)).mean(axis=0)
        return found

    def _db(self, power: Power) -> NDArray[np.float32]:
        return np.asarray(10 * np.log10(np.maximum(power, _FAINTEST)) + self._offset_db, dtype=np.float32)

    # Coarse copies.

    def _place(self) -> Path:
        return self._pyramids.place(self.recording.path).with_suffix(".sound")

    def _look_for_copies(self) -> None:
        if self._coarse or not self._place().is_dir():
            return
        with suppress(OSError, ValueError):
            os.utime(self._place())
            self._coarse = {
                step: np.load(self._place() / f"{step}.npy", mmap_mode="r", allow_pickle=False) for step in reversed(COARSE)
            }

    def _begin(self) -> None:
        with self._pyramids.starting:
            if self._maker is None:
                self._maker = threading.Thread(target=self._make, name="imagine-spectrogram", daemon=True)
                self._maker.start()

    def _make(self) -> None:
        try:
            if not self._make_copies():
                return
        except (ImagineError, OSError) as error:
            _log.warning("The coarse copies of %s were not made: %s", self.recording.path.name, error)
            return
        with self._looking:
            self._overview = None
        if self._gave_rough:
            self._ready()

    def _make_copies(self) -> bool:
        """Levels in dB as 16-bit floats, which are fine to 0.06 dB; False where it was given up, or there is no room."""
        fine, coarse = COARSE
        n_bytes = 2 * self.height * (self.width // fine + self.width // coarse)
        if not self._pyramids.room(n_bytes):
            return False
        own = Recording(self.recording.path)
        reader = Spectrogram(own, self._pyramids)
        levels: dict[int, list[NDArray[np.float16]]] = {fine: [], coarse: []}
        try:
            for first in range(0, self.width, 16 * coarse):
                if self._stop.is_set():
                    return False
                power = reader.power(first, min(16 * coarse, self.width - first))
                for step, held in levels.items():
                    held.append((10 * np.log10(np.maximum(_means(power, step), _FAINTEST))).astype(np.float16))
        finally:
            own.close()
        found = {step: np.concatenate(held) for step, held in levels.items()}
        self._coarse = found
        place = self._place()
        passing = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
        with writing(passing):
            passing.mkdir()
            for step, values in found.items():
                np.save(passing / f"{step}.npy", values, allow_pickle=False)
            with suppress(OSError):
                passing.replace(place)
        return True


def _means(power: Power, factor: int) -> Power:
    """The mean of each `factor` rows; the last one of those that are left."""
    if factor == 1:
        return power
    whole = len(power) // factor
    found: Power = power[: whole * factor].reshape(whole, factor, power.shape[1]).mean(axis=1)
    if len(power) % factor:
        found = np.concatenate([found, power[whole * factor :].mean(axis=0, keepdims=True)])
    return found


def _rows(power: Power, box: Box, factor: int) -> Power:
    """The power in a tile, with the highest frequency at the top: rows are put together from the top."""
    upright = power.T[::-1]
    return _means(upright[box.y * factor : (box.y + box.height) * factor], factor)


def calibrated(attributes: object) -> float | None:
    """The sensitivity that a medium says of itself, dB; None where it says none.

    Raises
    ------
    DataError
        It is no number.
    """
    value = attributes.get("sensitivity_db") if hasattr(attributes, "get") else None
    if value is None or value == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise DataError(f"The sensitivity of the recording is {value!r}: give a number in dB.")
    return found
