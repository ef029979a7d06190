"""Slicks of a mask in memory, for tests that begin with one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from imagine_kernels.measures.slicks import Outline
from imagine_kernels.media.regions import regions


def outlines_of(mask: np.ndarray, labels: Mapping[int, str], *, smallest_px: int = 50) -> list[Outline]:
    """The slicks of those labels, from the upper left to the lower right."""
    known = np.where(np.isin(mask, list(labels)), mask, 0).astype(np.uint8)
    found = regions([(0, known)], min_area_px=smallest_px)
    return [Outline(labels[each.class_index], each.outline, each.area_px) for each in found]
