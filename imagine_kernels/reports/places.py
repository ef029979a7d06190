"""Where the things of a result lie on the earth."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from imagine_kernels.result import Result

#: Column of `Sample.objects` with the outline of a thing in longitude and latitude, as well-known text.
POLYGON = "object_polygon"
_CORNERS = ("west_deg", "south_deg", "east_deg", "north_deg")


def located(result: Result) -> tuple[pd.DataFrame, dict[str, tuple[float, float, float, float]]] | None:
    """Outlines on the earth with the labels in force, without what was discarded or is background, and what each picture covers.

    Returns
    -------
    table : DataFrame
        ``picture``, ``label`` and ``polygon`` (shapely, longitude and latitude, or None).
    frames : dict of str to (west, south, east, north)
        Degrees, of the pictures that say it; by what they are called, the name of their sample where it is theirs alone, else their file.

    None where neither is known.
    """
    import numpy as np
    import pandas as pd
    import shapely

    objects, media, predictions = result.sample.in_order_of(result.predictions), result.sample.media, result.predictions
    background = getattr(result.declaration.task, "background", None)
    kept = (predictions.status != "discarded") & (predictions.label != background)
    called: dict[str, str] = {}
    frames: dict[str, tuple[float, float, float, float]] = {}
    if media is not None and set(_CORNERS) <= set(media.columns):
        if "sample_id" in media and media["sample_id"].is_unique:
            called = dict(zip(media["file"].astype(str), media["sample_id"].astype(str), strict=True))
        for file, *corners in media[["file", *_CORNERS]].itertuples(index=False):
            if np.isfinite(corners).all():
                frames[called.get(str(file), str(file))] = (corners[0], corners[1], corners[2], corners[3])
    texts = objects[POLYGON].fillna("").tolist() if POLYGON in objects else [""] * len(objects)
    # One more, so that NumPy does not take a list of one kind of thing for more than a list.
    polygons = np.array([*(shapely.from_wkt(text) if text else None for text in texts), None], dtype=object)[:-1]
    pictures = [called.get(str(file), str(file)) for file in objects["file"]]
    table = pd.DataFrame({"picture": pictures, "label": predictions.label, "polygon": polygons})[kept]
    return (table, frames) if frames or table["polygon"].notna().any() else None
