"""What the report notebook shows, section by section."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels import figures
from imagine_kernels.catalog import style_sheet
from imagine_kernels.errors import DataError
from imagine_kernels.formats.coasts import read_coast
from imagine_kernels.progress import progress_to_file
from imagine_kernels.records import TOTALS, Measurements, Predictions, Sample
from imagine_kernels.records.figures_of_merit import TITLES, headline, held_out
from imagine_kernels.reports import html
from imagine_kernels.reports.html import Html
from imagine_kernels.reports.make import PROGRESS_VARIABLE
from imagine_kernels.reports.places import located
from imagine_kernels.reports.provenance import hash_source, versions
from imagine_kernels.reports.tables import abundance_tables, any_table, further_table, spectrum_tables
from imagine_kernels.reports.totals import totals
from imagine_kernels.result import RESULT_FILE, Result
from imagine_kernels.settings import home, results_folder
from imagine_kernels.workflow import Workflow
from imagine_kernels.workflow import use_case as workflow_of

if TYPE_CHECKING:
    import pandas as pd

#: Rows of the table of problems that are printed; problems.csv holds all.
MAX_PROBLEMS = 200


def open_report(
    use_case: str, data: Path | str | None = None, *, model: Path | str | None = None, settings: Mapping[str, Any] | None = None
) -> Report:
    """Open, identify where that was not done, and measure.

    Parameters
    ----------
    use_case : str
    data : path, optional
        A file, folder or zip to identify, or a folder with a saved result. Without it, the person's latest result, or else the bundled sample.
    model : path or str, optional
        The bundle to identify with; a saved result keeps its own.
    settings : mapping, optional

    Raises
    ------
    ImagineError
        The data cannot be opened, identified or measured.
    """
    workflow = workflow_of(use_case)
    given = dict(settings or {})
    workflow.declaration.read_settings(given)
    folder = latest_result(use_case) if data is None else Path(data).expanduser()
    if folder is not None and (folder / RESULT_FILE).is_file():
        result = _with_corrections(workflow.result(folder), folder)
    else:
        told = os.environ.get(PROGRESS_VARIABLE)
        progress = progress_to_file(Path(told)) if told else None
        result = workflow.identify(workflow.open(folder, progress=progress, **given), model, progress=progress)
    parameters = {
        "use_case": use_case,
        "data": None if data is None else str(data),
        "model": None if model is None else str(model),
    }
    return Report(
        workflow=workflow,
        result=result,
        measured=result.measure(**given),
        parameters={**parameters, "settings": {**result.sample.settings, **given}},
    )


def latest_result(use_case: str) -> Path | None:
    """The folder of the person's latest saved result of that use case, or None."""
    import json

    found = []
    for note in results_folder().glob(f"**/{RESULT_FILE}"):
        try:
            if json.loads(note.read_text(encoding="utf-8")).get("use_case") == use_case:
                found.append((note.stat().st_mtime, note.parent))
        except (OSError, ValueError, AttributeError):
            continue
    return max(found)[1] if found else None


def _with_corrections(result: Result, folder: Path) -> Result:
    """The result with what was corrected in the app up to now: the tables in its folder follow some seconds later."""
    if folder.resolve().parent != results_folder().resolve() or not (home() / "annotations.db").is_file():
        return result
    from imagine_kernels.annotation import AnnotationStore, fold

    states = fold(AnnotationStore().corrections(folder.name))
    first = result.predictions
    if not states:
        return result
    # The history tells all from the beginning, so what the tables hold of it is left aside.
    fresh = Predictions.of(first.object_id, first.classes, first.probabilities)
    label, status = fresh.label.copy(), fresh.status.copy()
    for row, object_id in enumerate(fresh.object_id.tolist()):
        if (state := states.get(object_id)) is not None:
            label[row] = state.label if state.label is not None else label[row]
            status[row] = state.status if state.status is not None else status[row]
    return replace(result, predictions=replace(fresh, label=label, status=status))


