"""The features that ZooProcess writes for every object of a scan, under EcoTaxa's names, for many objects at a time.

Those of `imagine_kernels.measures.morphometry.FEATURES` are as there. The others are

=========================  ===============================================================================================================
feature                    definition
=========================  ===============================================================================================================
x, y                       centroid of the filled object in its bounding box, the middle of the first pixel is 0.5 (ImageJ "Centroid")
xm, ym                     the same weighted with the grey values, white weighing most (ImageJ "Center of Mass")
bx, by                     top left corner of the bounding box in the scan, px (ImageJ "Bounding Rectangle")
xstart, ystart             the first pixel of the object in the scan, row by row, px (ImageJ)
skelarea                   pixels that are left when the object is thinned to lines (ImageJ "Skeletonize")
slope                      standard deviation of the 255 counts of the histogram over that of the grey values 0 … 254
nb1, nb2, nb3              parts up to the grey value at 25, 50, 75 % of the dark pixels, see `morphometry_tracing.parts`
symetrieh, symetriev       symmetry about the minor and the major axis, see `morphometry_symmetry.symmetry`
symetriehc, symetrievc     the same of the largest part up to the grey value at 75 % of the dark pixels
convperim                  pixels of the filled convex hull that have a neighbour outside of it
fcons                      contrast, see `morphometry_structure.contrast`
thickr                     greatest over mean thickness across the major axis, see `morphometry_symmetry.symmetry`
centroids                  distance from (x, y) to (xm, ym)
cdexc                      centroids / √area_exc
=========================  ===============================================================================================================

Sources: ImageJ 1.x (public domain); ``Zooprocess_generic_PID_Vignettes`` 7.40 and ``Zooprocess_pid_to_ecotaxa_zooscan`` 7.26 (repository
picheral/Zooprocess); Gorsky et al. 2010, doi 10.1093/plankt/fbp124.

Where ZooProcess's figures differ, and by how much on its own vignettes (`tests/measures/test_morphometry_zooprocess.py`):

- It cuts off the decimals of x, y, xm, ym before it forms ``centroids``, so that these differ by up to √2 px; in its tables
  ``symetriehc`` and ``symetrievc`` are rounded to whole numbers.
- Its ``nb3`` is 0 for nine of ten objects, since a later step empties the picture that is counted; here it is counted as nb1 and nb2 are.
- ``skelarea`` is what scikit-image leaves, whose table of neighbours is an early one of ImageJ's: half of the figures are the same, the others
  some pixels off. Objects of more than some 1400 × 1400 px are not thinned, and have none.
- ``fcons`` rests on the counts of single grey values, which JPEG changes: on vignettes it keeps only the order of the objects, and roughly.
- ``xmg5``, ``ymg5``, ``compentropy``, ``compmean``, ``compslope`` and ``compm1`` … ``compm3`` are 0 in its tables and have no open definition:
  they are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.morphometry import FEATURES, THRESHOLD
from imagine_kernels.measures.morphometry_stacks import batches

#: The features, EcoTaxa's names with ``object_`` stripped, in the order of the columns of `zooprocess_table`.
ZOOPROCESS_FEATURES: tuple[str, ...] = (
    *FEATURES, "x", "y", "xm", "ym", "bx", "by", "xstart", "ystart", "skelarea", "slope", "nb1", "nb2", "nb3", "symetrieh", "symetriev",
    "symetriehc", "symetrievc", "convperim", "fcons", "thickr", "centroids", "cdexc",
)  # fmt: skip

#: mm per px at 2400 dpi.
PIXEL_SIZE_MM = 25.4 / 2400

#: Lines across an object, along which its thickness is measured, are this far apart, mm.
STEP_MM = 0.1
#: Pixels of the pictures that are measured in one go: what is worked on stays near the processor.
_BATCH_PX = 600_000


def zooprocess_features(
    picture: NDArray[np.uint8],
    *,
    threshold: int = THRESHOLD,
    pixel_size_mm: float = PIXEL_SIZE_MM,
    origin: tuple[int, int] = (0, 0),
) -> dict[str, float]:
    """All features of the object in one vignette; see `zooprocess_table`."""
    table = zooprocess_table([picture], threshold=threshold, pixel_size_mm=pixel_size_mm, origins=[origin], workers=1)
    return dict(zip(ZOOPROCESS_FEATURES, table[0].tolist(), strict=True))


def zooprocess_table(
    pictures: Iterable[NDArray[np.uint8]],
    *,
    threshold: int = THRESHOLD,
    pixel_size_mm: float = PIXEL_SIZE_MM,
    origins: Sequence[tuple[int, int]] | None = None,
    workers: int | None = None,
) -> NDArray[np.float64]:
    """The features of n pictures of one object each.

    Parameters
    ----------
    pictures : iterable of n (H, W) uint8 arrays
        Dark object, everything else lighter than `threshold`. The object is what `morphometry` takes for it.
    threshold : int
        The lightest grey value that belongs to the object.
    pixel_size_mm : float
        It says how far apart the lines are along which ``thickr`` is measured.
    origins : sequence of n (x, y), optional
        Where the top left corner of each picture lies in its scan, px; 0, 0 without it.
    workers : int, optional
        Threads; one per processor without it.

    Returns
    -------
    (n, m) float64 ndarray
        Columns as in `ZOOPROCESS_FEATURES`; lengths in px. Where a picture holds no object, area and area_exc are 0 and the others NaN.
    """
    # What is compiled takes a second to load.
    from imagine_kernels.measures.morphometry_objects import measured

    given = [np.asarray(picture, dtype=np.uint8) for picture in pictures]
    places = np.zeros((len(given), 2)) if origins is None else np.asarray(origins, dtype=np.float64).reshape(len(given), 2)
    step = max(1, int(STEP_MM / pixel_size_mm))
    rows = np.full((len(given), len(ZOOPROCESS_FEATURES)), np.nan)
    rows[:, [ZOOPROCESS_FEATURES.index("area"), ZOOPROCESS_FEATURES.index("area_exc")]] = 0
    # The largest first, so that no thread waits long for another.
    sizes = np.array([picture.size for picture in given], dtype=np.int64)
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    runs = [order[run] for run in batches(sizes[order].tolist(), _BATCH_PX)]

    def measure(run: NDArray[np.int64]) -> None:
        which, values = measured([given[at] for at in run.tolist()], places[run], threshold=threshold, step=step)
        if len(which):
            rows[run[which]] = np.stack([values[name] for name in ZOOPROCESS_FEATURES], axis=1)

    count = min(workers or len(os.sched_getaffinity(0)), len(runs))
    if count < 2:
        for run in runs:
            measure(run)
    else:
        with ThreadPoolExecutor(count, thread_name_prefix="measure") as pool:
            for _ in pool.map(measure, runs):
                pass
    return rows
