"""Cuts a set of annotations down to what a format holds, and counts what is lost on the way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from operator import is_
from typing import Any, Literal

from imagine_kernels.formats.fitting_shapes import ShapeFitter
from imagine_kernels.formats.holds import LABEL_FIELDS, MEDIUM_FIELDS, Holds, Losses, implied_status, text_of, value_of
from imagine_kernels.formats.times import instant
from imagine_kernels.records import Annotation, AnnotationSet, Label, LabelGiven, Medium, Problem

#: What no text may hold: control characters but tab and line feed, and halves of surrogate pairs.
_NEVER = "[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
UNLABELLED = "unlabelled"
#: What the largest identifier that all programs read has to be below.
_LARGEST = 2**31

Path = tuple[str, ...]


def _default(name: str) -> Any:
    found = next(field for field in fields(Medium) if field.name == name)
    return {} if found.default is MISSING else found.default


_DEFAULTS = {name: _default(name) for name in MEDIUM_FIELDS}


class Fitting:
    """A set of annotations as a format holds it.

    Parameters
    ----------
    source : AnnotationSet
    holds : Holds

    Attributes
    ----------
    media : list of Medium
        Those that the format holds, each with a name of its own.
    labels : dict
        Path in the source -> the label as it is written; labels that only annotations name are added as they come.
    losses : Losses
    about : dict
        What the source says of itself, as far as it can be held.
    """

    def __init__(self, source: AnnotationSet, holds: Holds) -> None:
        self.source, self.holds = source, holds
        self.losses, self.media = Losses(), list[Medium]()
        self.labels: dict[Path, Label] = {}
        self._written: dict[Path, Label] = {}
        self._never = re.compile("|".join(filter(None, (_NEVER, holds.forbidden, re.escape(holds.separator)))))
        self.about = {
            self._text(name, "source"): self._text(value, "source") if isinstance(value, str) else value
            for name, value in source.attributes.items()
            if holds.source_attributes and re.fullmatch(holds.source_attributes, name) and _finite(value)
        }
        #: With the sizes that shapes may need, also where the format does not hold them.
        self._given_media: list[Medium] = []
        self._place: dict[str, int] = {}
        self._left_out: dict[str, str] = {}
        taken: set[str] = set()
        for medium in source.media:
            self._take_medium(medium, taken)
        for label in source.labels:
            self._take_label(label)
        self._marked, self._given = bytearray(len(self.media)), set[Path]()
        self._shapes = ShapeFitter(holds, self.losses)
        self._ids: Literal["", "kept", "numbered"] = ""
        self._used_ids = 0

    def annotations(self, problems: list[Problem]) -> Iterator[tuple[int, Annotation]]:
        """Each annotation that can be held, with the position of its medium; may be called once.

        Labels are those of `labels`, so that two that differ here differ there.
        """
        holds = self.holds
        for annotation in self.source.stream(problems):
            place = self._place.get(annotation.medium)
            if place is None:
                where = self._left_out.get(annotation.medium)
                self.losses.note(where or "file", f"was left out, {_WHY.get(where or '', 'its file is not in the set')}")
                continue
            if annotation.status == "discarded" and "discarded" not in holds.statuses:
                self.losses.note("status", "discarded, and was left out")
                continue
            shape = self._shapes.fit(annotation.shape, self._given_media[place])
            if shape is None:
                continue
            labels = self._labels_of(annotation)
            status = annotation.status
            if not holds.statuses:
                status = implied_status(labels)
            elif status not in holds.statuses:
                status = holds.statuses[0]
            if status != annotation.status:
                self.losses.note("status", f"{annotation.status} becomes {status}")
            identifier = self._id_of(annotation.id)
            track = annotation.track
            if track:
                track = self._text(track, "track") if holds.tracks else ""
                if not holds.tracks:
                    self.losses.note("track", "which individual it is of, is not held")
            attributes = self._attributes_of(annotation.attributes) if annotation.attributes else annotation.attributes
            self._marked[place] = 1
            name = self.media[place].name
            same = shape is annotation.shape and labels is annotation.labels and attributes is annotation.attributes
            same = same and (name, status, identifier, track) == (
                annotation.medium,
                annotation.status,
                annotation.id,
                annotation.track,
            )
            if not same:
                annotation = Annotation(
                    medium=name,
                    shape=shape,
                    labels=labels,
                    status=status,
                    id=identifier,
                    track=track,
                    attributes=attributes,
                )
            yield place, annotation

    def finish(self) -> list[Problem]:
        """The report, after all annotations."""
        if not self.holds.unmarked_media:
            n = self._marked.count(0)
            self.losses.note("file", "has no annotation and is not in the target", "file", n=n)
        if not self.holds.unused_labels:
            given = {self.labels[path].path for path in self._given}
            n = len({label.path for label in self.labels.values()} - given)
            self.losses.note("label", "was given to nothing and is not in the target", "label", n=n)
        n = len(self.source.attributes) - len(self.about)
        self.losses.note("source", "is said of the whole source, and is not held", "value", n=n)
        return self.losses.problems()

    @property
    def labels_by_path(self) -> dict[Path, Label]:
        """The labels as they are written, by their path there."""
        return self._written

    @property
    def written_labels(self) -> list[Label]:
        """The labels as they are written, each once, in order; all of them only after the annotations."""
        return list(self._written.values())

    def _take_medium(self, medium: Medium, taken: set[str]) -> None:
        why = ""
        if medium.kind not in self.holds.media:
            why = medium.kind
        elif self.holds.sized and not (medium.width and medium.height):
            why = "size"
        if why:
            what = f"was left out, {_WHY[why]}"
            self.losses.note(why, what, "file", remedy="name the folder of the pictures" if why == "size" else "")
            self._left_out[medium.name] = why
            return
        changed: dict[str, Any] = {}
        for name in MEDIUM_FIELDS:
            value = getattr(medium, name)
            if value == _DEFAULTS[name]:
                continue
            kept = value
            if name not in self.holds.medium:
                kept = _DEFAULTS[name]
                self.losses.note(name, "is not held", "file")
            elif isinstance(value, float) and not math.isfinite(value):
                kept = None
                self.losses.note(name, "is not finite and is not held", "file")
            elif name == "taken_at":
                kept = self._time(value, name)
            elif name == "attributes":
                kept = {}
                for key, item in value.items():
                    if self.holds.medium_attributes and not re.fullmatch(self.holds.medium_attributes, key):
                        self.losses.note(name, "is not held", "value")
                    elif isinstance(item, float) and not isinstance(item, bool) and not math.isfinite(item):
                        self.losses.note(name, "is not finite and is not held", "value")
                    else:
                        kept[self._text(key, name)] = self._text(item, name) if isinstance(item, str) else item
            elif isinstance(value, str):
                kept = self._text(value, name)
            if kept is not value:
                changed[name] = kept
        clean = self._text(medium.name, "name") or "file"
        name, n = clean, 1
        while name in taken:
            n += 1
            name = f"{clean}_{n}"
        taken.add(name)
        if name != medium.name:
            changed["name"] = name
        self._place[medium.name] = len(self.media)
        self._given_media.append(medium)
        self.media.append(replace(medium, **changed) if changed else medium)

    def _take_label(self, label: Label) -> Label:
        changed: dict[str, Any] = {}
        for name in LABEL_FIELDS:
            value = getattr(label, name)
            if value in (None, "", ()):
                continue
            if name not in self.holds.label:
                changed[name] = None if name == "aphia_id" else () if name == "synonyms" else ""
                self.losses.note(name, "is not held", "label")
            elif name == "synonyms":
                changed[name] = tuple(self._text(text, name) for text in value)
            elif isinstance(value, str):
                changed[name] = self._text(value, name)
        name = self._text(label.name, "label") or UNLABELLED
        parent = tuple(self._text(text, "label") or UNLABELLED for text in label.parent)
        if parent and not self.holds.parents:
            self.losses.note("parent", "what is above it is not held", "label")
            parent = ()
        found = replace(label, name=name, parent=parent, **changed)
        other = self._written.setdefault(found.path, found)
        if other != found and label.path not in self.labels:
            self.losses.note("label", "has the name of another one here, of which all further values are kept", "label")
        self.labels[label.path] = found
        return found

    def _labels_of(self, annotation: Annotation) -> tuple[LabelGiven, ...]:
        given = annotation.labels
        if not given and not self.holds.unlabelled:
            self.losses.note("label", f"without a label, is called {UNLABELLED!r}")
            given = (LabelGiven(path=(UNLABELLED,)),)
        if len(given) > 1 and self.holds.labels_each == "one":
            self.losses.note("labels", "keeps the first of several labels only")
            given = given[:1]
        found = [self._given_label(one) for one in given]
        if self.holds.by_confidence and len(found) > 1:
            # As readers of such formats do; what has none was given 1 before.
            order = sorted(found, key=lambda one: -(one.confidence or 0.0))
            if order != found:
                self.losses.note("labels", "are sorted by their confidence")
            found = order
        if len(found) == len(annotation.labels) and all(map(is_, found, annotation.labels)):
            return annotation.labels
        return tuple(found)

    def _given_label(self, given: LabelGiven) -> LabelGiven:
        path = given.path
        label = self.labels.get(path) or self._take_label(Label(name=path[-1], parent=path[:-1]))
        self._given.add(path)
        held = self.holds.given
        annotator, given_at, confidence = given.annotator, given.given_at, given.confidence
        if annotator:
            known = "annotator" in held
            annotator = self._text(annotator, "annotator") if known else self._lost("annotator", "who gave the label is not held")
        if given_at:
            known = "given_at" in held
            given_at = self._time(given_at, "given_at") if known else self._lost("given_at", "when it was labelled is not held")
        if confidence is not None and ("confidence" not in held or not 0 <= confidence <= 1):
            why = "is not between 0 and 1" if "confidence" in held else "is not held"
            self._lost("confidence", f"the confidence of the label {why}")
            confidence = None
        if confidence is None and self.holds.confidence_needed:
            self._lost("confidence", "a label without a confidence gets 1")
            confidence = 1.0
        same = (path == label.path and annotator == given.annotator and given_at == given.given_at) and (
            confidence == given.confidence
        )
        return given if same else LabelGiven(path=label.path, annotator=annotator, given_at=given_at, confidence=confidence)

    def _lost(self, item: str, what: str) -> str:
        self.losses.note(item, what)
        return ""

    def _attributes_of(self, attributes: Mapping[str, str | float | bool]) -> Mapping[str, str | float | bool]:
        if not self.holds.attributes:
            self.losses.note("attributes", "has further values, which are not held")
            return {}
        kept: dict[str, str | float | bool] = {}
        only = self.holds.attribute_names
        for name, value in attributes.items():
            if only and name not in only:
                self.losses.note("attributes", f"the value {name!r} is not held" if len(name) < 30 else "a value is not held")
                continue
            if not isinstance(value, str | bool) and not math.isfinite(value):
                self.losses.note("attributes", "a value is not finite and is not held")
                continue
            clean = self._text(value, "attributes") if isinstance(value, str) else value
            if self.holds.attributes == "cells" and clean == "":
                self.losses.note("attributes", "an empty text is not held")
                continue
            if self.holds.attributes in ("text", "cells"):
                read = value_of(text_of(clean))
                if type(read) is not type(clean) and not isinstance(clean, int | float):
                    self.losses.note("attributes", "a text that looks like a number or a truth value becomes one")
                clean = read
            kept[self._key(name)] = clean
        return kept if kept != attributes else attributes

    def _key(self, name: str) -> str:
        clean = self._text(name, "attributes") or "_"
        if self.holds.not_in_names:
            found = re.sub(self.holds.not_in_names, "_", clean)
            if found != clean:
                self.losses.note("attributes", "the name of a value has characters that cannot be held, and is changed", "text")
            return found
        return clean

    def _id_of(self, identifier: str) -> str:
        kind = self.holds.ids
        if kind == "text":
            return self._text(identifier, "id") if identifier else identifier
        if not kind:
            if identifier:
                self.losses.note("id", "its identifier is not held")
            return ""
        whole = identifier.isascii() and identifier.isdecimal() and str(int(identifier[:20])) == identifier
        whole = whole and 0 < int(identifier) < _LARGEST
        # Numbers are kept where the first identifier is one; what has none then counts down, so that no two are the same.
        self._ids = self._ids or ("kept" if whole else "numbered")
        if whole and self._ids == "kept":
            return identifier
        if identifier:
            self.losses.note("id", "its identifier is replaced by a number")
        self._used_ids += 1
        return str(self._used_ids if self._ids == "numbered" else _LARGEST - self._used_ids)

    def _time(self, text: str, item: str) -> str:
        exact = self.holds.instants
        if not exact:
            return self._text(text, item)
        found = instant(text)
        if found is None:
            self.losses.note(item, "is not a time as ISO 8601 writes it, and is not held", "time")
            return ""
        if exact == "seconds" and found.microsecond:
            self.losses.note(item, "is cut to whole seconds", "time")
            found = found.replace(microsecond=0)
        return found.isoformat()

    def _text(self, text: str, item: str) -> str:
        if text.isalnum() and not self.holds.forbidden:
            return text
        clean = self._never.sub("_", text).strip()
        if clean != text:
            self.losses.note(item, "has characters that cannot be held, and is changed", "text")
        return clean


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


_WHY = {
    "picture": "the target holds no pictures",
    "video": "the target holds no videos",
    "sound": "the target holds no recordings",
    "size": "the size of the picture is not known",
}
