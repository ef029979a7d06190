"""What people want to change, and what becomes of it: saved, or in conflict with what somebody else did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagine_kernels.annotation.encoding import PARTS, parts_json
from imagine_kernels.annotation.events import State, plain
from imagine_kernels.errors import DataError, ImagineError
from imagine_kernels.records import Annotation, LabelGiven, Shape, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of one annotation; what is None stays as it is.

    Attributes
    ----------
    id : str
        Of the annotation: for a new one a UUID that the page has made.
    base : int
        The version that the change is based on; 0 for a new annotation.
    after : str
        Instead of `base`: the key of the edit before it in the same queue, whose version is not known yet.
    key : str
        What the page calls this edit (a UUID): sent twice, it is done once.
    medium : str or None
        The name of the medium.
    shape, labels, status, track, attributes
        The parts to change, each as a whole.
    deleted : bool or None
        True deletes it, False brings it back.
    """

    id: str
    base: int = 0
    after: str = ""
    key: str = ""
    medium: str | None = None
    shape: Shape | None = None
    labels: tuple[LabelGiven, ...] | None = None
    status: Status | None = None
    track: str | None = None
    attributes: Mapping[str, Any] | None = None
    deleted: bool | None = None

    @classmethod
    def new(cls, annotation: Annotation, *, key: str = "") -> Edit:
        """A new annotation."""
        return cls(
            id=annotation.id,
            key=key,
            medium=annotation.medium,
            shape=annotation.shape,
            labels=annotation.labels,
            status=annotation.status,
            track=annotation.track,
            attributes=annotation.attributes,
        )

    def parts(self, media: Mapping[str, str], *, annotator: str, time: str) -> State:
        """The parts that it sets, as the history holds them; `media` gives the key for a name.

        Raises
        ------
        DataError
            The edit cannot be kept.
        """
        plain(self.id, "The id", longest=200)
        encoded = parts_json(
            shape=self.shape,
            labels=self.labels,
            status=self.status,
            track=self.track,
            attributes=self.attributes,
            annotator=annotator,
            time=time,
        )
        if self.medium is not None:
            if self.medium not in media:
                raise DataError(f"There is no medium {self.medium!r} in the project: add it first.")
            encoded["medium"] = media[self.medium]
        if self.deleted is not None:
            encoded["deleted"] = self.deleted
        if not self.base and not self.after:
            if self.medium is None or self.shape is None:
                raise DataError(f"The annotation {self.id} is new, and needs a medium and a shape.")
            encoded = {"labels": [], "status": "validated", "track": "", "attributes": {}, "deleted": False, **encoded}
        return encoded


@dataclass(frozen=True, slots=True)
class Saved:
    """An annotation as it was saved: base the next edit on this version."""

    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An annotation in the store.

    Attributes
    ----------
    annotation : Annotation
    version : int
        The sequence of the last event on it: edits are based on it.
    deleted : bool
    """

    annotation: Annotation
    version: int
    deleted: bool = False


class Conflict(ImagineError):
    """Somebody else has changed the annotation meanwhile; nothing was lost, and nothing overwritten.

    Attributes
    ----------
    id : str
    base, theirs, ours : Stored or None
        What the edit was based on, what the project holds now, and what was to be saved.
    parts : tuple of str
        What both have changed, and differently; where it is empty the edit can be sent again, based on ``theirs.version``.
    """

    def __init__(self, annotation_id: str, *, base: Stored | None, theirs: Stored | None, ours: Stored | None) -> None:
        self.id, self.base, self.theirs, self.ours = annotation_id, base, theirs, ours
        self.parts = tuple(name for name in PARTS if self._differ(name))
        version = theirs.version if theirs else 0
        super().__init__(
            f"Somebody else has changed the annotation {annotation_id} meanwhile (it is at version {version} now, not at"
            f" {base.version if base else 0}): look at both, and decide."
        )

    def _differ(self, name: str) -> bool:
        base, theirs, ours = (_part(each, name) for each in (self.base, self.theirs, self.ours))
        return base != theirs != ours != base


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of several edits: those saved, and those that met somebody else's."""

    saved: tuple[Saved, ...] = ()
    conflicts: tuple[Conflict, ...] = field(default=())


def _part(stored: Stored | None, name: str) -> object:
    if stored is None or name == "deleted":
        return stored is None or stored.deleted
    return getattr(stored.annotation, name)
