"""What the names of files of fixed cameras say: Argus, CoastSnap and SIRENA.

================ ============================================================================ =================================
network          name                                                                          what
================ ============================================================================ =================================
Argus            ``1444314601.Thu.Oct.08_14_30_01.GMT.2015.argus02b.c1.timex.jpg``             epoch, text, station, camera, product
Argus, short     ``1444314601_c2_timex.jpg``, ``argus02b_1444314601_c2_timex.jpg``             epoch, camera, product
CoastSnap        ``1529715600.Sat.Jun.23_11_00_00.AEST.2018.manly.snap.contributor.jpg``       epoch, text, site, product, who
SIRENA           ``clm_s_01_2011-11-27-12-00.png``                                             site, product, camera, text
================ ============================================================================ =================================

The epoch counts seconds since 1970 in UTC and is what is believed. The text beside it is local: its zone is an abbreviation, of which many mean
more than one; where the two cannot belong together in any zone of the earth, a note says so. SIRENA's names hold no epoch and no zone: their
time is taken for UTC, unless another zone is given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from imagine_kernels.errors import FormatError
from imagine_kernels.formats.tables import shown
from imagine_kernels.records import Problem

if TYPE_CHECKING:
    import pandas as pd

Network = Literal["Argus", "CoastSnap", "SIRENA"]
#: What products are called in names → what they are called here.
PRODUCTS = {
    "snap": "snapshot",
    "snapshot": "snapshot",
    "s": "snapshot",
    "timex": "timex",
    "t": "timex",
    "mean": "timex",
    "var": "variance",
    "v": "variance",
    "variance": "variance",
    "std": "variance",
    "bright": "brightest",
    "max": "brightest",
    "dark": "darkest",
    "min": "darkest",
    "rundark": "running darkest",
    "timestack": "timestack",
    "stack": "timestack",
    "plan": "plan view",
    "rect": "plan view",
    "merge": "merged plan view",
}
#: How they are written again.
_WRITTEN = {
    "snapshot": "snap",
    "timex": "timex",
    "variance": "var",
    "brightest": "bright",
    "darkest": "dark",
    "running darkest": "rundark",
    "timestack": "stack",
    "plan view": "plan",
    "merged plan view": "merge",
}
_SIRENA_WRITTEN = {"snapshot": "s", "timex": "t", "variance": "v"}
#: Hours from UTC of the abbreviations that mean one zone only; of the others the text is only checked roughly.
_ZONES = {
    "GMT": 0, "UTC": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "EDT": -4, "EST": -5, "CDT": -5,
    "MDT": -6, "MST": -7, "PDT": -7, "PST": -8, "AKDT": -8, "AKST": -9, "HST": -10, "AEST": 10, "AEDT": 11, "ACST": 9.5, "ACDT": 10.5,
    "AWST": 8, "NZST": 12, "NZDT": 13, "JST": 9, "SAST": 2, "BRT": -3, "ART": -3,
}  # fmt: skip
_MONTHS = {
    name: k
    for k, name in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1)
}
_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
#: The earliest and the latest zone of the earth, hours.
_ZONE_RANGE = (-12.0, 14.0)
_ENDING = r"(?P<ending>jpe?g|png|tiff?|mp4|avi|mat|bmp|webp)"
_EPOCH = r"(?P<epoch>\d{6,11}(?:\.\d{1,6})?)"
_LONG = re.compile(
    rf"^{_EPOCH}\.(?P<weekday>[A-Za-z]{{3}})\.(?P<month>[A-Za-z]{{3}})\.(?P<day>\d{{1,2}})_(?P<hour>\d{{2}})_(?P<minute>\d{{2}})_"
    rf"(?P<second>\d{{2}})\.(?P<zone>[A-Za-z]{{1,6}}|[+-]\d{{2}}:?\d{{2}})\.(?P<year>\d{{4}})\.(?P<rest>[^.]+(?:\.[^.]+){{1,3}})\.{_ENDING}$",
    re.IGNORECASE,
)
_SHORT = re.compile(
    rf"^(?:(?P<site>[A-Za-z0-9-]+)_)?{_EPOCH}_(?P<camera>c[a-z0-9]+)_(?P<product>[a-z]+)\.{_ENDING}$", re.IGNORECASE
)
_SIRENA = re.compile(
    r"^(?P<site>[A-Za-z0-9]+)_(?P<product>[a-z]{1,5})_(?P<camera>\d{1,3})_(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})-(?P<hour>\d{2})-"
    rf"(?P<minute>\d{{2}})(?:-(?P<second>\d{{2}}))?\.{_ENDING}$",
    re.IGNORECASE,
)
_CAMERA = re.compile(r"^c(?:\d{1,3}|x[a-z]*)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class CameraName:
    """What the name of a file says.

    Attributes
    ----------
    network : {"Argus", "CoastSnap", "SIRENA"}
    site : str
        Station or site; empty where the name has none.
    camera : str
        ``"c1"`` or ``"01"``; empty where the name has none.
    product : str
        One of the values of `PRODUCTS`, or the word of the name where it is not known.
    time_utc : datetime
        With time zone UTC.
    contributor : str
        Of CoastSnap; else empty.
    ending : str
        ``"jpg"``, ``"png"`` …
    zone : str
        The abbreviation in the name; empty where it has none.
    notes : tuple of str
        What in the name contradicts what else is in it.
    """

    network: Network
    site: str
    camera: str
    product: str
    time_utc: datetime
    contributor: str = ""
    ending: str = "jpg"
    zone: str = ""
    notes: tuple[str, ...] = ()


def parse_name(name: str, *, zone: tzinfo = UTC) -> CameraName:
    """What the name of a file says.

    Parameters
    ----------
    name : str
        With or without folders.
    zone : tzinfo
        Of names without an epoch (SIRENA).

    Raises
    ------
    FormatError
        It is no name of Argus, CoastSnap or SIRENA, or its time is none.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    if match := _LONG.match(last):
        return _long(match, last)
    if match := _SHORT.match(last):
        time = _epoch(match["epoch"], last)
        product = _product(match["product"])
        return CameraName(
            network="Argus",
            site=match["site"] or "",
            camera=match["camera"].lower(),
            product=product,
            time_utc=time,
            ending=_end(match),
        )
    if match := _SIRENA.match(last):
        local = _moment(match, last, int(match["month"])).replace(tzinfo=zone)
        return CameraName(
            network="SIRENA",
            site=match["site"],
            camera=match["camera"],
            product=_product(match["product"]),
            time_utc=local.astimezone(UTC),
            ending=_end(match),
        )
    raise FormatError(
        f"{shown(last)} is no name of a fixed camera: give files names as Argus, CoastSnap or SIRENA do, e.g. clm_s_01_2011-11-27-12-00.png."
    )


