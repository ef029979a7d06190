"""A sample or a result in napari: what is opened, and what the window holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.apps.desktop.display import check_desktop
from imagine_kernels.apps.desktop.mosaic import colours_of, layers_of, mosaic
from imagine_kernels.errors import BundleError, SettingError, UnknownName
from imagine_kernels.files import plain_name
from imagine_kernels.records import Progress, Sample
from imagine_kernels.result import RESULT_FILE, Result
from imagine_kernels.settings import new_folder, results_folder

if TYPE_CHECKING:
    import napari
    import pandas as pd

    from imagine_kernels.workflow import Workflow

PIXEL_SIZE = "process_particle_pixel_size_mm"
#: Stands for a picture that cannot be decoded any more, dark grey.
MISSING = np.full((48, 48), 90, dtype=np.uint8)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What there is to show: a result in its folder, or a labelled sample without one and the reason."""

    sample: Sample
    result: Result | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()


def open_viewer(
    workflow: Workflow,
    data: Path | str | None = None,
    *,
    model: Path | str | None = None,
    settings: Mapping[str, Any] | None = None,
    show: bool = True,
    progress: Progress | None = None,
) -> napari.Viewer:
    """Show a sample in napari, to be corrected; ``napari.run()`` then waits until the window is closed.

    Parameters
    ----------
    workflow : Workflow
    data : path, optional
        A folder that ``imagine identify`` wrote: corrections go into it. Or a sample, which is identified first: the result goes into a new
        folder among the person's results. The bundled sample without it.
    model : path or str, optional
        A model bundle; the starter model without it.
    settings : mapping, optional
        Settings of the use case.
    show : bool
        Show the window at once.
    progress : callable, optional
        Called while the sample is identified.

    Returns
    -------
    napari.Viewer

    Raises
    ------
    NoDesktop
        napari, Qt, a display or OpenGL is missing.
    SettingError
        A model or settings are given with what is identified already.
    ImagineError
        What `Workflow.open`, `Workflow.identify`, `open_result` and `Result.save` raise.
    """
    check_desktop()
    opened = _open(workflow, data, model=model, given=settings or {}, progress=progress)

    import napari

    from imagine_kernels.apps.desktop.desk import Desk, objects_of

    order = _least_certain_first(opened)
    labels = opened.result.predictions.label if opened.result else opened.sample.objects["label"].to_numpy(dtype=object)
    pictures = _Pictures(workflow, opened.sample, order)
    sheet = mosaic(pictures, labels[order].tolist())
    rows = order[sheet.rows]
    noun = workflow.declaration.unit_noun
    notes = [*opened.notes, "Click, shift-click or drag a frame to choose; hold space to move about."]
    if sheet.left_out:
        notes.insert(0, f"The sheet holds the {len(sheet)} least certain {noun}s; {sheet.left_out} found no room.")
    if pictures.missing:
        notes.insert(0, f"{pictures.missing} pictures cannot be read and are dark grey.")
    pixel_size_mm = _pixel_size(opened.sample)
    if pixel_size_mm is None:
        notes.append("The scale is in px, because the size of a pixel is unknown or differs.")

    objects = objects_of(opened.result, rows) if opened.result else _labelled(opened.sample, rows)
    colours = colours_of(opened.result.labels if opened.result else sorted(set(labels)))
    viewer = napari.Viewer(title=f"{opened.sample.name} – {opened.folder or opened.sample.source}", show=show)
    for values, options, kind in layers_of(sheet, objects, colours=colours, pixel_size_mm=pixel_size_mm):
        getattr(viewer, f"add_{kind}")(values, **options)
    viewer.canvas.overlays.scale_bar.visible = True
    note = " ".join(notes)
    if opened.result is not None and opened.folder is not None:
        Desk(viewer, opened.result, opened.folder, sheet=sheet, rows=rows, note=note)
    else:
        _only_say(viewer, note)
    viewer.reset_view()
    return viewer


def _open(
    workflow: Workflow, data: Path | str | None, *, model: Path | str | None, given: Mapping[str, Any], progress: Progress | None
) -> Opened:
    place = Path(data).expanduser() if data is not None else None
    if place is not None and (place / RESULT_FILE).is_file():
        if model is not None or given:
            raise SettingError(f"{place} is identified already: leave model and settings out, or give the sample itself.")
        result = workflow.result(place)
        return Opened(sample=result.sample, result=result, folder=place)
    sample = workflow.open(place, progress=progress, **given)
    try:
        bundle = workflow.model(model)
    except (UnknownName, BundleError) as error:
        if model is not None or not len(sample.labelled):
            raise
        return Opened(sample=sample.labelled, notes=(f"These are the labels of the data, to look at only. {error}",))
    result = workflow.identify(sample, bundle, progress=progress)
    return Opened(sample=result.sample, result=result, folder=result.save(new_folder(results_folder(), plain_name(sample.name))))


def _least_certain_first(opened: Opened) -> NDArray[np.int64]:
    """(n,) int64, the rows of the sample: what a person has decided comes last; without a result as they are."""
    if opened.result is None:
        return np.arange(len(opened.sample), dtype=np.int64)
    predictions = opened.result.predictions
    decided = np.isin(predictions.status.astype(str), ["validated", "discarded"])
    return np.argsort(np.where(decided, 2.0, predictions.probability), kind="stable").astype(np.int64)


class _Pictures:
    """The pictures of some rows, one at a time, with a stand-in for those that cannot be decoded; they are counted."""

    def __init__(self, workflow: Workflow, sample: Sample, rows: NDArray[np.int64]) -> None:
        self.workflow, self.sample, self.rows, self.missing = workflow, sample, rows, 0

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for picture in self.workflow.pictures(self.sample, self.rows):
            if isinstance(picture, Exception):
                self.missing += 1
                yield MISSING
            else:
                yield picture


def _pixel_size(sample: Sample) -> float | None:
    """Side of a pixel in mm where it is known and the same for all, else None."""
    if PIXEL_SIZE not in sample.objects:
        return None
    sizes = sample.objects[PIXEL_SIZE].to_numpy(dtype=np.float64, na_value=np.nan)
    alike = len(sizes) and sizes[0] > 0 and np.allclose(sizes, sizes[0], rtol=1e-3)
    return float(sizes[0]) if alike else None


def _labelled(sample: Sample, rows: NDArray[np.int64]) -> pd.DataFrame:
    objects = sample.objects.iloc[rows]
    return objects[["object_id", "label", "status"]].assign(probability=np.nan, judged=False).reset_index(drop=True)


def _only_say(viewer: napari.Viewer, note: str) -> None:
    from magicgui.widgets import Container, Label

    label = Label(name="said", value=note)
    label.native.setWordWrap(True)
    viewer.window.add_dock_widget(Container(widgets=[label], labels=False), name="Corrections", area="right")
    viewer.status = note
