"""The classes of a detector as categories of the Joint List of Litter Categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Where the Joint List divides pieces into small and large ones, cm.
DIVIDED_AT_CM = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One category of the Joint List.

    Attributes
    ----------
    j_code : str
        Such as ``"J7"``.
    type_code : str
        Its place in the hierarchy: material, use, kind; such as ``"pl_fc_b&c_dbot_smll_"``.
    g_code : str
        Of the older list of TSG-ML, empty where there is none.
    name : str
    """

    j_code: str
    type_code: str
    g_code: str
    name: str

    @property
    def material(self) -> str:
        """The material that the type code begins with."""
        return MATERIALS.get(self.type_code[:2].lower(), "")


#: Materials by the first two letters of a type code.
MATERIALS = {
    "ch": "chemicals",
    "ct": "cloth/textile",
    "fw": "food waste",
    "gc": "glass/ceramics",
    "me": "metal",
    "pl": "artificial polymer materials",
    "pp": "paper/cardboard",
    "ru": "rubber",
    "wo": "processed/worked wood",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCode:
    """What a class of a detector stands for.

    Attributes
    ----------
    j_code : str
    over_50_cm : str
        The code of items larger than 50 cm, where the list divides there; else empty.
    """

    j_code: str
    over_50_cm: str = ""


def j_codes(
    labels: Sequence[str], sizes_cm: ArrayLike, codes: Mapping[str, ClassCode]
) -> tuple[NDArray[np.object_], tuple[str, ...]]:
    """The J-code of each item (n,), empty where its class has none, and notes.

    Parameters
    ----------
    labels : sequence of str, length n
    sizes_cm : (n,) array
        NaN counts as small.
    codes : mapping of str to ClassCode
        By class; capitals do not matter.
    """
    known = {name.casefold(): code for name, code in codes.items()}
    found = []
    for label, size in zip(labels, np.asarray(sizes_cm, dtype=np.float64).tolist(), strict=True):
        code = known.get(str(label).casefold())
        found.append("" if code is None else code.over_50_cm if code.over_50_cm and size > DIVIDED_AT_CM else code.j_code)
    missing = sorted({str(label) for label, code in zip(labels, found, strict=True) if not code})
    notes = () if not missing else (f"No J-code is known for {', '.join(missing)}: give a table of class codes that names them.",)
    return np.array(found, dtype=object), notes