def format_name(said: CameraName) -> str:
    """The name of a file that says this, with the text in UTC.

    Raises
    ------
    FormatError
        The name cannot hold it.
    """
    if said.network == "SIRENA":
        time = said.time_utc.astimezone(UTC)
        seconds = f"-{time:%S}" if time.second else ""
        product = _SIRENA_WRITTEN.get(said.product, said.product)
        name = f"{said.site}_{product}_{said.camera}_{time.year:04d}-{time:%m-%d-%H-%M}{seconds}.{said.ending}"
    else:
        time = said.time_utc.astimezone(UTC)
        month = list(_MONTHS)[time.month - 1]
        text = f"{_DAYS[time.weekday()]}.{month}.{time:%d_%H_%M_%S}.GMT.{time.year:04d}"
        product = _WRITTEN.get(said.product, said.product)
        last = f"{said.camera}.{product}" if said.network == "Argus" else f"{product}.{said.contributor}"
        name = f"{int(time.timestamp())}.{text}.{said.site}.{last}.{said.ending}"
    try:
        again: CameraName | None = parse_name(name)
    except FormatError:
        again = None
    if again is None or (again.network, again.site, again.camera, again.product) != (
        said.network,
        said.site,
        said.camera,
        said.product,
    ):
        raise FormatError(f"No name of {said.network} can hold {said}: use letters and digits for site, camera and contributor.")
    return name


