"""The values that travel between the layers, all frozen; a change gives a new value.

``objects``: samples of objects that are identified and what a model says of them, columnar, so that a million are an ordinary day.
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
from imagine_kernels.records.objects import (
    STATUSES,
    TOTALS,
    Confusion,
    Measurements,
    Predictions,
    Problem,
    Progress,
    Sample,
    Status,
)
from imagine_kernels.records.shapes import SHAPE_KINDS, Shape, ShapeKind

__all__ = [
    "SHAPE_KINDS",
    "STATUSES",
    "TOTALS",
    "Annotation",
    "AnnotationSet",
    "Confusion",
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
