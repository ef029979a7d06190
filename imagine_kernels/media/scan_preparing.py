"""Whole scans made ready: 8 bits, light even background, the right way round, on disk so that any part is at hand at once.

What was made is kept below the person's cache by content and settings, so that a scan is converted once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels import settings as places
from imagine_kernels.errors import DataError, ImageError, SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.scan_background import (
    Background,
    Conversion,
    blank_of,
    eight_bit,
    estimated_background,
    frame_of,
    level,
)
from imagine_kernels.media.scan_reading import LUMINANCE, ScanFile
from imagine_kernels.records import Problem, Progress

#: What ZooProcess scans at, where nothing says it.
DEFAULT_DPI = 2400.0
#: Prepared scans that are kept, bytes; those that were not used for longest go first.
MOST_BYTES = 8 << 30
#: A scan with more px is refused.
MAX_PIXELS = 4_000_000_000
#: Goes up where the same scan is prepared in another way.
_VERSION = 1
_HASHED, _SAMPLED = 32 << 20, 256
_making = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How a scan becomes objects; the defaults are those of ZooProcess.

    Attributes
    ----------
    threshold : int
        The lightest grey value of an object.
    min_esd_mm, max_esd_mm : float
        Limits of the equivalent spherical diameter.
    max_side_ratio : float
        What is this many times wider than high is a line of the scanner.
    background : {"", "estimate", "none"}
        Without a blank scan: ``""`` estimates the background of scans with 16 bits and leaves that of scans with 8 bits.
    orientation : {"", "zooprocess", "as scanned"}
        ``"zooprocess"`` turns a quarter to the right and puts upside down; ``""`` does so for scans with 16 bits only.
    optical_density, ratio : float
        See `Conversion`.
    weights : (float, float, float)
        How much red, green and blue count in a scan in colour.
    """

    threshold: int = 243
    min_esd_mm: float = 0.3
    max_esd_mm: float = 100.0
    max_side_ratio: float = 40.0
    background: str = ""
    orientation: str = ""
    optical_density: float = 1.8
    ratio: float = 1.15
    weights: tuple[float, float, float] = LUMINANCE

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ScanSettings:
        """Those among the settings of a use case, the others at their defaults; `weights` is a text such as ``0.1 0.8 0.9``.

        Raises
        ------
        SettingError
            A value cannot be taken.
        """
        values = {each.name: given[each.name] for each in fields(cls) if given.get(each.name) is not None}
        if isinstance(values.get("weights"), str):
            values["weights"] = _weights(values["weights"])
        for name, choice in (("background", ("", "estimate", "none")), ("orientation", ("", "zooprocess", "as scanned"))):
            if values.get(name, "") not in choice:
                known = " or ".join(repr(each) for each in choice if each)
                raise SettingError(f"The setting {name} takes {known}, not {values[name]!r}.")
        return cls(**values)

    def area_limits(self, pixel_size_mm: float) -> tuple[int, int]:
        """Least and greatest area of an object, px², as ZooProcess rounds them."""
        low, high = (round(3.1416 / 4 * side**2 / pixel_size_mm**2) for side in (self.min_esd_mm, self.max_esd_mm))
        return low, high


def _weights(text: str) -> tuple[float, float, float]:
    try:
        red, green, blue = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        red = green = blue = -1.0
    if min(red, green, blue) < 0 or red + green + blue <= 0:
        raise SettingError(f"The setting weights takes three numbers from 0 for red, green and blue, not {text!r}.")
    return (red, green, blue)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedScan:
    """A scan that objects can be found on and cut out of.

    Attributes
    ----------
    name : str
    pixels : (H, W) uint8 ndarray
        On disk; dark objects on white. Positions in px count from its top left corner.
    dpi : float
    frame : (int, int, int, int)
        The part inside the frame of the scanner: left, top, right, bottom, px.
    problems : tuple of Problem
        What was assumed.
    """

    name: str
    pixels: NDArray[np.uint8]
    dpi: float
    frame: tuple[int, int, int, int]
    problems: tuple[Problem, ...] = ()

    @property
    def pixel_size_mm(self) -> float:
        """Side of a pixel, mm."""
        return 25.4 / self.dpi


