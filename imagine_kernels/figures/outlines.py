"""Pictures with the outlines of what is marked on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.figures.drawing import SERIES
from imagine_kernels.records import OUTLINE
from imagine_kernels.records.outlines import outline_of

if TYPE_CHECKING:
    import pandas as pd


def outlined(
    picture: NDArray[np.uint8], objects: pd.DataFrame, *, factor: float = 1.0, labels: Sequence[str] | None = None
) -> NDArray[np.uint8]:
    """A picture with the outlines of things drawn on it, to be shown with `gallery`.

    Parameters
    ----------
    picture : (H, W) or (H, W, 3) ndarray of uint8
    objects : DataFrame, n rows
        The things on it: ``label`` and `imagine_kernels.records.OUTLINE`.
    factor : float
        Px of the picture given, per px of the picture that the outlines are of.
    labels : sequence of str, optional
        The labels in the order of their colours; those of `objects`, sorted, without it. Give it where several pictures are compared.

    Returns
    -------
    (H, W, 3) ndarray of uint8
    """
    import cv2
    import shapely

    done = np.ascontiguousarray(np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture.copy())
    order = list(labels) if labels is not None else sorted(set(objects["label"].tolist()))
    for label, text in zip(objects["label"], objects[OUTLINE], strict=True):
        colour = _rgb(order.index(label) if label in order else len(order))
        for part in shapely.get_parts(outline_of(str(text))):
            # OpenCV has the centre of the first px at (0, 0).
            rings = [np.rint(shapely.get_coordinates(ring) * factor - 0.5).astype(np.int32) for ring in _rings(part)]
            cv2.polylines(done, rings, True, colour, 1, cv2.LINE_AA)
    return np.asarray(done, dtype=np.uint8)


def _rings(part: Any) -> list[Any]:
    return [part.exterior, *part.interiors]


def _rgb(number: int) -> tuple[int, int, int]:
    """The colour of a label; orange first, since blue is hard to see on grey."""
    text = (*SERIES[1:], SERIES[0])[number % len(SERIES)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
