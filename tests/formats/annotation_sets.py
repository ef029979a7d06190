"""Random sets of annotations, and what of one is different in another."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from imagine_kernels.formats.holds import LABEL_FIELDS, MEDIUM_FIELDS, Holds
from imagine_kernels.formats.substitutes import mask_numbers, opened
from imagine_kernels.formats.times import instant
from imagine_kernels.records import (
    STATUSES,
    Annotation,
    AnnotationSet,
    Label,
    LabelGiven,
    Medium,
    MediumKind,
    Shape,
    ShapeKind,
)

TEXTS = st.sampled_from(
    (
        *("fish", "a b", 'q"uo', "käse", "=1+1", "a,b;c", "x<y>&'z", "tab\tin", "two\nlines", "A > B", "(kp) a", "3", "true"),
        *("海", "a\0b", " s ", "fish?", "[1]", "-", "#1", "a|b", "../up", "nan", "'", "a>b"),
    )
)
NAMES = st.sampled_from(
    ["a.jpg", "dir/b.png", "../../c.jpg", "d é.tif", "e,f.jpg", "G.JPG", "g.jpg", "h.jpg", "no suffix", "x\ny.png"]
)
PLACES = st.one_of(st.integers(0, 800).map(lambda n: n / 8), st.floats(0, 100, allow_subnormal=False).map(lambda n: round(n, 6)))
SIZES = st.integers(4, 160).map(lambda n: n / 8)
TIMES = st.one_of(st.integers(0, 200).map(lambda n: n / 25), st.floats(0, 60).map(lambda n: round(n, 5)))
ISO = st.sampled_from(["2024-02-29T12:30:05+00:00", "2024-02-29T12:30:05.125000+02:00", "2001-01-01T00:00:00Z", "yesterday"])
VALUES = st.one_of(TEXTS, st.booleans(), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6, allow_subnormal=False), st.just(""))


@st.composite
def _rectangle(draw: st.DrawFn) -> tuple[float, ...]:
    x, y, width, height = draw(PLACES), draw(PLACES), draw(SIZES), draw(SIZES)
    return (min(x, 79), min(y, 79), min(x, 79) + width, min(y, 79) + height)


@st.composite
def _polygon(draw: st.DrawFn) -> tuple[float, ...]:
    x, y, width, height = (*draw(_rectangle())[:2], draw(SIZES), draw(SIZES))
    ring = [x, y, x + width, y, x + width, y + height / 2, x, y + height]
    further = draw(st.sampled_from(["", "", "closed", "hole", "part"]))
    if further == "closed":
        ring += ring[:2]
    elif further == "hole":
        ring += [math.nan, math.nan]
        ring += [x + width / 8, y + height / 8, x + width / 4, y + height / 8, x + width / 4, y + height / 4]
    elif further == "part":
        ring += [math.nan, math.nan, 90, 90, 95, 90, 95, 99]
    return tuple(ring)


@st.composite
def _mask(draw: st.DrawFn) -> tuple[float, ...]:
    width, height = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    bits = draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height).filter(any))
    runs = [0]
    value = False
    for bit in bits:
        if bit == value:
            runs[-1] += 1
        else:
            runs.append(1)
            value = bit
    return (float(draw(st.integers(0, 50))), float(draw(st.integers(0, 50))), float(width), float(height), *map(float, runs))


NUMBERS: dict[ShapeKind, st.SearchStrategy[tuple[float, ...]]] = {
    "point": st.tuples(PLACES, PLACES),
    "line": st.lists(PLACES, min_size=4, max_size=8).map(lambda n: tuple(n[: len(n) // 2 * 2])),
    "rectangle": _rectangle(),
    "rotated_rectangle": st.tuples(
        *[st.integers(30, 70).map(float)] * 2, SIZES, SIZES, st.sampled_from([0.0, 30.0, -45.5, 200.0])
    ),
    "polygon": _polygon(),
    "circle": st.tuples(*[st.integers(30, 70).map(float)] * 2, SIZES),
    "ellipse": st.tuples(*[st.integers(30, 70).map(float)] * 2, SIZES, SIZES, st.sampled_from([0.0, 30.0, -45.5])),
    "mask": _mask(),
    "keypoints": st.lists(st.tuples(PLACES, PLACES, st.sampled_from([0.0, 1.0, 2.0])), min_size=1, max_size=3).map(
        lambda points: tuple(number for point in points for number in point)
    ),
    "whole": st.just(()),
}


@st.composite
def shapes(draw: st.DrawFn, medium: Medium) -> Shape:
    kind = draw(st.sampled_from(sorted(NUMBERS)))
    if medium.kind == "sound":
        kind = draw(st.sampled_from(["rectangle", "whole", "point"]))
    if kind == "whole":
        if medium.kind == "picture" or draw(st.booleans()):
            return Shape("whole")
        begin = draw(TIMES)
        return Shape("whole", ((), ()), (begin, begin + 1.5))
    if medium.kind != "video" or draw(st.integers(0, 5)) == 0:
        return Shape(kind, (draw(NUMBERS[kind]),))
    times = sorted(draw(st.lists(TIMES, min_size=1, max_size=4, unique=True)))
    keyframes = [draw(NUMBERS[kind]) for _ in times]
    if kind == "keypoints":
        keyframes = [keyframes[0]] * len(times)
    if len(times) > 2 and draw(st.booleans()):
        keyframes[1] = ()
    return Shape(kind, tuple(keyframes), tuple(times))


@st.composite
def media(draw: st.DrawFn, kinds: Sequence[MediumKind]) -> Medium:
    kind = draw(st.sampled_from(kinds))
    name = draw(NAMES)
    if kind == "video":
        name = name.rsplit(".", 1)[0] + ".mp4"
    if kind == "sound":
        name = name.rsplit(".", 1)[0] + ".wav"
    sized = draw(st.integers(0, 4)) > 0 and kind != "sound"
    maybe = st.one_of(st.none(), st.integers(-90, 90).map(float))
    return Medium(
        name=name,
        kind=kind,
        width=120 if sized else None,
        height=110 if sized else None,
        duration_s=None if kind == "picture" else draw(st.sampled_from([None, 61.5])),
        frame_rate_hz=draw(st.sampled_from([None, 25.0, 29.97])) if kind == "video" else None,
        sample_rate_hz=draw(st.sampled_from([None, 44100.0])) if kind == "sound" else None,
        pixel_size_m=draw(st.sampled_from([None, 1e-5])),
        sha256=draw(st.sampled_from(["", "ab" * 32])),
        taken_at=draw(st.one_of(st.just(""), ISO)),
        latitude=draw(maybe),
        longitude=draw(maybe),
        altitude_m=draw(maybe),
        reviewed=draw(st.booleans()),
        attributes=draw(st.dictionaries(TEXTS, VALUES, max_size=2)),
    )


@st.composite
def labels(draw: st.DrawFn) -> Label:
    return Label(
        name=draw(TEXTS),
        parent=tuple(draw(st.lists(TEXTS, max_size=2))),
        aphia_id=draw(st.sampled_from([None, 1080])),
        rank=draw(st.sampled_from(["", "Species"])),
        color=draw(st.sampled_from(["", "#ff0000"])),
        key=draw(st.sampled_from(["", "f"])),
        synonyms=draw(st.sampled_from([(), ("x",)])),
        source_id=draw(st.sampled_from(["", "5", "id"])),
    )


@st.composite
def annotation_sets(draw: st.DrawFn, kinds: Sequence[MediumKind] = ("picture", "video", "sound")) -> AnnotationSet:
    """A set with everything in it that a set can hold."""
    files = draw(st.lists(media(kinds), min_size=1, max_size=3, unique_by=lambda medium: medium.name))
    known = draw(st.lists(labels(), min_size=1, max_size=3, unique_by=lambda label: label.path))
    found: list[Annotation] = []
    for number in range(draw(st.integers(0, 5))):
        medium = draw(st.sampled_from(files))
        given = draw(st.lists(st.sampled_from(known), max_size=2, unique_by=lambda label: label.path))
        found.append(
            Annotation(
                medium=medium.name,
                shape=draw(shapes(medium)),
                labels=tuple(
                    LabelGiven(
                        path=label.path,
                        annotator=draw(st.sampled_from(["", "Ann Lee", "model:a@1", "x", " y"])),
                        given_at=draw(st.one_of(st.just(""), ISO)),
                        confidence=draw(st.sampled_from([None, 1.0, 0.25, 0.123456789])),
                    )
                    for label in given
                ),
                status=draw(st.sampled_from(STATUSES)),
                id=draw(st.sampled_from(["", str(number + 1), f"id {number}", f"{number}é"])),
                track=draw(st.sampled_from(["", "7", "seal"])),
                attributes=draw(st.dictionaries(TEXTS, VALUES, max_size=2)),
            )
        )
    return AnnotationSet(
        name="random",
        layout="",
        media=tuple(files),
        labels=tuple(known),
        stream=lambda _: iter(found),
        attributes=draw(st.dictionaries(st.sampled_from(["license", "image-license", "image-abstract"]), VALUES, max_size=2)),
    )


def usable_media(holds: Holds, source: AnnotationSet) -> set[str]:
    """Names of the media that a format can hold."""
    return {
        medium.name
        for medium in source.media
        if medium.kind in holds.media and not (holds.sized and not (medium.width and medium.height))
    }


def kept_annotations(holds: Holds, source: AnnotationSet, left_out: set[str]) -> list[Annotation]:
    """The annotations that a file of this format must give back."""
    usable = usable_media(holds, source)
    sized = {medium.name for medium in source.media if medium.width and "rectangle" in holds.shapes}
    return [
        one
        for one in source.stream([])
        if one.medium in usable
        # A whole picture becomes a rectangle where its size is known.
        and (one.shape.kind not in left_out or (one.shape.kind == "whole" and one.medium in sized))
        and not (one.status == "discarded" and "discarded" not in holds.statuses)
    ]


def differences(
    holds: Holds, before: AnnotationSet, after: AnnotationSet, left_out: set[str], *, by_person: bool = False
) -> Counter[str]:
    """How often what is different; a value where there was none is none.

    `left_out` are the kinds of shapes that the report says were left out; `by_person` says that the format puts together what one person
    marked in a file, people first and models then.
    """
    found: Counter[str] = Counter()
    names = {medium.name: medium for medium in before.media}
    usable = usable_media(holds, before)
    kept = kept_annotations(holds, before, left_out)
    if any(one.status == "discarded" for one in before.stream([])) and "discarded" not in holds.statuses:
        found["status"] += sum(one.status == "discarded" and one.medium in usable for one in before.stream([]))
    # Files that write picture by picture or video by video keep the order in each.
    places = {medium.name: at for at, medium in enumerate(after.media)}
    now = {name: name if name in places else name.replace("\n", "_") for name in names}
    kept.sort(key=lambda one: places.get(now[one.medium], -1))
    held = sorted(after.stream([]), key=lambda one: places[one.medium])
    found["file"] += len(after.media) != len(names)
    found["name"] += any(now[one.medium] != one.medium for one in kept)
    assert [now[one.medium] for one in kept] == [one.medium for one in held]
    if by_person:
        people: dict[tuple[Any, ...], int] = {}
        ranks = [people.setdefault(_person(one), len(people)) for one in kept]
        kept = [one for _, one in sorted(zip(ranks, kept, strict=True), key=lambda pair: _rank(pair[1], pair[0], places, now))]
    for one, other in zip(kept, held, strict=True):
        found += _compare(one, other)
    by_name = {medium.name: medium for medium in after.media}
    for medium in before.media:
        other = by_name.get(medium.name)
        for field in MEDIUM_FIELDS if other and medium.name in usable else ():
            found[field] += _differs(field, getattr(medium, field), getattr(other, field))
    by_path = {label.path: label for label in after.labels}
    for label in before.labels:
        match = by_path.get(label.path)
        if match is None:
            found["parent" if label.parent else "label"] += 1
            continue
        for field in LABEL_FIELDS:
            found[field] += _differs(field, getattr(label, field), getattr(match, field))
    for name, value in before.attributes.items():
        found["source"] += after.attributes.get(name) != value
    return found


def _person(one: Annotation) -> tuple[Any, ...]:
    return one.medium, one.status == "predicted", one.labels[0].annotator.strip() if one.labels else ""


def _rank(one: Annotation, rank: int, places: dict[str, int], now: dict[str, str]) -> tuple[int, bool, int]:
    return places.get(now[one.medium], -1), one.status == "predicted", rank


def _letters(given: LabelGiven) -> str:
    return re.sub(r"\W|_", "", given.name)


def _compare(a: Annotation, b: Annotation) -> Counter[str]:
    found: Counter[str] = Counter()
    first, second = plain_shape(a.shape), plain_shape(b.shape)
    if first[0] != second[0]:
        found[f"shape:{a.shape.kind}"] += 1
    elif not _same_times(first[2], second[2]):
        found["time"] += 1
    elif not all(_close(x, y) for x, y in zip(first[1], second[1], strict=True)):
        found["coordinates"] += 1
    if len(a.labels) != len(b.labels):
        found["labels" if a.labels else "label"] += 1
    given, now = list(a.labels), list(b.labels)
    if len(given) == len(now) and [_letters(one) for one in given] != [_letters(one) for one in now]:
        given, now = sorted(given, key=_letters), sorted(now, key=_letters)
        found["labels"] += [_letters(one) for one in given] == [_letters(one) for one in now]
    for one, other in zip(given, now, strict=False):
        found["path"] += one.path != other.path
        found["annotator"] += _differs("annotator", one.annotator, other.annotator)
        found["given_at"] += _differs("given_at", one.given_at, other.given_at)
        found["confidence"] += one.confidence is not None and one.confidence != other.confidence
    found["status"] += a.status != b.status
    found["id"] += _differs("id", a.id, b.id)
    found["track"] += _differs("track", a.track, b.track)
    found["attributes"] += _differs("attributes", a.attributes, b.attributes)
    return found


def _differs(field: str, a: Any, b: Any) -> bool:
    if a in (None, "", False, ()) or a == {}:
        return False
    if field == "attributes":
        return any(name not in b or type(b[name]) is not type(value) or b[name] != value for name, value in a.items())
    if field in ("taken_at", "given_at") and instant(a) is not None:
        return instant(a) != instant(b)
    if isinstance(a, float) and isinstance(b, float):
        return not math.isclose(a, b, rel_tol=1e-9)
    return bool(a != b)


def plain_shape(shape: Shape) -> tuple[str, tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """The same shape in one way of several that mean the same."""
    kind: str = shape.kind
    pairs: list[tuple[float | None, tuple[float, ...]]] = []
    for time, numbers in zip(shape.frames or (None,), shape.keyframes, strict=True):
        if shape.kind != "whole" and not numbers:
            if not pairs or not pairs[-1][1]:
                continue
            if time is not None and pairs[-1][0] is not None and pairs[-1][0] < time:
                pairs.append((time, pairs[-1][1]))
            pairs.append((time, ()))
        else:
            pairs.append((time, _plain_numbers(shape.kind, numbers)))
    if shape.kind != "whole" and pairs and not pairs[-1][1]:
        pairs.pop()
    upright = shape.kind == "rotated_rectangle" and all(numbers[4] == 0 for _, numbers in pairs if numbers)
    if upright:
        kind = "rectangle"
        pairs = [(t, (n[0] - n[2] / 2, n[1] - n[3] / 2, n[0] + n[2] / 2, n[1] + n[3] / 2) if n else ()) for t, n in pairs]
    return kind, tuple(numbers for _, numbers in pairs), tuple(time for time, _ in pairs if time is not None)


def _plain_numbers(kind: ShapeKind, numbers: tuple[float, ...]) -> tuple[float, ...]:
    if kind == "polygon":
        return opened(numbers)
    if kind == "rotated_rectangle":
        return (*numbers[:4], numbers[4] % 360)
    if kind == "ellipse":
        return (*numbers[:4], numbers[4] % 180)
    if kind == "mask":
        lengths = np.asarray(numbers[4:], dtype=int)
        inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(int(numbers[2]), int(numbers[3]))
        return mask_numbers(int(numbers[0]), int(numbers[1]), inside) or ()
    return numbers


def _same_times(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return len(a) == len(b) and all(abs(x - y) < 1e-6 for x, y in zip(a, b, strict=True))


def _close(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    if len(a) != len(b):
        return False
    return all((math.isnan(x) and math.isnan(y)) or abs(x - y) < 1e-6 for x, y in zip(a, b, strict=True))


__all__ = ["annotation_sets", "differences", "plain_shape"]
