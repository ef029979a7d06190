"""How far a count is that goes on until enough is counted: for people to see while they count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPart:
    """What part of a count is of one kind.

    Attributes
    ----------
    name : str
        E.g. ``"unidentified"``.
    n, of : int
        So many of so many.
    low, high : float or None
        Ends of the 95 % interval of the share, where it is an estimate.
    remark : str
        A few words behind it, such as ``"not counted"``.
    """

    name: str
    n: int
    of: int
    low: float | None = None
    high: float | None = None
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class CountedCurve:
    """How something grows with the count.

    Attributes
    ----------
    x_name, y_name : str
        For people, e.g. ``"valves counted"`` and ``"taxa"``.
    x : (m,) ndarray of int
    met : (m,) ndarray of int
        In the order in which it was counted.
    expected, low, high : (m,) float64 ndarrays
        The mean over all orders, with its 95 % interval.
    """

    x_name: str
    y_name: str
    x: NDArray[np.int64]
    met: NDArray[np.int64]
    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CountState:
    """How far the count of one sample is.

    Attributes
    ----------
    sample_id : str
    counted, wanted : int
    noun : str
        What is counted, in the plural.
    sentence : str
        Whether it is enough, or how many more.
    remark : str
        What more counting would bring; empty where nothing can be said.
    parts : tuple of CountedPart
    curve : CountedCurve or None
        None where nothing is counted.
    """

    sample_id: str
    counted: int
    wanted: int
    noun: str
    sentence: str
    remark: str = ""
    parts: tuple[CountedPart, ...] = ()
    curve: CountedCurve | None = None
