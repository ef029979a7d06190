"""From what was found in photos to items on the beach: where each lies, how large it is, and in how many photos it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.measures.geodesy import LocalPlane
from imagine_kernels.measures.litter_sizes import size_class, size_cm
from imagine_kernels.measures.photo_place import PhotoGeoreference
from imagine_kernels.measures.same_items import merge_by_position
from imagine_kernels.records import Georeference
from imagine_kernels.records.shapes import Shape

if TYPE_CHECKING:
    import pandas as pd

#: How well the middle of a box is told, px.
OWN_ERROR_PX = 3.0
#: A box that ends so near to the rim of its photo may be cut, px.
_RIM_PX = 2.0


def place_finds(
    photos: Sequence[str],
    shapes: Sequence[Shape],
    labels: Sequence[str],
    georeferences: Mapping[str, Georeference],
    *,
    survey_of: Mapping[str, str],
    sizes_px: Mapping[str, tuple[int, int]] | None = None,
    confidences: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Place and size of each find (n rows, in their order).

    Parameters
    ----------
    photos, shapes, labels : sequences, length n
    georeferences : mapping of str to Georeference
        By photo; what is in a photo without one has no place and no size.
    survey_of : mapping of str to str
        The survey of each photo.
    sizes_px : mapping of str to (width, height), optional
        Of the photos, to tell what is cut at their rim.
    confidences : sequence of float, length n, optional

    Returns
    -------
    DataFrame
        ``photo``, ``survey_id``, ``label``, ``confidence``, ``x_px``, ``y_px`` (middle of the box), ``lon_deg``, ``lat_deg`` (WGS 84, EPSG:4326),
        ``error_m`` (standard error along one direction), ``radius95_m``, ``own_error_m`` (the part that other finds of the photo do not share),
        ``size_cm``, ``size_is_bound`` (of a box: an upper bound), ``at_rim``, ``size_class``.

    Raises
    ------
    DataError
        The arguments are not of one length, or a photo has no survey.
    """
    import pandas as pd

    n = len(photos)
    if not (len(shapes) == len(labels) == n) or (confidences is not None and len(confidences) != n):
        raise DataError(f"There are {n} photos of finds, but another number of shapes, labels or confidences: give one of each.")
    unknown = sorted(set(photos) - set(survey_of))
    if unknown:
        raise DataError(f"The photo {unknown[0]} is of no survey: name the survey of each photo.")
    boxes = np.array([shape.box or (np.nan,) * 4 for shape in shapes], dtype=np.float64).reshape(-1, 4)
    columns: dict[str, NDArray[Any]] = {
        "x_px": (boxes[:, 0] + boxes[:, 2]) / 2,
        "y_px": (boxes[:, 1] + boxes[:, 3]) / 2,
        **{name: np.full(n, np.nan) for name in ("lon_deg", "lat_deg", "error_m", "radius95_m", "own_error_m", "size_cm")},
        "size_is_bound": np.zeros(n, dtype=bool),
        "at_rim": np.zeros(n, dtype=bool),
    }
    names = np.asarray(photos, dtype=object)
    for photo in dict.fromkeys(photos):
        rows = np.flatnonzero(names == photo)
        if sizes_px and photo in sizes_px:
            limit = np.array([_RIM_PX, _RIM_PX, *(side - _RIM_PX for side in sizes_px[photo])])
            columns["at_rim"][rows] = ((boxes[rows] - limit) * [1, 1, -1, -1] <= 0).any(axis=1)
        if photo in georeferences:
            _place(columns, rows, georeferences[photo], shapes)
    return pd.DataFrame(
        {
            "photo": names,
            "survey_id": np.array([survey_of[photo] for photo in photos], dtype=object),
            "label": np.asarray(labels, dtype=object),
            "confidence": np.full(n, np.nan) if confidences is None else np.asarray(confidences, dtype=np.float64),
            **columns,
            "size_class": size_class(columns["size_cm"]),
        }
    )