@dataclass(frozen=True, kw_only=True)
class Report:
    """A result with its quantities; each method gives one section as HTML in which everything from the data is escaped.

    Attributes
    ----------
    workflow : Workflow
    result : Result
    measured : Measurements
    parameters : mapping
        What the report was asked for.
    made : datetime
        UTC.
    """

    workflow: Workflow
    result: Result
    measured: Measurements
    parameters: Mapping[str, Any]
    made: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def noun(self) -> str:
        """What one object is called."""
        return self.workflow.declaration.unit_noun

    @property
    def _kinds(self) -> str:
        """What several labels are called."""
        noun = self.workflow.declaration.label_noun
        return "taxa" if noun == "taxon" else f"{noun}s"

    def heading(self) -> Html:
        """Title, date and the facts in short."""
        result, model = self.result, self.result.model
        checked = int((result.predictions.status != "predicted").sum())
        chips = [
            html.element("span", f"{html.number(len(result))} {self.noun}s", css="ik-chip ik-chip-accent"),
            html.element("span", f"{len(set(result.predictions.label.tolist()))} {self._kinds}", css="ik-chip"),
            html.element(
                "span", f"{html.number(checked)} checked by a person", css=f"ik-chip{' ik-chip-good' if checked else ''}"
            ),
            html.element("span", f"model {model.get('name', 'unknown')}", css="ik-chip"),
        ]
        date = f"{self.made:%-d %B %Y, %H:%M} UTC"
        head = html.element(
            "header",
            html.element("p", f"Report · {date}", css="ik-muted"),
            html.element("h1", f"{self.workflow.declaration.title}: {result.name}"),
            html.element("div", *chips, css="ik-cluster"),
            css="ik-report-head",
        )
        return Html(f'{_styles()}<div class="ik">') + head + Html("</div>")

    def summary(self) -> Html:
        """What was measured: source, sampling and the model, with the totals."""
        result, sample = self.result, self.result.sample
        sure = result.predictions.probability >= 0.9
        tiles = [
            (
                html.number(len(result)),
                f"{self.noun}s identified",
                f"{100 * np.mean(sure):.0f} % with a probability of at least 0.9" if len(result) else "",
            ),
            *totals(self._main(), samples_noun=self._samples_noun),
        ]
        found = headline(result.model)
        if found is not None:
            title, score = found
            interval = f"95 % interval {score['low']:.2f}–{score['high']:.2f}"
            tiles.append((f"{score['value']:.2f}", f"{title} on {held_out(result.model)}", interval))
        given = {
            setting.name: f"{value} {setting.unit}".strip()
            for setting in self.workflow.declaration.settings
            if (value := self.parameters["settings"].get(setting.name)) is not None and value != setting.default
        }
        facts = {
            "Source": str(sample.source),
            "Layout": sample.layout,
            self._samples_noun.capitalize(): html.number(_n_samples(sample)),
            **({"Settings given": ", ".join(f"{name} = {value}" for name, value in given.items())} if given else {}),
        }
        return _framed(*self._alerts(), _tiles(tiles), html.facts(facts))

    def abundance(self) -> Html:
        """Figure and tables of the quantities per taxon."""
        table = self._main()
        if table is None or not len(table):
            return _framed(html.empty("This use case measures nothing per taxon; its quantities are in the tables below."))
        if table["taxon"].isin(TOTALS).any():
            return _framed(figures.abundance(table), *abundance_tables(table))
        drawn = figures.abundance(table, taxa=self._kinds, samples_noun=self._samples_noun)
        declared = self.workflow.declaration
        named = table.rename(columns={"sample_id": self._samples_noun.removesuffix("s"), "taxon": declared.label_noun})
        return _framed(drawn, any_table("Numbers with 95 % intervals.", named))

    def map(self) -> Html:
        """Where the things that were found lie on the earth, with the coast where it is known."""
        found = located(self.result)
        if found is None:
            return _framed(html.empty(f"Nothing says where the {self.noun}s lie on the earth: there is no map."))
        table, frames = found
        try:
            land, _ = read_coast(self.result.sample.source, self.result.sample.settings.get("coast"))
        except DataError:
            # What is wrong with it was said when the sample was opened; the map is worth having without.
            land = []
        return _framed(figures.outline_map(table, by="picture", frames=frames, land=land, noun=self.noun))

    def size_spectrum(self) -> Html:
        """Normalised biovolume size spectrum with its regression."""
        spectrum = self.measured.tables.get("size_spectrum")
        if spectrum is None or not len(spectrum):
            return _framed(
                html.empty("There is no size spectrum: it needs the volume, the pixel size and the areas of the objects.")
            )
        fit = self.measured.tables.get("size_spectrum_fit")
        return _framed(figures.size_spectrum(spectrum, fit), *spectrum_tables(spectrum, fit))

    def other_tables(self) -> Html:
        """Quantities that have no section of their own."""
        own = (self.measured.main, *_WITH_SECTION)
        rest = {name: table for name, table in self.measured.tables.items() if name not in own}
        return _framed(*(further_table(name, table) for name, table in rest.items()))

    def vignettes(self, *, per_taxon: int = 10) -> Html:
        """Pictures of each taxon: half of them the most certain ones, half the least certain ones."""
        predictions = self.result.predictions
        rows: list[tuple[str, list[int]]] = []
        for label in sorted(set(predictions.label.tolist())):
            members = np.flatnonzero(predictions.label == label)
            ranked = members[np.argsort(-predictions.probability[members], kind="stable")]
            half = per_taxon // 2
            shown = ranked if len(ranked) <= per_taxon else np.concatenate((ranked[: per_taxon - half], ranked[-half:]))
            rows.append((f"{label} ({len(members)})", shown.tolist()))
        if not rows:
            return _framed(html.empty(f"There is no {self.noun} to show."))
        if not self.result.sample.source.exists():
            return _framed(
                html.empty(f"The pictures are no longer at {self.result.sample.source}, so they cannot be shown here.")
            )
        chosen = [(title, row) for title, members in rows for row in members]
        pictures = self._pictures([row for _, row in chosen])
        captions = [self._caption(row) for _, row in chosen]
        return _framed(
            figures.gallery(
                [title for title, _ in chosen],
                pictures,
                captions=captions,
                size_px=80 if self.result.sample.media is None else 140,
            )
        )

    def trust(self) -> Html:
        """How the model did on objects that it was not trained on."""
        metrics = self.result.model.get("metrics", {})
        rows = [
            (title, f"{held['value']:.2f} ({held['low']:.2f}–{held['high']:.2f})")
            for name, title in TITLES.items()
            if (held := metrics.get(name))
        ]
        parts: list[Any] = []
        if rows:
            parts.append(html.table(("metric", f"value (95 % interval), {held_out(self.result.model)}"), rows))
        if self.result.confusion is not None and len(self.result.confusion.classes):
            parts.append(figures.confusion(self.result.confusion, pixels=self.result.model.get("task") == "segmentation"))
        return _framed(*(parts or [html.empty("The model carries no figures of how it errs.")]))

    def problems(self) -> Html:
        """What could not be done, and what a reader of the tables must know."""
        problems, notes = self.result.problems, self.measured.notes
        parts: list[Any] = []
        if notes:
            parts.append(html.element("ul", *(html.element("li", note) for note in notes), css="ik-notes"))
        if problems:
            rows = [(p.item, p.line or "", p.what, p.remedy or "–", p.severity) for p in problems[:MAX_PROBLEMS]]
            left = f"The first {MAX_PROBLEMS} of {len(problems)} problems." if len(problems) > MAX_PROBLEMS else ""
            parts.append(html.table(("item", "line", "what", "remedy", "severity"), rows, text_columns=5, caption=left))
        else:
            parts.append(html.element("p", "No item was left out: nothing was wrong with the data.", css="ik-muted"))
        return _framed(*parts)

    def provenance(self) -> Html:
        """From what, with what and when: enough to make the same figures again."""
        sample, model = self.result.sample, self.result.model
        source = hash_source(sample.source)
        facts: dict[str, Any] = {
            "Made": f"{self.made:%Y-%m-%d %H:%M:%S} UTC",
            "Source": str(sample.source),
            "Layout": sample.layout,
        }
        if source is None:
            facts["Source hash"] = "the source is no longer there"
        else:
            what = "file" if source.kind == "file" else f"{source.n_files} files, hash of the sorted list of their hashes"
            facts["Source hash"] = f"sha256 {source.sha256} ({what}, {html.number(source.n_bytes)} bytes)"
        facts["Model"] = f"{model.get('name', 'unknown')}, version {model.get('version', '–')}, hash {model.get('hash', '–')}"
        facts["Recipe"] = str(model.get("recipe", "–"))
        facts[f"{self._kinds.capitalize()} of the model"] = ", ".join(self.result.predictions.classes)
        for name, value in self.parameters.items():
            if name != "settings":
                facts[f"Parameter {name}"] = "default" if value is None else str(value)
        for name, value in self.parameters["settings"].items():
            facts[f"Setting {name}"] = "not set" if value is None else str(value)
        facts |= versions()
        return _framed(html.fold("Versions, hashes and parameters", html.facts(facts), is_open=True))

    def _main(self) -> pd.DataFrame | None:
        return self.measured.tables[self.measured.main] if self.measured.main is not None else None

    @property
    def _samples_noun(self) -> str:
        return "samples" if self.result.sample.media is None else f"{self.workflow.declaration.medium_noun}s"

    def _pictures(self, rows: list[int]) -> list[Any]:
        """The pictures of some objects in that order, got file by file: a scene is dear to open."""
        file = self.result.sample.objects["file"].to_numpy()
        order = sorted(range(len(rows)), key=lambda k: str(file[rows[k]]))
        got = dict(zip(order, self.workflow.pictures(self.result.sample, [rows[k] for k in order]), strict=True))
        return [got[k] for k in range(len(rows))]

    def _alerts(self) -> list[Html]:
        alerts = [html.element("li", alert) for alert in self.measured.alerts]
        return [html.element("ul", *alerts, css="ik-alerts")] if alerts else []

    def _caption(self, row: int) -> str:
        predictions = self.result.predictions
        status = predictions.status[row]
        return f"{predictions.probability[row]:.2f}" if status == "predicted" else str(status)


