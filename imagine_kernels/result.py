"""What was identified: predictions and corrections on a sample, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels import catalog
from imagine_kernels.errors import DataNotFound, FormatError, LabelError, UnknownName
from imagine_kernels.records import Confusion, Found, Measurements, Predictions, Problem, Sample, Status
from imagine_kernels.settings import placed, writing
from imagine_kernels.use_case import UseCase

if TYPE_CHECKING:
    import pandas as pd

    from imagine_kernels.models.bundle import ModelBundle

PREDICTIONS_FILE = "predictions.csv"
PROBLEMS_FILE = "problems.csv"
MEDIA_FILE = "media.csv"
PLACES_FILE = "embedding.npy"
RESULT_FILE = "result.json"

# The label and status that the data came with keep another name in predictions.csv.
_SOURCE_NAMES = {"label": "source_label", "status": "source_status"}


@dataclass(frozen=True, kw_only=True)
class Result:
    """Predictions on a sample, with what is needed to measure and export them.

    Attributes
    ----------
    declaration : UseCase
    sample : Sample
        The n objects that were identified, in the order of `predictions`.
    predictions : Predictions
    problems : tuple of Problem
        What could not be done.
    model : mapping
        Name, version, hash, recipe and metrics of the model, for people and for provenance.
    confusion : Confusion or None
        How the model erred on held-out objects; needed for corrected quantities.
    places : (n, d) float16 ndarray or None
        Where each object lies among the others, see `imagine_kernels.measures.embedding`; None in a result of before these were kept.
    """

    declaration: UseCase
    sample: Sample
    predictions: Predictions
    problems: tuple[Problem, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    confusion: Confusion | None = None
    places: NDArray[np.float16] | None = None

    @classmethod
    def of(cls, declaration: UseCase, found: Found, bundle: ModelBundle, *, problems: Sequence[Problem] = ()) -> Result:
        """What a model bundle found, after what was wrong before."""
        from imagine_kernels.models.store import model_summary

        described = found.sample if declaration.describe is None else declaration.describe(found.sample)
        return cls(
            declaration=declaration,
            sample=described,
            predictions=found.predictions,
            problems=(*problems, *found.problems),
            model=model_summary(bundle),
            confusion=bundle.confusion,
            places=found.places,
        )

    def __len__(self) -> int:
        return len(self.predictions)

    @property
    def name(self) -> str:
        """Name of the sample."""
        return self.sample.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label in force or known to the model, sorted."""
        return tuple(sorted(set(self.predictions.classes) | set(self.predictions.label.tolist())))

    def corrected(self, object_ids: Sequence[str], *, label: str | None = None, status: Status = "validated") -> Result:
        """The same with some objects moved to another label (None keeps theirs) or given another status."""
        return replace(self, predictions=self.predictions.corrected(object_ids, label=label, status=status))

    def where(self, rows: NDArray[np.bool_]) -> Result:
        """The part with the objects of a mask (n,)."""
        places = None if self.places is None else self.places[rows]
        return replace(self, sample=self.sample.where(rows), predictions=self.predictions[rows], places=places)

    def with_parts(self, parts: Result, *, of: str, keep_whole: bool = False) -> Result:
        """The same with the parts of an object at the end; the object itself stays only with `keep_whole`.

        Parts lie among the others where the object lies, until the sample is identified anew.

        Raises
        ------
        LabelError
            There is no such object, or the parts were identified by another model.
        """
        first, more = self.predictions, parts.predictions
        row = np.flatnonzero(first.object_id == of)
        if not row.size:
            raise LabelError(f"There is no object {of!r} in {self.name}: name one of those that were identified.")
        if first.classes != more.classes:
            raise LabelError(
                f"The parts of {of} were identified by another model: identify them by {self.model.get('name', 'its own')}."
            )
        columns = ("object_id", "probabilities", "label", "status")
        both: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(more, name)]) for name in columns}
        joined = replace(first, **both)
        places = None if self.places is None else np.concatenate([self.places, np.repeat(self.places[row], len(more), axis=0)])
        whole = replace(self, sample=self.sample.with_parts(parts.sample, of=()), predictions=joined, places=places)
        return whole if keep_whole else whole.where(joined.object_id != of)

    def measure(self, **given: Any) -> Measurements:
        """The quantities with their intervals; settings given here override those the sample was opened with.

        Raises
        ------
        SettingError, UnknownName
            A setting cannot be taken.
        """
        values = self.declaration.read_settings({**self.sample.settings, **given})
        changed = {name: value for name, value in given.items() if values[name] is not None}
        return self.declaration.measure(_overridden(self.sample, changed), self.predictions, self.confusion, values)

    def table(self) -> pd.DataFrame:
        """One row per object: the columns of the task, ``p_<label>`` for every class, then what is known of the object."""
        import pandas as pd

        predictions = self.predictions
        objects = self.sample.objects.rename(columns=_SOURCE_NAMES)
        first = self.declaration.task.columns(self.sample, predictions)
        wide = {f"p_{name}": predictions.probabilities[:, i] for i, name in enumerate(predictions.classes)}
        rest = objects.drop(columns=["file"])
        return pd.concat([pd.DataFrame({**first, **wide}, index=rest.index), rest], axis=1)

    def export(self, kind: str, path: Path | str) -> tuple[Path, list[Problem]]:
        """Write a native format of the use case, e.g. ``"ecotaxa"``.

        Returns
        -------
        path : Path
            What was written.
        lost : list of Problem
            What the format could not hold.

        Raises
        ------
        UnknownName
            The use case has no such format.
        NotEnoughSpace
            The disk is full.
        """
        writers = {**self.declaration.exports, **self.declaration.products}
        if kind not in writers:
            raise UnknownName.among("format", kind, writers)
        target = Path(path).expanduser()
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            return writers[kind](self.sample, self.predictions, target)

    def to_ecotaxa(self, path: Path | str) -> Path:
        """An EcoTaxa import zip with the images inside; `export` also says what it could not hold."""
        return self.export("ecotaxa", path)[0]

    def to_csv(self, path: Path | str) -> Path:
        """The table of predictions as CSV."""
        target = Path(path).expanduser()
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_csv(self.table(), target)
        return target

    def save(self, folder: Path | str) -> Path:
        """Write predictions.csv, problems.csv, embedding.npy and result.json, from which `open_result` makes the same result again.

        Where things were looked for in pictures, media.csv says in which, and their masks lie beside.
        """
        target = Path(folder).expanduser()
        with writing(target):
            target.mkdir(parents=True, exist_ok=True)
            self.to_csv(target / PREDICTIONS_FILE)
            write_problems(self.problems, target / PROBLEMS_FILE)
            if self.sample.media is not None:
                _write_csv(self.sample.media, target / MEDIA_FILE)
                self.declaration.task.write_beside(self.sample, self.predictions, target)
            if self.places is not None:
                with placed(target / PLACES_FILE) as passing, passing.open("wb") as stream:
                    np.save(stream, self.places, allow_pickle=False)
            _write_text(json.dumps(self._note(), indent=1, ensure_ascii=False), target / RESULT_FILE)
        return target

    def save_with_exports(self, folder: Path | str) -> tuple[Result, list[Path]]:
        """The same as `save`, with every native format beside it.

        Returns
        -------
        result : Result
            With what the formats could not hold among its problems.
        exports : list of Path
        """
        target = self.save(folder)
        kinds = (*self.declaration.exports, *self.declaration.products)
        exports = [self.export(kind, target / f"{self.name}-{kind}.zip") for kind in kinds]
        lost = [problem for _, problems in exports for problem in problems]
        noted = replace(self, problems=(*self.problems, *lost))
        if lost:
            noted.save(target)
        return noted, [path for path, _ in exports]

    def _note(self) -> dict[str, Any]:
        from imagine_kernels import __version__

        return {
            "use_case": self.declaration.name,
            "name": self.sample.name,
            "source": str(self.sample.source.resolve()),
            "layout": self.sample.layout,
            "settings": dict(self.sample.settings),
            "cut_from": self.sample.cut_from,
            "classes": list(self.predictions.classes),
            "text_columns": _textual(self.sample.objects),
            "media_text_columns": None if self.sample.media is None else _textual(self.sample.media),
            "model": dict(self.model),
            "confusion": {"classes": list(self.confusion.classes), "counts": self.confusion.counts.tolist()}
            if self.confusion
            else None,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
        }