def name_table(names: Iterable[str], *, zone: tzinfo = UTC) -> tuple[pd.DataFrame, list[Problem]]:
    """One row per file whose name is understood, in order of time; the others become problems.

    Returns
    -------
    table : DataFrame
        ``file, network, site, camera, product, time_utc, contributor``.
    problems : list of Problem
    """
    import pandas as pd

    columns = ["file", "network", "site", "camera", "product", "time_utc", "contributor"]
    rows, problems = [], []
    for name in names:
        try:
            said = parse_name(name, zone=zone)
        except FormatError as error:
            problems.append(
                Problem(item=name, what=str(error).rstrip(".").split(": ")[0], remedy="rename it, or give the time another way")
            )
            continue
        problems += [
            Problem(item=name, what=note, remedy="the seconds since 1970 (UTC) were used", severity="warning")
            for note in said.notes
        ]
        rows.append([name, said.network, said.site, said.camera, said.product, said.time_utc, said.contributor])
    table = pd.DataFrame(rows, columns=columns)
    table["time_utc"] = pd.to_datetime(table["time_utc"], utc=True)
    return table.sort_values(["time_utc", "file"], kind="stable").reset_index(drop=True), problems


def _long(match: re.Match[str], name: str) -> CameraName:
    time = _epoch(match["epoch"], name)
    parts = match["rest"].split(".")
    is_argus = len(parts) == 3 and bool(_CAMERA.match(parts[1]))
    return CameraName(
        network="Argus" if is_argus else "CoastSnap",
        site=parts[0],
        camera=parts[1].lower() if is_argus else "",
        product=_product(parts[2 if is_argus else 1]),
        time_utc=time,
        # The name of a contributor may hold a dot.
        contributor="" if is_argus else ".".join(parts[2:]),
        ending=_end(match),
        zone=match["zone"],
        notes=_contradictions(match, time, name),
    )


def _epoch(text: str, name: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise FormatError(f"{shown(name)} begins with {text}, which is no time in seconds since 1970: rename it.") from None


def _moment(match: re.Match[str], name: str, month: int) -> datetime:
    day, hour, minute, second = (int(match[part] or 0) for part in ("day", "hour", "minute", "second"))
    try:
        return datetime(int(match["year"]), month, day, hour, minute, second)
    except ValueError:
        raise FormatError(f"{shown(name)} holds no time that is one: rename it.") from None


def _contradictions(match: re.Match[str], time: datetime, name: str) -> tuple[str, ...]:
    month = _MONTHS.get(match["month"].capitalize())
    if month is None:
        return (f"there is no month {match['month']!r}",)
    try:
        local = _moment(match, name, month)
    except FormatError:
        return ("the text in the name is no time",)
    notes = []
    if _DAYS[local.weekday()].lower() != match["weekday"].lower():
        notes.append(f"{local:%Y-%m-%d} was no {match['weekday']}")
    apart = (local - time.replace(tzinfo=None, microsecond=0)) / timedelta(hours=1)
    zone = match["zone"].upper()
    offset = re.match(r"([+-])(\d{2}):?(\d{2})", zone)
    given = _ZONES.get(zone) if offset is None else float(f"{offset[1]}1") * (int(offset[2]) + int(offset[3]) / 60)
    if given is not None and abs(apart - given) > 0.01:
        notes.append(f"the text says {local:%Y-%m-%d %H:%M:%S} {zone}, the seconds since 1970 {time:%Y-%m-%d %H:%M:%S} UTC")
    elif given is None and not (
        _ZONE_RANGE[0] <= apart <= _ZONE_RANGE[1] and math.isclose(apart * 4, round(apart * 4), abs_tol=0.02)
    ):
        notes.append(f"the text says {local:%Y-%m-%d %H:%M:%S}, which is {time:%Y-%m-%d %H:%M:%S} UTC in no zone of the earth")
    return tuple(notes)


def _product(word: str) -> str:
    return PRODUCTS.get(word.lower(), word.lower())


def _end(match: re.Match[str]) -> str:
    return match["ending"].lower()
