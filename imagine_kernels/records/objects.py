"""Samples of objects that are identified, what a model says of them, and the quantities that follow.

Columnar inside: one array or column per property, one row per object, so that a million objects are an ordinary day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError
from imagine_kernels.records.counting import CountState

if TYPE_CHECKING:
    import pandas as pd

#: What the rows of a whole sample are called in the column ``taxon`` of a table of quantities.
TOTALS = frozenset({"all objects", "all cells", "all valves"})
#: Column of `Sample.objects` with the rule after which an object is proposed for removal; empty for most.
PROPOSED_REMOVAL = "object_proposed_removal"
#: Column of `Sample.objects` with the outline of a thing on its picture: well-known text of a polygon, in px.
OUTLINE = "object_outline"
#: The label of what nobody has named.
UNIDENTIFIED = "unidentified"
Status = Literal["predicted", "validated", "dubious", "discarded"]
STATUSES: tuple[Status, ...] = ("predicted", "validated", "dubious", "discarded")

#: ``progress(done, total, what)`` is called as work advances; ``total`` is 0 where it is not known.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with the data: a row of ``problems.csv``.

    Attributes
    ----------
    item : str
        The file, object or column that it is about, relative to the source.
    what : str
        What is wrong, one clause.
    remedy : str
        What the user can do about it.
    line : int or None
        Line in `item`, counted from 1, where it has lines.
    severity : {"error", "warning"}
        An error means that the item was left out; a warning that it was used all the same.
    """

    item: str
    what: str
    remedy: str = ""
    line: int | None = None
    severity: Literal["error", "warning"] = "error"

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, in the order of the columns of ``problems.csv``."""
        return {name: getattr(self, name) for name in ("item", "line", "severity", "what", "remedy")}

    def __str__(self) -> str:
        where = self.item if self.line is None else f"{self.item}, line {self.line}"
        return f"{where}: {self.what}" + (f"; {self.remedy}" if self.remedy else "") + "."


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was opened: the objects of one source, not their pixels.

    Attributes
    ----------
    name : str
        A short name for people.
    source : Path
        The file or folder that was opened.
    layout : str
        The recognised layout, e.g. ``"EcoTaxa import TSV"``.
    objects : DataFrame, n rows
        One row per object with at least ``object_id`` (str, unique), ``file`` (str, path inside the source),
        ``label`` (str, empty where unknown) and ``status`` (a `Status`, or empty). Further columns carry EcoTaxa's names and
        units: ``object_area`` in px, ``process_particle_pixel_size_mm`` in mm, ``sample_tot_vol`` in m³.
    problems : tuple of Problem
        What was wrong; the rows that could not be used are not in `objects`.
    settings : mapping
        Values of the use case's settings in force.
    cut_from : str
        Empty where each `file` is the picture of one object. Else the kind of picture that it is (``"scan"``, ``"collage"``,
        ``"micrograph"``, ``"picture"``), and ``object_bx``, ``object_by``, ``object_width`` and ``object_height`` are the box of the object
        in px of it.
    media : DataFrame, m rows, or None
        Where things are looked for in pictures: one row per picture that was looked at, things on it or not, with at least ``file``,
        ``width`` and ``height`` in px, and ``labelled`` (bool: somebody has marked all things on it, there may be none). The outline
        of each object is then in the column `OUTLINE` of `objects`. None where every object came as a picture of its own.
    """

    name: str
    source: Path
    layout: str
    objects: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    cut_from: str = ""
    media: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def n_media(self) -> int:
        """How many things can be identified, or pictures looked at."""
        return len(self.objects) if self.media is None else len(self.media)

    @property
    def labels(self) -> tuple[str, ...]:
        """The distinct labels, sorted, without the empty one."""
        return tuple(sorted(set(self.objects["label"]) - {""}))

    @property
    def labelled(self) -> Sample:
        """The part that carries labels."""
        return self.where(self.objects["label"].to_numpy() != "")

    @property
    def pictured(self) -> Sample:
        """The part whose objects have a picture."""
        return self.where(self.objects["file"].to_numpy() != "")

    def where(self, rows: NDArray[Any] | Sequence[int]) -> Sample:
        """The given rows: a boolean mask (n,) or integer positions."""
        chosen = np.asarray(rows)
        positions = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return replace(self, objects=self.objects.iloc[positions].reset_index(drop=True))

    def on(self, files: Sequence[str]) -> Sample:
        """The part on some of the pictures: they alone are in `media`, and what is marked on them in `objects`."""
        kept = list(files)
        part = self.where(self.objects["file"].isin(kept).to_numpy(dtype=bool))
        if self.media is None:
            return part
        return replace(part, media=self.media[self.media["file"].isin(kept)].reset_index(drop=True))

    def filled(self, columns: Mapping[str, NDArray[Any]], object_ids: Sequence[str]) -> Sample:
        """The same with columns (n,) that were measured on n objects added, and gaps in those it has filled; what the data say stays."""
        import pandas as pd

        measured = pd.DataFrame(dict(columns), index=pd.Index(list(object_ids), name="object_id"))
        objects = self.objects.copy()
        ids = objects["object_id"].tolist()
        for name in measured.columns:
            values = measured[name].reindex(ids).to_numpy()
            objects[name] = objects[name].where(objects[name].notna(), values) if name in objects else values
        return replace(self, objects=objects)

    def in_order_of(self, predictions: Predictions) -> pd.DataFrame:
        """The rows that were predicted, in the order of the predictions.

        Raises
        ------
        LabelError
            An object was predicted that the sample does not hold.
        """
        ids = self.objects["object_id"].to_numpy(dtype=object)
        if len(ids) == len(predictions) and (ids == predictions.object_id).all():
            return self.objects
        position = {object_id: row for row, object_id in enumerate(ids.tolist())}
        rows = [position.get(object_id, -1) for object_id in predictions.object_id.tolist()]
        if -1 in rows:
            missing = predictions.object_id[rows.index(-1)]
            raise LabelError(f"The object {missing!r} was predicted but is not in {self.name}: identify this sample again.")
        return self.objects.iloc[rows]

    def with_parts(self, parts: Sample, *, of: Sequence[str]) -> Sample:
        """The same with further objects at the end, and without those, by id, that they are parts of."""
        import pandas as pd

        left = self.objects[~self.objects["object_id"].isin(list(of))]
        return replace(self, objects=pd.concat([left, parts.objects], ignore_index=True))

    def with_problems(self, more: Sequence[Problem]) -> Sample:
        """The same sample with further problems noted."""
        return replace(self, problems=self.problems + tuple(more))


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model says of n objects, and what people have made of it.

    Attributes
    ----------
    object_id : (n,) ndarray of str
    classes : tuple of str, length k
        The labels that the model knows.
    probabilities : (n, k) float32 ndarray
        Calibrated; rows sum to 1.
    label : (n,) ndarray of str
        The label in force: the most probable one, or the one that a person gave (it need not be in `classes`).
    status : (n,) ndarray of str
        One of `STATUSES` each.
    """

    object_id: NDArray[Any]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    label: NDArray[Any]
    status: NDArray[Any]

    def __post_init__(self) -> None:
        n, k = len(self.object_id), len(self.classes)
        if self.probabilities.shape != (n, k):
            raise LabelError(f"Probabilities have the shape {self.probabilities.shape}, not (objects, classes) = ({n}, {k}).")
        if self.label.shape != (n,) or self.status.shape != (n,):
            raise LabelError(f"Labels {self.label.shape} and statuses {self.status.shape} must both have the shape ({n},).")
        wrong = set(self.status.tolist()) - set(STATUSES)
        if wrong:
            raise LabelError(f"Unknown status {sorted(wrong)[0]!r}; known: {', '.join(STATUSES)}.")

    @classmethod
    def of(cls, object_id: Sequence[str] | NDArray[Any], classes: Sequence[str], probabilities: NDArray[Any]) -> Predictions:
        """Predictions as a model leaves them: the most probable label, status ``predicted``."""
        values = np.asarray(probabilities, dtype=np.float32).reshape(len(object_id), len(classes))
        names = np.asarray(classes, dtype=object)
        top = names[values.argmax(axis=1)] if len(values) else np.empty(0, dtype=object)
        return cls(
            object_id=np.asarray(object_id, dtype=object),
            classes=tuple(classes),
            probabilities=values,
            label=top,
            status=np.full(len(values), "predicted", dtype=object),
        )

    @classmethod
    def of_labels(cls, sample: Sample) -> Predictions:
        """What the labels of a sample say without a model: of an object its label, else `UNIDENTIFIED`, with certainty."""
        given, said = (sample.objects[name].to_numpy(dtype=object) for name in ("label", "status"))
        label = np.where(given == "", UNIDENTIFIED, given).astype(object)
        classes, at = np.unique(label.astype(str), return_inverse=True)
        status = np.where(np.isin(said, STATUSES), said, np.where(given == "", "predicted", "validated")).astype(object)
        certain = cls.of(sample.objects["object_id"].to_numpy(dtype=object), classes.tolist(), np.eye(len(classes))[at])
        return replace(certain, label=label, status=status)

    @classmethod
    def empty(cls, classes: Sequence[str] = ()) -> Predictions:
        """No objects."""
        return cls.of([], classes, np.empty((0, len(classes)), dtype=np.float32))

    def __len__(self) -> int:
        return len(self.object_id)

    def __getitem__(self, rows: NDArray[Any] | slice) -> Predictions:
        return replace(
            self,
            object_id=self.object_id[rows],
            probabilities=self.probabilities[rows],
            label=self.label[rows],
            status=self.status[rows],
        )

    @property
    def probability(self) -> NDArray[np.float32]:
        """(n,) float32, the probability of the label in force; 0 where the model does not know that label."""
        column = {name: i for i, name in enumerate(self.classes)}
        index = np.array([column.get(label, -1) for label in self.label], dtype=np.int64)
        found = index >= 0
        result = np.zeros(len(self), dtype=np.float32)
        result[found] = self.probabilities[np.flatnonzero(found), index[found]]
        return result

    def corrected(self, object_ids: Sequence[str], *, label: str | None = None, status: Status = "validated") -> Predictions:
        """The same with some objects given a label (None keeps theirs) and a status by a person."""
        mask = np.isin(self.object_id, np.asarray(object_ids, dtype=object))
        new_label, new_status = self.label.copy(), self.status.copy()
        if label is not None:
            new_label[mask] = label
        new_status[mask] = status
        return replace(self, label=new_label, status=new_status)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a task makes of a sample.

    Attributes
    ----------
    sample : Sample
        With a row per object that was identified, or thing that was found, and what was measured on the way.
    predictions : Predictions
        Of these objects, in the same order.
    problems : tuple of Problem
        What could not be looked at.
    places : (n, d) float16 ndarray or None
        Where each object lies among the others, see `imagine_kernels.measures.embedding`.
    """

    sample: Sample
    predictions: Predictions
    problems: tuple[Problem, ...] = ()
    places: NDArray[np.float16] | None = None


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How a model errs: counts on held-out objects.

    Attributes
    ----------
    classes : tuple of str, length k
    counts : (k, k) ndarray of int
        Rows are the true class, columns the predicted one.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """The quantities: named tables whose column names end in their units.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        E.g. ``"abundance"`` and ``"size_spectrum"``; each becomes a CSV of that name. The first one with the columns ``sample_id``,
        ``taxon`` and ``n_counted`` is drawn by the apps and the report.
    notes : tuple of str
        Sentences that a reader of the tables must know: what is missing, what was left out and why.
    alerts : tuple of str
        Sentences that somebody must act on, such as a harmful species above its threshold, each with its figures.
    counting : tuple of CountState
        How far the count of each sample is, where it goes on until enough is counted.
    """

    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    counting: tuple[CountState, ...] = ()

    @property
    def main(self) -> str | None:
        """The name of the table of quantities by sample and taxon, None where there is none."""
        return next(
            (name for name, table in self.tables.items() if {"sample_id", "taxon", "n_counted"} <= set(table.columns)), None
        )

    def _repr_html_(self) -> str:
        parts = [
            f"<h4>{name}</h4>{table.to_html(index=False, float_format='{:.4g}'.format)}" for name, table in self.tables.items()
        ]
        said = [*(f"<p><strong>{alert}</strong></p>" for alert in self.alerts), *(f"<p>{note}</p>" for note in self.notes)]
        return "".join([*parts, *said])