def open_result(folder: Path | str, *, use_case: str | None = None) -> Result:
    """Open what `Result.save` or ``imagine identify`` wrote.

    Parameters
    ----------
    folder : path
        The folder with ``predictions.csv`` and ``result.json``.
    use_case : str, optional
        The use case that it must be of.

    Raises
    ------
    DataNotFound
        There is no result in that folder.
    FormatError
        The files are damaged, or of another use case.
    """
    import pandas as pd

    place = Path(folder).expanduser()
    if not place.exists():
        raise DataNotFound.no_such_path(folder)
    note_file, table_file = place / RESULT_FILE, place / PREDICTIONS_FILE
    for file in (note_file, table_file):
        if not file.is_file():
            raise DataNotFound(f"{place} holds no {file.name}: give a folder that `imagine identify` has written.")
    try:
        note = json.loads(note_file.read_text(encoding="utf-8"))
        text = {*note["text_columns"], "source_label", "source_status", "label", "status", "file", "object_id"} - {"probability"}
        table = _read_csv(table_file, text)
        classes = tuple(note["classes"])
        predictions = Predictions(
            object_id=table["object_id"].to_numpy(dtype=object),
            classes=classes,
            probabilities=table[[f"p_{name}" for name in classes]].to_numpy(dtype=np.float32),
            label=table["label"].to_numpy(dtype=object),
            status=table["status"].to_numpy(dtype=object),
        )
        declared = catalog.get(note["use_case"])
        drop = [*(name for name in declared.task.COLUMNS if name != "file"), *(f"p_{name}" for name in classes)]
        objects = table.drop(columns=drop).rename(columns={new: old for old, new in _SOURCE_NAMES.items()})
        sample = Sample(
            name=note["name"],
            source=Path(note["source"]),
            layout=note["layout"],
            objects=objects,
            settings=note["settings"],
            cut_from=note.get("cut_from", ""),
            media=_read_csv(place / MEDIA_FILE, textual) if (textual := note.get("media_text_columns")) is not None else None,
        )
        confusion = note["confusion"] and Confusion(
            classes=tuple(note["confusion"]["classes"]), counts=np.asarray(note["confusion"]["counts"], dtype=np.int64)
        )
    except (ValueError, KeyError, TypeError, pd.errors.ParserError) as error:
        raise FormatError(f"The result in {place} is damaged ({error}): identify the sample again.") from None
    if use_case is not None and declared.name != use_case:
        raise FormatError(f"The result in {place} is of the use case {declared.name}, not {use_case}: give another folder.")
    return Result(
        declaration=declared,
        sample=sample,
        predictions=predictions,
        problems=tuple(read_problems(place / PROBLEMS_FILE)),
        model=note["model"],
        confusion=confusion or None,
        places=_read_places(place / PLACES_FILE, len(predictions)),
    )