def prepare(
    files: Files,
    name: str,
    given: Mapping[str, Any],
    *,
    blanks: Sequence[str] = (),
    dpi: float | None = None,
    progress: Progress | None = None,
) -> PreparedScan:
    """A scan made ready, from the cache where it was before.

    A scan with 16 bits is converted to 8 by its own median, blank scans likewise; the background is subtracted, the scan is turned, and the
    frame around the glass is looked for. A scan with 8 bits and a light background is taken as it is, unless there are blank scans for it.

    Parameters
    ----------
    files : Files
    name : str
        Of the scan in `files`.
    given : mapping
        `ScanSettings` by name, and ``dpi`` or ``pixel_size_mm``.
    blanks : sequence of str
        Blank scans of the same area in `files`; they are averaged.
    dpi : float, optional
        What the data say of the resolution; a setting is believed before the file itself.
    progress : callable, optional

    Raises
    ------
    ImageError
        The scan cannot be decoded, is too small, or dark.
    SettingError
        A setting cannot be taken.
    NotEnoughSpace
        There is no room for it in the cache.
    """
    values = ScanSettings.of(given)
    with ExitStack() as stack:
        path = stack.enter_context(on_disk(files, name))
        blank_paths = [stack.enter_context(on_disk(files, blank)) for blank in blanks]
        made = (values.threshold, values.background, values.orientation, values.optical_density, values.ratio, values.weights)
        said = json.dumps([_VERSION, _content(path), [_content(each) for each in blank_paths], made])
        folder = places.home() / "cache" / "scans" / hashlib.sha256(said.encode()).hexdigest()[:40]
        # Two threads that want the same scan make it once.
        with _making:
            if not (folder / "scan.json").is_file():
                _make(path, folder, values, blank_paths, progress)
                _prune(folder)
    with suppress(OSError):
        os.utime(folder / "scan.json")
    noted = json.loads((folder / "scan.json").read_text(encoding="utf-8"))
    problems = [Problem(item=name, **each) for each in noted["problems"]]
    resolution, more = _resolution(name, given, dpi, noted["dpi"])
    pixels = np.load(folder / "scan.npy", mmap_mode="r")
    return PreparedScan(name=name, pixels=pixels, dpi=resolution, frame=tuple(noted["frame"]), problems=(*problems, *more))


def _resolution(name: str, given: Mapping[str, Any], data: float | None, file: float | None) -> tuple[float, list[Problem]]:
    """Dots per inch from the settings, the data or the file, whichever comes first."""
    if given.get("dpi") or given.get("pixel_size_mm"):
        return float(given.get("dpi") or 25.4 / float(given["pixel_size_mm"])), []
    if data or file:
        return float(data or file or DEFAULT_DPI), []
    what = f"nothing says its resolution; {DEFAULT_DPI:.0f} dots per inch were assumed"
    return DEFAULT_DPI, [Problem(item=name, what=what, remedy="set dpi", severity="warning")]


@contextmanager
def on_disk(files: Files, name: str) -> Iterator[Path]:
    """A file as a path, unpacked for as long as the ``with`` lasts where it lies in a zip; raises `ImageError` where it cannot be had."""
    # Only what lies inside: a name may come from a setting.
    if name not in files.names():
        raise ImageError(f"{name} is not there any more: put it back.")
    if not files.is_zip:
        yield files.path / name if files.path.is_dir() else files.path
        return
    folder = places.home() / "cache" / "scans"
    target = (
        folder / f".{os.getpid()}-{threading.get_ident()}-{hashlib.sha256(name.encode()).hexdigest()[:12]}{Path(name).suffix}"
    )
    with places.writing(target):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with files.open(name) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)
        except DataError as error:
            raise ImageError(str(error)) from None
    try:
        yield target
    finally:
        target.unlink(missing_ok=True)


