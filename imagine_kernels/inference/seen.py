"""What the backbone of a model sees in each picture, gathered while it identifies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Seen:
    """Features of n pictures, added up as requests end, in any order.

    Parameters
    ----------
    n : int
        Objects of the sample.
    length : int, optional
        Keep so many numbers of each picture: a projection along random directions, the same in every run, which keeps distances as they
        are to about 1 / √length (Johnson and Lindenstrauss 1984; with signs only as in Achlioptas 2003, J. Comput. Syst. Sci. 66, 671-687,
        doi 10.1016/S0022-0000(03)00025-4). Without it all are kept.
    """

    def __init__(self, n: int, *, length: int | None = None) -> None:
        self._n, self._length = n, length
        self._sums: NDArray[np.float32] | None = None
        self._directions: NDArray[np.float32] | None = None

    def add(self, rows: NDArray[Any], values: NDArray[np.float32]) -> None:
        """Add values (m, d) to those of m rows; a row may come several times."""
        if self._sums is None:
            d = values.shape[1]
            if self._length is not None and self._length < d:
                signs = np.random.default_rng(0).integers(0, 2, (d, self._length)) * 2 - 1
                self._directions = (signs / np.sqrt(self._length)).astype(np.float32)
            kept = d if self._directions is None else self._directions.shape[1]
            self._sums = np.zeros((self._n, kept), dtype=np.float32)
        np.add.at(self._sums, rows, values if self._directions is None else values @ self._directions)

    def of(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The features of some rows, (m, d); none at all where nothing was seen."""
        return np.empty((0, 0), dtype=np.float32) if self._sums is None else self._sums[rows]
