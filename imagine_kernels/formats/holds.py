"""What an exchange format holds of a set of annotations, and the report of what it does not.

Each format declares it once, as a `Holds`. `imagine_kernels.formats.fitting` cuts a set down to it and notes every kind of loss, the writers
write what is left, and the table in the documentation is made from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from imagine_kernels.records import LabelGiven, MediumKind, Problem, ShapeKind, Status

#: The fields of a `Medium` besides its name and kind.
MEDIUM_FIELDS = (
    "width",
    "height",
    "duration_s",
    "frame_rate_hz",
    "sample_rate_hz",
    "pixel_size_m",
    "sha256",
    "taken_at",
    "latitude",
    "longitude",
    "altitude_m",
    "reviewed",
    "attributes",
)
#: The fields of a `Label` besides its name and what is above it.
LABEL_FIELDS = ("aphia_id", "rank", "color", "key", "synonyms", "source_id")


@dataclass(frozen=True, kw_only=True)
class Holds:
    """What a format holds.

    Attributes
    ----------
    media : tuple of MediumKind
    shapes : tuple of ShapeKind
    rings : {"", "parts", "holes"}
        Polygons of several rings: none, parts beside each other only, or holes as well.
    gaps : bool
        Spans of a video in which a thing is out of sight.
    spans : bool
        A ``whole`` with begin and end.
    whole_files : bool
        A ``whole`` of a video or recording without begin and end.
    medium, label : frozenset of str
        Among `MEDIUM_FIELDS` and `LABEL_FIELDS`.
    parents : bool
        What is above a label.
    labels_each : {"one", "several"}
        How many labels an annotation may have.
    by_confidence : bool
        Several labels are in the order of their confidence.
    unlabelled : bool
        Annotations without a label.
    given : frozenset of str
        Among ``annotator``, ``given_at`` and ``confidence``.
    confidence_needed : bool
        Labels without a confidence are written with 1.
    statuses : tuple of Status
        Empty where the format knows none: then the status follows from the confidence, see `implied_status`.
    ids : {"", "text", "integer"}
        What identifiers of annotations may be.
    tracks : bool
        Annotations of the same individual.
    attributes : {"", "text", "cells", "typed"}
        Further values of annotations: none, as text (what looks like a number is one), as cells of a table (the same, and an empty text
        is none), or of any kind.
    not_in_names : str
        A regular expression of what the names of such values cannot have.
    medium_attributes : str
        A regular expression of the names of the further values of media that are held; empty: any.
    attribute_names : frozenset of str
        The only ones there may be; empty: any.
    unmarked_media : bool
        Media without annotations.
    unused_labels : bool
        Labels that were not given.
    source_attributes : str
        A regular expression of the names of values that the source may say of itself; empty: none.
    instants : {"", "seconds", "microseconds"}
        How exact times of day are; empty: as the text stands.
    separator : str
        What stands between the names of a path, so that it cannot be in them.
    forbidden : str
        A regular expression of further characters that texts cannot have.
    on_frames : bool
        Times of a video are numbers of frames.
    whole_pixels, inside : bool
        Coordinates are rounded to pixels, and cut at the border of the picture.
    sized : bool
        Coordinates are parts of width and height, which must be known.
    """

    media: tuple[MediumKind, ...] = ("picture",)
    shapes: tuple[ShapeKind, ...]
    rings: Literal["", "parts", "holes"] = ""
    gaps: bool = False
    spans: bool = False
    whole_files: bool = False
    medium: frozenset[str] = frozenset()
    label: frozenset[str] = frozenset()
    parents: bool = False
    labels_each: Literal["one", "several"] = "one"
    by_confidence: bool = False
    unlabelled: bool = False
    given: frozenset[str] = frozenset()
    confidence_needed: bool = False
    statuses: tuple[Status, ...] = ()
    ids: Literal["", "text", "integer"] = ""
    tracks: bool = False
    attributes: Literal["", "text", "cells", "typed"] = ""
    not_in_names: str = ""
    medium_attributes: str = ""
    attribute_names: frozenset[str] = frozenset()
    unmarked_media: bool = True
    unused_labels: bool = True
    source_attributes: str = ""
    instants: Literal["", "seconds", "microseconds"] = ""
    separator: str = ""
    forbidden: str = ""
    on_frames: bool = False
    whole_pixels: bool = False
    inside: bool = False
    sized: bool = False

    def row(self) -> dict[str, str]:
        """The same for the table in the documentation."""
        yes = {True: "yes", False: "–"}
        kinds = {"picture": "pictures", "video": "videos", "sound": "recordings"}
        return {
            "media": ", ".join(kinds[kind] for kind in self.media),
            "shapes": ", ".join(self.shapes).replace("_", " "),
            "rings": self.rings or "–",
            "tracks": yes[self.tracks or "video" in self.media],
            "labels": self.labels_each,
            "parents": yes[self.parents],
            "confidence": yes["confidence" in self.given],
            "annotator": yes["annotator" in self.given],
            "time": yes["given_at" in self.given],
            "status": ", ".join(self.statuses) or "–",
            "attributes": self.attributes or "–",
            "empty files": yes[self.unmarked_media],
            "of files": ", ".join(name for name in MEDIUM_FIELDS if name in self.medium) or "–",
            "of labels": ", ".join(name for name in LABEL_FIELDS if name in self.label) or "–",
        }


def implied_status(labels: Sequence[LabelGiven]) -> Status:
    """The status where a format knows none: what has a confidence below 1 was predicted, all else was validated."""
    confidence = labels[0].confidence if labels else None
    return "predicted" if confidence is not None and confidence < 1 else "validated"


#: How many problems of one source are listed one by one.
MAX_NOTED = 1000


def note(problems: list[Problem], item: str, what: str, remedy: str, *, line: int | None = None, warn: bool = False) -> None:
    """Note what is wrong with one row; of very many only the first are listed."""
    if len(problems) < MAX_NOTED:
        problems.append(
            Problem(item=item, line=line, what=what, remedy=remedy, severity="warning" if warn else "error"),
        )
    elif len(problems) == MAX_NOTED:
        what = f"more than {MAX_NOTED} problems; the further ones are not listed"
        problems.append(Problem(item=item, what=what, remedy="correct these first"))


@dataclass
class Losses:
    """Counts what is lost, by its kind.

    Attributes
    ----------
    counts : dict
        Number by (item, what, noun, remedy).
    """

    counts: dict[tuple[str, str, str, str], int] = field(default_factory=dict)

    def note(self, item: str, what: str, noun: str = "annotation", *, remedy: str = "", n: int = 1) -> None:
        """Count `n` more things of which `what` is true."""
        if n:
            key = (item, what, noun, remedy)
            self.counts[key] = self.counts.get(key, 0) + n

    def problems(self) -> list[Problem]:
        """One entry for each kind of loss."""
        return [
            Problem(item=item, what=f"{what} ({n} {noun}{'' if n == 1 else 's'})", remedy=remedy, severity="warning")
            for (item, what, noun, remedy), n in self.counts.items()
        ]


_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def value_of(text: str) -> str | float | bool:
    """The value that a text stands for, in formats that know texts only."""
    if text in ("true", "True"):
        return True
    if text in ("false", "False"):
        return False
    if len(text) < 40 and _NUMBER.fullmatch(text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    return text


def text_of(value: str | float | bool) -> str:
    """A value as text; see `value_of`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else number_text(value)


def number_text(number: float) -> str:
    """A number as short as it can be read back without a loss."""
    text = repr(number)
    return text[:-2] if text.endswith(".0") else text
