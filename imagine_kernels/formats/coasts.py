"""The land that belongs to some pictures: of a file that the user names, or of one that lies beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagine_kernels.formats.polygon_file import read_polygons
from imagine_kernels.records import Problem

#: Files in which the coast is looked for where no setting names one.
NAMES = ("coast.geojson", "land.geojson", "coast.shp", "land.shp")


def read_coast(source: Path, given: Any = None) -> tuple[list[Any], list[Problem]]:
    """Polygons of land in longitude and latitude; none at all where nothing is known.

    Parameters
    ----------
    source : Path
        Where the pictures are; a file of `NAMES` is looked for where it is a folder.
    given : str or Path, optional
        The file that the user has named.

    Returns
    -------
    polygons : list of shapely geometries
    problems : list of Problem

    Raises
    ------
    DataNotFound, FormatError
        See `read_polygons`.
    """
    places = [Path(str(given)).expanduser()] if given else [source / name for name in NAMES] if source.is_dir() else []
    place = next((each for each in places if given or each.is_file()), None)
    return ([], []) if place is None else read_polygons(place)