# The spectra of stations would fill pages; their lines are shown.
_WITH_SECTION = ("size_spectrum", "size_spectrum_fit", "size_spectrum_by_station")


def _framed(*parts: Any) -> Html:
    return Html(f'<div class="ik">{"".join(html.markup(part) for part in parts)}</div>')


def _styles() -> str:
    """The style sheets, so that the sections look the same in Voilà and JupyterLab; the page of a report has its own copy."""
    own = Path(__file__).resolve().parent / "report.css"
    sheets = [own] if os.environ.get(PROGRESS_VARIABLE) else [style_sheet(), own]
    return "".join(f"<style>{sheet.read_text(encoding='utf-8')}</style>" for sheet in sheets)


def _tiles(tiles: list[tuple[str, str, str]]) -> Html:
    cells = (
        html.element(
            "div",
            html.element("div", value, css="ik-tile-value"),
            html.element("div", name, css="ik-tile-name"),
            html.element("div", note, css="ik-tile-note"),
            css="ik-tile",
        )
        for value, name, note in tiles
    )
    return html.element("div", *cells, css="ik-tiles")


def _n_samples(sample: Sample) -> int:
    if sample.media is not None:
        return len(sample.media)
    return int(sample.objects["sample_id"].nunique()) if "sample_id" in sample.objects else 1
