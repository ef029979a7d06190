"""What is known of a FlowCam run besides its particles: context (``.ctx``), summaries and hand-made classes (``.cla``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import decode_text, read_bytes

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_WHEN = re.compile(r"(\d{4})-(\d\d)-(\d\d)\s+(\d\d):(\d\d):(\d\d)")
#: A class of at most so many filters or particles; more is no ``.cla``.
_MAX_ENTRIES = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Run:
    """Facts of a run; None where no file says it.

    Attributes
    ----------
    frames : float
        Pictures that the camera took.
    frames_used : float
        Those with a particle in them.
    volume_imaged_ml, volume_processed_ml : float
    efficiency : float
        Share of the processed volume that was imaged, 0 to 1.
    count : float
        Particles, as the summary has it.
    um_per_px : float
    field_width_px, field_height_px : float
        Part of a frame in which particles are taken.
    depth_um : float
        Of the flow cell.
    volume_factor : float
        ``VolumeCF``: share of the imaged volume that the instrument counts as such.
    dilution : float
        How many times the sample was diluted.
    magnification : float
    min_esd_um, max_esd_um : float
        Sizes that were let through when the run was taken.
    lat, lon : float
        Degrees.
    date, time : str
        Of the start, ``YYYYMMDD`` and ``HHMMSS``.
    software : str
    """

    frames: float | None = None
    frames_used: float | None = None
    volume_imaged_ml: float | None = None
    volume_processed_ml: float | None = None
    efficiency: float | None = None
    count: float | None = None
    um_per_px: float | None = None
    field_width_px: float | None = None
    field_height_px: float | None = None
    depth_um: float | None = None
    volume_factor: float | None = None
    dilution: float | None = None
    magnification: float | None = None
    min_esd_um: float | None = None
    max_esd_um: float | None = None
    lat: float | None = None
    lon: float | None = None
    date: str = ""
    time: str = ""
    software: str = ""

    @property
    def volume_ml(self) -> float | None:
        """The imaged volume: as the summary says it, or from frames, field, depth and volume factor; None where neither is known."""
        if self.volume_imaged_ml:
            return self.volume_imaged_ml
        computed = self.computed_volume_ml
        if computed is None and self.volume_processed_ml and self.efficiency:
            return self.volume_processed_ml * self.efficiency
        return computed

    @property
    def computed_volume_ml(self) -> float | None:
        """Frames × field × depth of the flow cell × volume factor."""
        known = (self.frames, self.field_width_px, self.field_height_px, self.um_per_px, self.depth_um)
        if not all(known):
            return None
        frames, width, height, scale, depth = (float(value or 0) for value in known)
        return frames * width * height * scale**2 * depth * (self.volume_factor or 1.0) * 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticleClass:
    """A class of a ``.cla``: its name, how many filters fill it, and the numbers of its particles."""

    name: str
    n_filters: int
    particles: tuple[int, ...]


def read_context(files: Files, name: str) -> dict[str, str]:
    """The entries of a ``.ctx``, an INI file, by ``section.key`` in small letters."""
    text, _ = decode_text(read_bytes(files, name), name)
    section, found = "", dict[str, str]()
    for line in text.splitlines():
        plain = line.strip()
        if plain.startswith("[") and plain.endswith("]"):
            section = plain[1:-1].lower()
        elif "=" in plain:
            key, _, value = plain.partition("=")
            found.setdefault(f"{section}.{key.strip().lower()}", value.strip())
    return found


def read_summary(files: Files, name: str) -> dict[str, str]:
    """The entries of a ``_summary.csv`` (``key,value``) or ``_run_summary.txt`` (``key: value``), by key in small letters."""
    text, _ = decode_text(read_bytes(files, name), name)
    mark = "," if name.lower().endswith(".csv") else ":"
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, there, value = line.partition(mark)
        if there and value.strip():
            found.setdefault(key.strip().lower(), value.strip())
    return found


def run_of(context: Mapping[str, str], summary: Mapping[str, str]) -> Run:
    """The facts of a run from the entries of its files.

    The summary wins where both say something: it is what the instrument computed in the end.

    Parameters
    ----------
    context : mapping
        As `read_context` gives it.
    summary : mapping
        As `read_summary` gives it, of either or both summaries.
    """

    def number(*keys: str) -> float | None:
        for key in keys:
            match = _NUMBER.match(summary.get(key, context.get(key, "")).replace(" ", ""))
            if match is not None:
                return float(match[0])
        return None

    def span(low: str, high: str) -> float | None:
        first, last = number(low), number(high)
        return None if first is None or last is None or last < first else last - first + 1

    percent = number("efficiency", "capturestats.efficiency")
    diluted = context.get("fluid.usedilutioncalculation", "0") == "1"
    started = next((match for key in ("start time", "start") if (match := _WHEN.search(summary.get(key, "")))), None)
    started = started or _WHEN.search(context.get("general.runstarttime", ""))
    words = started.groups() if started is not None else ("",) * 6
    software = f"{context.get('software.softwarename', '')} {context.get('software.softwareversion', '')}".strip()
    return Run(
        frames=_positive(number("total", "capturestats.rawimagetotal")),
        frames_used=_positive(number("used")),
        volume_imaged_ml=_positive(number("sample volume imaged ml", "fluid volume imaged", "fluid.fluidvolumeimaged_ml")),
        volume_processed_ml=_positive(number("sample volume processed ml", "sample volume processed")),
        efficiency=_positive(None if percent is None else percent / 100),
        count=number("count", "particle count"),
        um_per_px=_positive(number("calibration factor", "fluid.calibrationconstant")),
        field_width_px=span("captureregion.acceptableleft", "captureregion.acceptableright"),
        field_height_px=span("captureregion.acceptabletop", "captureregion.acceptablebottom"),
        depth_um=_positive(number("fluid.flowcelldepth")),
        volume_factor=_positive(number("capturestats.volumecf")),
        dilution=_positive(number("fluid.sampledilution")) if diluted else None,
        magnification=_positive(number("magnification", "software.cameramagnification")),
        min_esd_um=number("captureparameters.minesd"),
        max_esd_um=number("captureparameters.maxesd"),
        lat=number("general.locationlatitude"),
        lon=number("general.locationlongitude"),
        date="".join(words[:3]),
        time="".join(words[3:]),
        software=software or summary.get("software", ""),
    )


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def read_classes(files: Files, name: str) -> list[ParticleClass]:
    """The classes of a ``.cla`` (version 3).

    Its lines are: version, a number, name of the classification, number of classes; then for each class its name, ``OR`` or ``AND``, the
    number of its filters and their paths, the number of its particles and their numbers in the list.

    Raises
    ------
    FormatError
        It is of another version, or cut off.
    """
    lines = decode_text(read_bytes(files, name), name)[0].splitlines()
    if not lines or lines[0].strip() != "v3":
        raise FormatError(f"{name} is no classification of version 3: save the classification again.")
    at = 3

    def take() -> str:
        nonlocal at
        at += 1
        return lines[at - 1].strip()

    def count() -> int:
        n = int(take())
        if not 0 <= n <= _MAX_ENTRIES:
            raise ValueError
        return n

    classes = []
    try:
        for _ in range(count()):
            label = take()
            take()
            n_filters = count()
            at += n_filters
            classes.append(ParticleClass(name=label, n_filters=n_filters, particles=tuple(int(take()) for _ in range(count()))))
    except (ValueError, IndexError):
        raise FormatError(f"{name} breaks off in line {at}: save the classification again.") from None
    return classes