def _place(
    columns: dict[str, NDArray[Any]], rows: NDArray[np.int64], georeference: Georeference, shapes: Sequence[Shape]
) -> None:
    x, y = columns["x_px"][rows], columns["y_px"][rows]
    columns["lon_deg"][rows], columns["lat_deg"][rows] = georeference.lonlat(x, y)
    error = georeference.error_m(x, y)
    columns["error_m"][rows] = error
    for row in rows.tolist():
        columns["size_cm"][row], columns["size_is_bound"][row] = size_cm(shapes[row], georeference)
    if isinstance(georeference, PhotoGeoreference):
        g = georeference.geometry
        columns["radius95_m"][rows] = georeference.radius95_m(x, y)
        middle = float(np.nan_to_num(georeference.error_m(g.width / 2, g.height / 2)))
        # What height, tilt and heading do beyond what they do to the middle is no shift of the whole photo.
        beyond = np.sqrt(np.maximum(error**2 - middle**2, 0))
        pixel = np.fmax(*georeference.gsd_cm(x, y)) / 100
        columns["own_error_m"][rows] = np.hypot(OWN_ERROR_PX * pixel, beyond)
    else:
        # 95 % of a round error lie within 2.45 standard errors.
        columns["radius95_m"][rows] = 2.4477 * error
        columns["own_error_m"][rows] = np.nan_to_num(error)


def items_of(finds: pd.DataFrame, georeferences: Mapping[str, Georeference] | None = None) -> pd.DataFrame:
    """Items, each once, of finds as `place_finds` gives them; finds of one survey in several photos are put together by position.

    Parameters
    ----------
    finds : DataFrame
    georeferences : mapping of str to Georeference, optional
        Those of the photos: what each of them shows helps where positions err by more than items are apart.

    Returns
    -------
    DataFrame
        One row per item: ``item_id``, ``survey_id``, ``label``, ``n_photos``, ``photos`` (joined by ``;``), ``lon_deg``, ``lat_deg`` (WGS 84,
        EPSG:4326), ``error_m``, ``size_cm`` (median over the photos that show it whole), ``size_is_bound``, ``size_class``, ``confidence``
        (the highest).
    """
    import pandas as pd

    parts = []
    for survey_id, mine in finds.groupby("survey_id", sort=False):
        rows = mine.reset_index(drop=True)
        lon, lat = rows["lon_deg"].to_numpy(dtype=np.float64), rows["lat_deg"].to_numpy(dtype=np.float64)
        placed = bool(np.isfinite(lon).any())
        plane = LocalPlane.around(lon, lat) if placed else LocalPlane(0.0, 0.0)
        east, north = plane.metres(lon, lat)
        cut, size = rows["at_rim"].to_numpy(dtype=bool), rows["size_cm"].to_numpy(dtype=np.float64)
        own = np.nan_to_num(rows["own_error_m"].to_numpy(dtype=np.float64))
        # What is cut at a rim may be as large as anything, and its middle lies by up to half of it elsewhere.
        own = np.where(cut, np.hypot(own, np.nan_to_num(size) / 200), own)
        prints = {
            photo: plane.flat(place.footprint())
            for photo in dict.fromkeys(rows["photo"])
            if isinstance(place := (georeferences or {}).get(photo), PhotoGeoreference)
        }
        same = merge_by_position(
            east, north, rows["photo"].tolist(), rows["label"].tolist(), size_cm=np.where(cut, np.nan, size),
            shared_error_m=np.nan_to_num(rows["error_m"].to_numpy(dtype=np.float64)), own_error_m=own, footprints=prints,
        )  # fmt: skip
        item_lon, item_lat = plane.lonlat(same.east_m, same.north_m)
        for k in range(len(same)):
            members = rows[same.item == k]
            whole = members[~members["at_rim"].to_numpy(dtype=bool)]
            shown = whole if len(whole) else members
            extent = shown["size_cm"].median() if len(whole) else shown["size_cm"].max()
            parts.append(
                {
                    "item_id": f"{survey_id}-{k + 1:04d}", "survey_id": survey_id, "label": members["label"].iloc[0],
                    "n_photos": int(same.n_photos[k]), "photos": ";".join(members["photo"]), "lon_deg": float(item_lon[k]),
                    "lat_deg": float(item_lat[k]), "error_m": float(same.error_m[k]) if np.isfinite(item_lon[k]) else np.nan,
                    "size_cm": float(extent), "size_is_bound": bool(shown["size_is_bound"].any()),
                    "confidence": float(members["confidence"].max()),
                }
            )  # fmt: skip
    table = pd.DataFrame(parts, columns=list(_COLUMNS)) if not parts else pd.DataFrame(parts)
    table.insert(9, "size_class", size_class(table["size_cm"].to_numpy(dtype=np.float64)))
    return table


_COLUMNS = (
    "item_id",
    "survey_id",
    "label",
    "n_photos",
    "photos",
    "lon_deg",
    "lat_deg",
    "error_m",
    "size_cm",
    "size_is_bound",
    "confidence",
)
