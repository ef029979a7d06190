"""GeoJSON (RFC 7946): features with their properties, longitude first, in WGS 84."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.records import Problem
from imagine_kernels.settings import placed

if TYPE_CHECKING:
    from shapely import Geometry

#: Decimals of a degree that are written: a centimetre.
_DECIMALS = 7
#: What names WGS 84 with the longitude first, in files of before RFC 7946.
_WGS84 = ("crs84", "4326", "wgs84", "wgs 84")


@dataclass(frozen=True)
class Feature:
    """One thing on the map.

    Attributes
    ----------
    geometry : shapely geometry
        In longitude and latitude, degrees, WGS 84.
    properties : mapping
        What is said of it; names end in their units.
    """

    geometry: Geometry
    properties: Mapping[str, Any] = field(default_factory=dict)


def write_geojson(features: Iterable[Feature], path: Path, *, about: Mapping[str, Any] | None = None) -> Path:
    """Write features as a FeatureCollection, rings of polygons turned as RFC 7946 wants them.

    Parameters
    ----------
    features : iterable of Feature
    path : Path
    about : mapping, optional
        Members of the collection itself, such as ``name`` or ``time``.
    """
    import shapely

    with placed(path) as passing, passing.open("w", encoding="utf-8") as stream:
        head = json.dumps({"type": "FeatureCollection", **(about or {})}, ensure_ascii=False, default=_plain)
        stream.write(head[:-1] + ', "features": [')
        for k, feature in enumerate(features):
            turned = shapely.orient_polygons(shapely.set_precision(feature.geometry, 10.0**-_DECIMALS, mode="pointwise"))
            row = {
                "type": "Feature",
                "geometry": json.loads(shapely.to_geojson(turned)) if not turned.is_empty else None,
                "properties": {name: _finite(value) for name, value in feature.properties.items()},
            }
            stream.write(("," if k else "") + "\n" + json.dumps(row, ensure_ascii=False, default=_plain))
        stream.write("\n]}\n")
    return path


def read_geojson(path: Path) -> tuple[list[Feature], list[Problem]]:
    """Read the features of a file; those without a usable geometry become problems.

    Returns
    -------
    features : list of Feature
    problems : list of Problem

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It is no GeoJSON, or not in longitude and latitude.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataNotFound.no_such_path(path) from None
    except UnicodeDecodeError:
        raise FormatError(f"{path.name} is no GeoJSON: it is not text in UTF-8.") from None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise FormatError(f"{path.name} is no GeoJSON: it cannot be read as JSON; save it again.") from None
    if not isinstance(data, dict):
        raise FormatError(f"{path.name} is no GeoJSON: it holds no object with a type.")
    _check_crs(data, path)
    features: list[Feature] = []
    problems: list[Problem] = []
    for k, row in enumerate(_rows(data, path)):
        geometry, what = _geometry(row.get("geometry") if isinstance(row, dict) else None)
        if geometry is None:
            problems.append(Problem(item=path.name, what=f"feature {k + 1} {what}", remedy="it was left out"))
            continue
        said = row.get("properties")
        features.append(Feature(geometry, said if isinstance(said, dict) else {}))
    return features, problems


def _rows(data: dict[str, Any], path: Path) -> Iterator[Any]:
    kind = data.get("type")
    if kind == "FeatureCollection" and isinstance(data.get("features"), list):
        yield from data["features"]
    elif kind == "Feature":
        yield data
    elif isinstance(kind, str) and ("coordinates" in data or "geometries" in data):
        yield {"geometry": data}
    else:
        raise FormatError(f"{path.name} is no GeoJSON: its type is {kind!r}, not FeatureCollection, Feature or a geometry.")


def _geometry(given: Any) -> tuple[Geometry | None, str]:
    import shapely

    if not isinstance(given, dict):
        return None, "has no geometry"
    try:
        geometry = shapely.force_2d(shapely.from_geojson(json.dumps(given)))
    except (shapely.errors.GEOSException, ValueError, TypeError):
        return None, "has a geometry that is none"
    if geometry.is_empty:
        return None, "has an empty geometry"
    x_min, y_min, x_max, y_max = geometry.bounds
    if not (-360 <= x_min <= x_max <= 360 and -90 <= y_min <= y_max <= 90):
        return None, "does not lie in longitude and latitude (degrees, longitude first)"
    return geometry, ""


def _check_crs(data: dict[str, Any], path: Path) -> None:
    crs = data.get("crs")
    name = str((crs.get("properties") or {}).get("name", "")) if isinstance(crs, dict) else ""
    if name and not any(known in name.lower() for known in _WGS84):
        raise FormatError(f"{path.name} is in {name[:80]}, not in longitude and latitude: save it in WGS 84 (EPSG:4326).")


def _finite(value: Any) -> Any:
    """JSON has no NaN: what is not known is null."""
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
