"""Length, width and biovolume of diatoms, from the oriented boxes around their valves.

Length and width are the sides of the box times the side of a pixel. In girdle view the short side is the height of the frustule, not its width.

The volume is that of the body that stands for the genus (Hillebrand et al. 1999, J. Phycol. 35, 403-424, doi 10.1046/j.1529-8817.1999.3520403.x), of
length l, width w and height h (along the pervalvar axis):

=====================  ==============  ==================================================
body                   volume          genera here
=====================  ==============  ==================================================
elliptic prism         π/4 · l w h     most pennate genera, and all that are not listed
half-elliptic prism    π/4 · l w h     Amphora, Cymbella, Encyonema, Eunotia and the like
box                    l w h           Diatoma, Fragilaria, Synedra, Tabellaria, Ulnaria
rhombic prism          1/2 · l w h     Nitzschia, Pleurosigma, Gyrosigma
cylinder               π/4 · w² h      centric genera: w is the diameter
=====================  ==============  ==================================================

Hillebrand et al. give Cymbella and Gomphonema bodies of their own, which need heights at both ends that no picture of a valve shows; here they are
prisms over the same valve face (half an ellipse of the length l and the height w has the area π/4 · l w, too). Which genus gets which body follows
the shape of its valve.

The box around a bent valve is wider than the valve. So where the area A of the valve face is known, the volume takes the width that gives the face of
the body this area (4 A / (π l) for an elliptic prism); the table of sizes keeps the side of the box.

No picture shows all three dimensions. In valve view the height is taken as ``height_ratio`` times the width; in girdle view it is seen, and the
width is the height over that ratio. Centric genera in girdle view show both: the short side may be either, so they get no volume. The volume is that
of the whole cell: two valves make one. The ratio is ours; measure it on girdle views of your own where biovolume matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.diatom_taxa import GIRDLE_VIEW

if TYPE_CHECKING:
    import pandas as pd

#: Body → factor of l w h (of w² h for a cylinder).
BODIES = {
    "elliptic prism": np.pi / 4,
    "half-elliptic prism": np.pi / 4,
    "box": 1.0,
    "rhombic prism": 0.5,
    "cylinder": np.pi / 4,
}
#: Genus → body; all others are elliptic prisms.
BODY_OF = {
    **dict.fromkeys(("Amphora", "Cymbella", "Encyonema", "Epithemia", "Eunotia", "Halamphora", "Reimeria", "Rhopalodia"), "half-elliptic prism"),
    **dict.fromkeys(("Diatoma", "Fragilaria", "Synedra", "Tabellaria", "Ulnaria"), "box"),
    **dict.fromkeys(("Gyrosigma", "Nitzschia", "Pleurosigma"), "rhombic prism"),
    **dict.fromkeys(("Aulacoseira", "Cyclotella", "Discostella", "Lindavia", "Melosira", "Stephanodiscus", "Thalassiosira"), "cylinder"),
}  # fmt: skip


def body_of(genus: str) -> str:
    """The body that stands for a genus."""
    return BODY_OF.get(genus, "elliptic prism")


def biovolume_um3(
    genus: NDArray[Any],
    mark: NDArray[Any],
    length_um: NDArray[Any],
    short_um: NDArray[Any],
    *,
    height_ratio: float,
    area_um2: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """Volume of each of n cells in µm³.

    Parameters
    ----------
    genus : (n,) ndarray of str
        Where it is empty the volume is NaN.
    mark : (n,) ndarray of str
        ``"girdle view"`` where the short side is the height.
    length_um, short_um : (n,) ndarrays
        Sides of the oriented box, µm.
    height_ratio : float
        Height over width.
    area_um2 : (n,) ndarray, optional
        Of the valve face, µm²; NaN where it is not known.
    """
    long, short = np.asarray(length_um, dtype=np.float64), np.asarray(short_um, dtype=np.float64)
    girdle = mark == GIRDLE_VIEW
    width, height = np.where(girdle, short / height_ratio, short), np.where(girdle, short, short * height_ratio)
    bodies = np.array([body_of(name) if name else "" for name in genus.tolist()], dtype=object)
    factor = np.array([BODIES.get(body, np.nan) for body in bodies.tolist()], dtype=np.float64)
    round_body = bodies == "cylinder"
    if area_um2 is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            of_face = np.asarray(area_um2, dtype=np.float64) / (factor * long)
        bent = ~girdle & ~round_body & (of_face < width)
        width, height = np.where(bent, of_face, width), np.where(bent, of_face * height_ratio, height)
    # A disk seen from above is as long as it is wide.
    volume = factor * np.where(round_body, (long + short) / 2, long) * np.where(round_body, (long + short) / 2, width) * height
    return np.asarray(np.where(round_body & girdle, np.nan, volume))


def size_table(
    sample_id: NDArray[Any], taxon: NDArray[Any], length_um: NDArray[Any], width_um: NDArray[Any], volume_um3: NDArray[Any]
) -> pd.DataFrame:
    """Sizes per sample and taxon.

    Parameters
    ----------
    sample_id, taxon : (n,) ndarrays of str
    length_um, width_um, volume_um3 : (n,) float64 ndarrays
        NaN where not known, as the width in girdle view.

    Returns
    -------
    DataFrame
        ``sample_id``, ``taxon``, ``n_measured``; mean, standard deviation, smallest and largest of ``length`` and ``width`` in µm; mean and standard
        deviation of the ``biovolume`` in µm³.
    """
    import pandas as pd

    table = pd.DataFrame(
        {"sample_id": sample_id, "taxon": taxon, "length": length_um, "width": width_um, "biovolume": volume_um3}
    )
    table = table[table["length"].notna()]
    groups = table.groupby(["sample_id", "taxon"], sort=True)
    columns: dict[str, Any] = {"n_measured": groups.size()}
    for name, unit, figures in (("length", "um", 4), ("width", "um", 4), ("biovolume", "um3", 2)):
        for how in ("mean", "std", "min", "max")[:figures]:
            columns[f"{name}_{'sd' if how == 'std' else how}_{unit}"] = getattr(groups[name], how)()
    return pd.DataFrame(columns).reset_index()