def _content(path: Path) -> str:
    """A hash of a file; of a large one of its size and of blocks spread over it: noise makes no two scans alike there."""
    found = hashlib.sha256()
    size = path.stat().st_size
    with path.open("rb") as stream:
        if size <= _HASHED:
            found.update(stream.read())
        else:
            found.update(str(size).encode())
            for at in range(_SAMPLED):
                stream.seek(at * (size - (_HASHED // _SAMPLED)) // (_SAMPLED - 1))
                found.update(stream.read(_HASHED // _SAMPLED))
    return found.hexdigest()


def _make(path: Path, folder: Path, values: ScanSettings, blanks: Sequence[Path], progress: Progress | None) -> None:
    with ExitStack() as stack, places.writing(folder):
        scan = ScanFile(path, weights=values.weights)
        stack.callback(scan.close)
        passing = folder.with_name(f".{folder.name}-{os.getpid()}")
        stack.callback(shutil.rmtree, passing, ignore_errors=True)
        passing.mkdir(parents=True, exist_ok=True)
        noted = _convert(scan, passing / "scan.npy", values, blanks, progress)
        (passing / "scan.json").write_text(json.dumps(noted), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        passing.rename(folder)


def _convert(
    scan: ScanFile, target: Path, values: ScanSettings, blanks: Sequence[Path], progress: Progress | None
) -> dict[str, Any]:
    import cv2

    if min(scan.width, scan.height) < 3:
        raise ImageError(f"{scan.raster.path.name} measures only {scan.width} × {scan.height} px: give a whole scan.")
    if scan.width * scan.height > MAX_PIXELS:
        raise ImageError(
            f"{scan.raster.path.name} measures {scan.width} × {scan.height} px, more than any scanner gives: cut it."
        )
    conversion = Conversion(optical_density=values.optical_density, ratio=values.ratio)
    table = eight_bit(scan, conversion)
    problems: list[Problem] = []
    background = _background(scan, table, values, conversion, blanks, problems)
    turned = (values.orientation or ("zooprocess" if table is not None else "")) == "zooprocess"
    shape = (scan.width, scan.height) if turned else (scan.height, scan.width)
    pixels = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
    # A full disk is told here; while mapped pages are written it would end the process.
    with target.open("r+b") as stream:
        os.posix_fallocate(stream.fileno(), 0, target.stat().st_size)
    step = max(1, round((scan.dpi or DEFAULT_DPI) / 240))
    thumbs = []
    for top, strip in scan.strips(multiple=step):
        grey = np.asarray(strip if table is None else table[strip], dtype=np.uint8)
        thumbs.append(cv2.resize(grey, (-(-scan.width // step), -(-len(grey) // step)), interpolation=cv2.INTER_AREA))
        even = grey if background is None else background.subtracted(grey, top)
        end = scan.height - top
        if turned:
            pixels[:, end - len(even) : end] = even[::-1, ::-1].T
        else:
            pixels[top : top + len(even)] = even
        if progress is not None:
            progress(top + len(even), scan.height, "rows prepared")
    pixels.flush()
    small = np.concatenate(thumbs)
    if np.median(small) < 128:
        raise ImageError(
            f"{scan.raster.path.name} is dark (median grey value {np.median(small):.0f}), objects must be darker than their"
            " background: invert it, or give the 16-bit scan."
        )
    frame = (0, 0, shape[1], shape[0])
    if table is not None:
        found = frame_of(small[::-1, ::-1].T if turned else small, step)
        frame = (found[0], found[1], min(found[2], shape[1]), min(found[3], shape[0]))
    return {
        "dpi": scan.dpi,
        "frame": frame,
        "problems": [{"what": each.what, "remedy": each.remedy, "severity": each.severity} for each in problems],
    }


def _background(
    scan: ScanFile,
    table: NDArray[np.uint8] | None,
    values: ScanSettings,
    conversion: Conversion,
    blanks: Sequence[Path],
    problems: list[Problem],
) -> Background | None:
    """What is subtracted; what had to be assumed is noted."""
    with ExitStack() as stack:
        opened = []
        for path in blanks if values.background == "" else ():
            try:
                blank = ScanFile(path, weights=values.weights)
            except DataError as error:
                problems.append(_note(f"its blank scan cannot be used ({str(error).rstrip('.')})", "scan the blank again"))
                continue
            stack.callback(blank.close)
            if abs(blank.width / blank.height / (scan.width / scan.height) - 1) > 0.02:
                what = f"its blank scan {path.name} ({blank.width} × {blank.height} px) shows another area than the scan"
                problems.append(_note(what, "give a blank of the same frame"))
                continue
            opened.append(blank)
        if opened:
            return Background(blank_of(opened, conversion), scan.width, scan.height)
    if values.background == "estimate" or (values.background == "" and (table is not None or blanks)):
        what = "its background was estimated from the scan itself, since no blank scan is given"
        if values.background == "":
            problems.append(_note(what, "set blank, or put the blanks into Zooscan_back"))
        return Background(estimated_background(scan, table), scan.width, scan.height)
    if table is None and values.background == "" and level(scan) <= values.threshold:
        what = (
            f"it has 8 bits and its background is not lighter than the threshold {values.threshold}; a background was estimated"
        )
        problems.append(_note(what, "give blank scans, or set threshold"))
        return Background(estimated_background(scan, table), scan.width, scan.height)
    if table is None and values.background == "":
        problems.append(
            _note("it has 8 bits and was taken as it is, without a background", "give blank scans, or set background")
        )
    return None


def _note(what: str, remedy: str) -> Problem:
    return Problem(item="", what=what, remedy=remedy, severity="warning")


def _prune(kept: Path) -> None:
    """Let go of the scans that were not used for longest where all take more room than they may."""
    found = []
    with suppress(OSError):
        for folder in kept.parent.iterdir():
            noted = folder / "scan.json"
            if folder != kept and noted.is_file():
                found.append((noted.stat().st_mtime, (folder / "scan.npy").stat().st_size, folder))
        held = (kept / "scan.npy").stat().st_size + sum(size for _, size, _ in found)
        for _, size, folder in sorted(found):
            if held <= MOST_BYTES:
                break
            # A scan that is open stays readable until it is closed.
            shutil.rmtree(folder, ignore_errors=True)
            held -= size