def _textual(table: pd.DataFrame) -> list[str]:
    return [str(name) for name, dtype in table.dtypes.items() if dtype.kind not in "fiub"]


def _read_csv(file: Path, text: Iterable[str]) -> pd.DataFrame:
    """A table whose columns of text are empty where nothing is said."""
    import pandas as pd

    table = pd.read_csv(file, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""], low_memory=False)
    textual = [str(name) for name in table.columns if name in set(text)]
    return table.assign(**{name: table[name].fillna("") for name in textual})


def _read_places(file: Path, n: int) -> NDArray[np.float16] | None:
    """What `Result.save` wrote; None where it is not there, or of other objects: nothing but the order of pictures hangs on it."""
    try:
        places = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return places.astype(np.float16) if places.ndim == 2 and len(places) == n and places.dtype.kind == "f" else None


def write_measurements(measured: Measurements, folder: Path | str) -> list[Path]:
    """Write each table as ``<name>.csv`` and the notes as ``notes.txt``."""
    target = Path(folder).expanduser()
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
        for name, table in measured.tables.items():
            _write_csv(table, target / f"{name}.csv")
        _write_text("".join(f"{note}\n" for note in measured.notes), target / "notes.txt")
    return [*(target / f"{name}.csv" for name in measured.tables), target / "notes.txt"]


def write_problems(problems: Sequence[Problem], path: Path) -> Path:
    """Write ``problems.csv``: item, line, severity, what, remedy; a row per problem."""
    import pandas as pd

    columns = ["item", "line", "severity", "what", "remedy"]
    _write_csv(pd.DataFrame([problem.to_dict() for problem in problems], columns=columns).astype({"line": "Int64"}), path)
    return path


def read_problems(path: Path) -> list[Problem]:
    """Read what `write_problems` wrote; an absent file holds no problems."""
    import csv

    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            Problem(
                item=row["item"],
                what=row["what"],
                remedy=row["remedy"],
                line=int(row["line"]) if row["line"] else None,
                severity="warning" if row["severity"] == "warning" else "error",
            )
            for row in csv.DictReader(stream)
        ]


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    _write_text(table.to_csv(index=False, lineterminator="\n"), path)


def _write_text(text: str, path: Path) -> None:
    with placed(path) as passing:
        passing.write_text(text, encoding="utf-8")


def _overridden(sample: Sample, changed: Mapping[str, Any]) -> Sample:
    return replace(sample, settings={**sample.settings, **changed})
