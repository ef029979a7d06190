"""Where the pixels of a picture lie on the earth: what knows it, whatever the picture was taken with.

Positions in the picture are those of `imagine_kernels.records.shapes`: the origin at the top left corner, the centre of the first pixel at
(0.5, 0.5). Positions on the earth are longitude and latitude in degrees, WGS 84 (EPSG:4326, longitude first).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Degrees = NDArray[np.float64]
Pixels = NDArray[np.float64]
Metres = NDArray[np.float64]


class Georeference(Protocol):
    """What turns positions in one picture into positions on the earth and back, with the error of it.

    An orthomosaic, a radar scene with ground control points and a camera on a tower or drone each have their own.
    """

    def lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[Degrees, Degrees]:
        """Longitude and latitude of positions (n,) in px; NaN for what does not lie on the earth, such as the sky."""
        ...

    def pixels(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Pixels, Pixels]:
        """Positions in px of longitudes and latitudes (n,); they may lie outside of the picture, and are NaN behind the camera."""
        ...

    def error_m(self, x: ArrayLike, y: ArrayLike) -> Metres:
        """Standard error of the position on the earth along any one direction (n,), m; NaN where it is not known."""
        ...
