"""The values that travel between the layers, all frozen; a change gives a new value.

``objects``: samples of objects that are identified and what a model says of them, columnar, so that a million are an ordinary day.
``georeference``: where the pixels of a picture lie on the earth.
``cuts``: lines that divide objects that are several.
``counting``: how far a count is that goes on until enough is counted.
``shapes`` and ``annotations``: what people and models mark in pictures, videos and recordings, one value each, so that files of any size
stream through.
"""

from imagine_kernels.records.annotations import (
    Annotation,
    AnnotationSet,
    Label,
    LabelGiven,
    Medium,
    MediumKind,
)
from imagine_kernels.records.counting import CountedCurve, CountedPart, CountState
from imagine_kernels.records.georeference import Georeference
from imagine_kernels.records.objects import (
    OUTLINE,
    PROPOSED_REMOVAL,
    STATUSES,
    TOTALS,
    Confusion,
    Found,
    Measurements,
    Predictions,
    Problem,
    Progress,
    Sample,
    Status,
)
from imagine_kernels.records.shapes import SHAPE_KINDS, Shape, ShapeKind

__all__ = [
    "OUTLINE",
    "PROPOSED_REMOVAL",
    "SHAPE_KINDS",
    "STATUSES",
    "TOTALS",
    "Annotation",
    "AnnotationSet",
    "Confusion",
    "CountState",
    "CountedCurve",
    "CountedPart",
    "Found",
    "Georeference",
    "Label",
    "LabelGiven",
    "Measurements",
    "Medium",
    "MediumKind",
    "Predictions",
    "Problem",
    "Progress",
    "Sample",
    "Shape",
    "ShapeKind",
    "Status",
]
