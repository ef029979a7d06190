"""Annotations: what somebody, person or model, has marked in media, with which label, and when.

One small value each, so that readers and writers of exchange formats pass on a million of them with the memory of a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from imagine_kernels.records.objects import Problem, Status
from imagine_kernels.records.shapes import Shape

MediumKind = Literal["picture", "video", "sound"]
Value = str | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A picture, a video or a recording.

    Attributes
    ----------
    name : str
        Unique in its set: the path inside the source, with forward slashes.
    kind : {"picture", "video", "sound"}
    width, height : int or None
        In px; None for a recording and where it is not known.
    duration_s, frame_rate_hz, sample_rate_hz : float or None
        Of a video or a recording, in s and Hz.
    pixel_size_m : float or None
        Side of a pixel in the plane of what is seen, in m.
    sha256 : str
        Of the file, as 64 hexadecimal digits; empty where it is not known.
    taken_at : str
        ISO 8601 with a time zone; empty where it is not known.
    latitude, longitude : float or None
        In degrees, WGS 84.
    altitude_m : float or None
        Of the camera or hydrophone above sea level, in m: negative below.
    reviewed : bool
        Somebody has looked at all of it: without annotations this means that nothing is there.
    attributes : mapping
        Whatever else the source says of it.
    """

    name: str
    kind: MediumKind = "picture"
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    frame_rate_hz: float | None = None
    sample_rate_hz: float | None = None
    pixel_size_m: float | None = None
    sha256: str = ""
    taken_at: str = ""
    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float | None = None
    reviewed: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a thing may be called.

    Attributes
    ----------
    name : str
        As shown to people; with `parent` unique in its set.
    parent : tuple of str
        The names above it, from the root: ``("Biota", "Echinoderms")``.
    aphia_id : int or None
        Identifier in WoRMS, the World Register of Marine Species.
    rank : str
        Taxonomic rank as WoRMS writes it, e.g. ``"Species"``.
    color : str
        ``"#rrggbb"``, or empty.
    key : str
        The key that gives it, or empty.
    synonyms : tuple of str
    source_id : str
        Its identifier in the source, where it has one.
    """

    name: str
    parent: tuple[str, ...] = ()
    aphia_id: int | None = None
    rank: str = ""
    color: str = ""
    key: str = ""
    synonyms: tuple[str, ...] = ()
    source_id: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """The names from the root to this one."""
        return (*self.parent, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelGiven:
    """A label in the hands of whoever gave it.

    Attributes
    ----------
    path : tuple of str
        The names from the root to the label: the `Label.path` of one of the set's labels.
    annotator : str
        A person's name, or ``model:NAME@VERSION``; empty where it is not known.
    given_at : str
        ISO 8601; empty where it is not known.
    confidence : float or None
        Between 0 and 1; None where it is not known.
    """

    path: tuple[str, ...]
    annotator: str = ""
    given_at: str = ""
    confidence: float | None = None

    @property
    def name(self) -> str:
        """The label without what is above it."""
        return self.path[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One thing that was marked.

    Attributes
    ----------
    medium : str
        Name of the `Medium`.
    shape : Shape
    labels : tuple of LabelGiven
        The one in force first; several where people or a model disagree. May be empty: marked, not yet named.
    status : Status
    id : str
        Unique in the set; empty where the source has none.
    track : str
        What shares it is the same individual; empty: none.
    attributes : mapping
        Whatever else the source says of it.
    """

    medium: str
    shape: Shape
    labels: tuple[LabelGiven, ...] = ()
    status: Status = "validated"
    id: str = ""
    track: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name of the label in force, or empty."""
        return self.labels[0].name if self.labels else ""


@dataclass(frozen=True, kw_only=True)
class AnnotationSet:
    """Media with what is marked in them, of one source.

    Attributes
    ----------
    name : str
        A short name for people.
    layout : str
        The format as it was recognised, e.g. ``"COCO"``.
    media : tuple of Medium
        All of them, also those without annotations.
    labels : tuple of Label
        All that may be given, also those that were not.
    stream : callable
        Gives the annotations anew at each call, in the order of the source; what cannot be used is noted in the list that it is
        given, and left out.
    problems : tuple of Problem
        What was wrong with the source as a whole.
    attributes : mapping
        Whatever else the source says of itself: licence, contributors, project.
    """

    name: str
    layout: str
    media: tuple[Medium, ...]
    labels: tuple[Label, ...]
    stream: Callable[[list[Problem]], Iterator[Annotation]]
    problems: tuple[Problem, ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        annotations: Iterable[Annotation],
        *,
        media: Iterable[Medium],
        labels: Iterable[Label],
        name: str = "",
        layout: str = "",
    ) -> AnnotationSet:
        """A set of annotations that are in memory."""
        held = tuple(annotations)
        return cls(name=name, layout=layout, media=tuple(media), labels=tuple(labels), stream=lambda _: iter(held))

    def annotations(self) -> tuple[Annotation, ...]:
        """All at once; of a large set rather use `stream`."""
        return tuple(self.stream([]))
