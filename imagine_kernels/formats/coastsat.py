"""Files of CoastSat: transects (GeoJSON in metres), series of shoreline positions and tides (CSV), and transects and tides of our own.

CoastSat's GeoJSON names a coordinate system in metres, which RFC 7946 no longer knows; its transects run from the land to the sea. In the series
there is one column of metres per transect, empty where the shoreline was not seen. Times are UTC.

References
----------
Vos, K., Splinter, K. D., Harley, M. D., Simmons, J. A. and Turner, I. L. (2019): CoastSat: a Google Earth Engine-enabled Python toolkit to
extract shorelines from publicly available satellite imagery. Environmental Modelling & Software 122, 104528. doi:10.1016/j.envsoft.2019.104528
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels.errors import DataError, DataNotFound, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import Table, read_table
from imagine_kernels.records import Problem
from imagine_kernels.records.ground import Transect
from imagine_kernels.settings import placed

if TYPE_CHECKING:
    import pandas as pd

_TIMES = ("dates", "date", "time_utc", "time", "datetime")
_TIDES = ("tide", "tide_m", "tides", "level_m", "water_level_m", "height_m")
_EPSG = re.compile(r"EPSG:+(?:[\d.]*:)?(\d{4,6})$", re.IGNORECASE)


def read_transects(path: Path) -> tuple[list[Transect], list[Problem]]:
    """Read transects of a GeoJSON whose coordinates are metres; what is no line of two points becomes a problem.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It is no GeoJSON, is in degrees, or holds no transect.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataNotFound.no_such_path(path) from None
    except (UnicodeDecodeError, ValueError, RecursionError, OSError):
        raise FormatError(f"{path.name} is no GeoJSON that can be read: save it again.") from None
    rows = data.get("features") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise FormatError(f"{path.name} is no GeoJSON with features: give a file of transects.")
    crs = _crs(data, path)
    found: list[Transect] = []
    problems: list[Problem] = []
    for k, row in enumerate(rows, start=1):
        try:
            line = row["geometry"]
            points = [(float(x), float(y)) for x, y, *_ in line["coordinates"]]
            if line["type"] != "LineString" or len(points) < 2:
                raise ValueError
            said = row.get("properties")
            name = str((said if isinstance(said, dict) else {}).get("name") or f"T{k}")
            found.append(Transect(name, *points[0], *points[-1], crs))
        except (KeyError, TypeError, ValueError, DataError):
            problems.append(
                Problem(item=path.name, what=f"feature {k} is no line from the land to the sea", remedy="it was left out")
            )
    if not found:
        raise FormatError(f"{path.name} holds no transect: give lines from the land to the sea, in metres.")
    if not crs and all(abs(each.x0_m) <= 180 and abs(each.y0_m) <= 90 and each.length_m < 1 for each in found):
        raise FormatError(
            f"{path.name} is in longitude and latitude: save it in a system in metres, e.g. UTM, and name it as crs."
        )
    return found, problems


def write_transects(transects: Iterable[Transect], path: Path) -> Path:
    """Write transects as CoastSat does, all in one coordinate system.

    Raises
    ------
    FormatError
        They are in several systems.
    """
    held = list(transects)
    systems = {each.crs for each in held}
    if len(systems) > 1:
        raise FormatError(f"The transects are in several systems ({', '.join(sorted(systems))}): write one file for each.")
    features = [
        {
            "type": "Feature",
            "properties": {"name": each.name},
            "geometry": {"type": "LineString", "coordinates": [[each.x0_m, each.y0_m], [each.x1_m, each.y1_m]]},
        }
        for each in held
    ]
    data: dict[str, Any] = {"type": "FeatureCollection"}
    if systems and (crs := systems.pop()):
        data["crs"] = {"type": "name", "properties": {"name": crs.replace("EPSG:", "urn:ogc:def:crs:EPSG::")}}
    with placed(path) as passing:
        passing.write_text(
            json.dumps({**data, "features": features}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n"
        )
    return path


def read_shoreline_series(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Read positions along transects: ``time_utc`` and one column per transect, m; gaps are NaN.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, or it is no such table.
    """
    import pandas as pd

    frame, problems = _timed(path)
    frame = frame.drop(columns=[name for name in frame.columns if not name or name == "satname"])
    columns = {"time_utc": frame["time_utc"]}
    for name in frame.columns.drop("time_utc"):
        columns[name] = pd.to_numeric(frame[name].replace("", None), errors="coerce")
        bad = int((columns[name].isna() & (frame[name] != "")).sum())
        if bad:
            problems.append(
                Problem(item=path.name, what=f"{bad} positions of {name} are no numbers", remedy="they were taken as gaps")
            )
    if len(columns) < 2:
        raise FormatError(f"{path.name} has no column of a transect beside the times: give positions in metres.")
    return pd.DataFrame(columns), problems


def read_tides(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Read levels of the tide: ``time_utc`` and ``tide_m``, in order of time; rows without a number are left out.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, or it has no times and levels.
    """
    import pandas as pd

    frame, problems = _timed(path)
    column = next((name for name in frame.columns if name.lower() in _TIDES), None)
    if column is None:
        raise FormatError(
            f"{path.name} has no column of levels ({', '.join(_TIDES[:3])}): give the tide in metres above the datum."
        )
    level = pd.to_numeric(frame[column].replace("", None), errors="coerce")
    if int(level.isna().sum()):
        problems.append(
            Problem(item=path.name, what=f"{int(level.isna().sum())} levels are missing", remedy="they were left out")
        )
    table = pd.DataFrame({"time_utc": frame["time_utc"], "tide_m": level}).dropna()
    if table.empty:
        raise FormatError(f"{path.name} holds no level of the tide: give times (UTC) and metres.")
    if table["tide_m"].abs().max() > 30:
        raise FormatError(f"{path.name} holds levels of {table['tide_m'].abs().max():g}, beyond any tide: give metres.")
    return table.sort_values("time_utc", kind="stable").drop_duplicates("time_utc").reset_index(drop=True), problems


def _timed(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    import pandas as pd

    with Files(path) as files:
        table: Table = read_table(files, Path(path).name, delimiter=",")
    problems = list(table.problems)
    at = next((k for k, name in enumerate(table.header) if name.lower() in _TIMES), None)
    if at is None:
        raise FormatError(f"{path.name} has no column of times ({', '.join(_TIMES[:3])}): give times in UTC.")
    width = len(table.header)
    cells = [[cell.strip() for cell in (*row, *[""] * width)][:width] for _, row in table.rows]
    names = [f"{name}.{k}" if name in table.header[:k] else name for k, name in enumerate(table.header)]
    frame = pd.DataFrame(cells, columns=names, dtype=object)
    times = pd.to_datetime(frame[names[at]], utc=True, errors="coerce", format="ISO8601")
    for k in times.index[times.isna()][:20]:
        problems.append(Problem(item=path.name, line=table.rows[k][0], what="the time is none", remedy="the row was left out"))
    frame = frame.drop(columns=names[at]).assign(time_utc=times)
    return frame[times.notna()].reset_index(drop=True), problems


def _crs(data: dict[str, Any], path: Path) -> str:
    crs = data.get("crs")
    said = crs.get("properties") if isinstance(crs, dict) else None
    name = str((said if isinstance(said, dict) else {}).get("name") or "")
    if not name:
        return ""
    if "crs84" in name.lower() or name.endswith("4326"):
        raise FormatError(f"{path.name} is in longitude and latitude: save it in a system in metres, e.g. UTM.")
    match = _EPSG.search(name)
    return f"EPSG:{match[1]}" if match else name
