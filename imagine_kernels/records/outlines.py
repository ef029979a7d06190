"""The outline of a thing on a picture as text, as it stands in the column `imagine_kernels.records.OUTLINE` of a sample."""

from __future__ import annotations

from typing import Any

from imagine_kernels.errors import FormatError


def outline_text(outline: Any) -> str:
    """An outline as well-known text, px to a thousandth, for a column of a table."""
    import shapely

    return str(shapely.to_wkt(outline, rounding_precision=3, trim=True))


def outline_of(text: str) -> Any:
    """The outline that a text says.

    Raises
    ------
    FormatError
        It says no polygon.
    """
    import shapely

    try:
        found = shapely.from_wkt(text)
    except shapely.errors.GEOSException:
        found = None
    if found is None or found.geom_type not in ("Polygon", "MultiPolygon") or found.is_empty or not found.is_valid:
        raise FormatError(f"{text[:60]!r} is no outline: give a polygon as well-known text (WKT), in px of the picture.")
    return found
