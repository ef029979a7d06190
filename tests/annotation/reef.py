"""The people and things in the tests of projects."""

from __future__ import annotations

from typing import Any

from imagine_kernels.annotation import Person
from imagine_kernels.records import Annotation, LabelGiven, Shape

ANNA, BEN = Person("anna"), Person("ben", ("lab",))


def marked(annotation_id: str, label: str = "Sponge", *, medium: int = 1, **more: Any) -> Annotation:
    """A small annotation."""
    values: dict[str, Any] = {"shape": Shape.of("rectangle", (10, 20, 30.5, 40)), "labels": (named(label),), **more}
    return Annotation(id=annotation_id, medium=f"dive/{medium:04d}.jpg", **values)


def named(label: str, **more: Any) -> LabelGiven:
    return LabelGiven(path=("Biota", *label.split("/")), **more)
