"""Figures of records in the one visual language of apps, home page and reports.

Every function returns something that shows itself in a notebook or on a page: a `Drawing`, which is a Matplotlib figure with a text for those who
cannot see it, or a `Gallery` of pictures. A drawing becomes SVG whose colours are those of the style sheet, so that it follows light, dark and
print. Every axis names its unit; series differ in shape as well as in colour, and the colours are those of Okabe and Ito [1]_.

.. [1] Okabe, M. and Ito, K. (2008). Color universal design. https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

from imagine_kernels.figures.accuracy import candidates, confusion, scores
from imagine_kernels.figures.drawing import SERIES, Drawing
from imagine_kernels.figures.maps import outline_map
from imagine_kernels.figures.outlines import outlined
from imagine_kernels.figures.pictures import Gallery, gallery, mistakes
from imagine_kernels.figures.plankton import ALL_OBJECTS, ALL_SAMPLES, abundance, size_spectrum

__all__ = [
    "ALL_OBJECTS",
    "ALL_SAMPLES",
    "SERIES",
    "Drawing",
    "Gallery",
    "abundance",
    "candidates",
    "confusion",
    "gallery",
    "mistakes",
    "outline_map",
    "outlined",
    "scores",
    "size_spectrum",
]
