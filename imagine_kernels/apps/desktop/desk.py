"""What a person does to the vignettes in napari: choose, correct, undo, save. Every correction is on disk before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels.apps.desktop.mosaic import Sheet, colours_of, edge_colours, texts_of
from imagine_kernels.errors import ImagineError
from imagine_kernels.records import Status

if TYPE_CHECKING:
    import pandas as pd

    from imagine_kernels.result import Result

#: Keys that napari 0.9 has no use for, in the canvas: name of the act -> key.
KEYS = {
    "move": "M", "name": "G", "validate": "K", "dubious": "U", "discard": "N", "undo": "Control-Z", "redo": "Control-Shift-Z",
}  # fmt: skip
#: Widest the dock may become, in px of the screen.
WIDTH_PX = 320
_ACTS = {
    "move": ("Move", "Give the chosen vignettes the label in the box; they count as validated."),
    "validate": ("Validate", "The label of the chosen vignettes is right."),
    "dubious": ("Dubious", "You cannot decide; they keep their place in the counts."),
    "discard": ("Discard", "Take the chosen vignettes out of the counts."),
    "undo": ("Undo", "Take the last correction back."),
    "redo": ("Redo", "Do again what was undone."),
    "export": ("Save for EcoTaxa", "Corrections are saved at once; this also writes the native formats into the folder."),
}
_STATUS: dict[str, Status] = {"validate": "validated", "dubious": "dubious", "discard": "discarded"}


def objects_of(result: Result, rows: Sequence[int] | np.ndarray[Any, Any]) -> pd.DataFrame:
    """The table behind the rectangles: object_id, label, probability, status, judged; one row for each of `rows`."""
    import pandas as pd

    chosen = result.predictions[np.asarray(rows, dtype=np.int64)]
    return pd.DataFrame(
        {
            "object_id": chosen.object_id,
            "label": chosen.label,
            "probability": chosen.probability,
            "status": chosen.status,
            "judged": chosen.status != "predicted",
        }
    )


class Desk:
    """A result on a sheet in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Holds the layers of `mosaic.layers_of`.
    result : Result
    folder : Path
        Where it is saved.
    sheet : Sheet
    rows : (n,) int64 ndarray
        The row of the result behind each vignette of the sheet.
    note : str
        What the person must know about this sheet.
    """

    def __init__(self, viewer: Any, result: Result, folder: Path, *, sheet: Sheet, rows: np.ndarray[Any, Any], note: str) -> None:
        self.viewer, self.result, self.folder, self.sheet, self.rows, self.note = viewer, result, folder, sheet, rows, note
        self.past: list[Result] = []
        self.future: list[Result] = []
        self.labels, self.texts = viewer.layers["labels"], viewer.layers["text"]
        self.colours = colours_of(result.labels)
        self.box = self._dock()
        self._bind_keys()
        guard_rectangles(self.labels, sheet, self._show)
        self.say(note)

    # What the person asks.

    def act(self, name: str, *, label: str | None = None) -> None:
        """Do what a button or key of that name stands for; an error becomes a sentence in the dock."""
        try:
            if name in _STATUS:
                self.correct(None, _STATUS[name])
            elif name == "move":
                self.correct(self.label if label is None else label, "validated")
            elif name == "undo" and self.past:
                self._become(self.past[-1])
                self.future.append(self._replaced)
                self.past.pop()
            elif name == "redo" and self.future:
                self._become(self.future[-1])
                self.past.append(self._replaced)
                self.future.pop()
            elif name == "export":
                kinds = self.result.declaration.exports
                written = [self.result.export(kind, self.folder / f"{self.result.name}-{kind}.zip")[0] for kind in kinds]
                self.say(f"Written: {', '.join(path.name for path in written)}.")
            elif name == "name":
                self.box["label"].native.setFocus()
            else:
                self.say(f"There is nothing to {name}.")
        except ImagineError as error:
            self.say(str(error))

    def correct(self, label: str | None, status: Status) -> None:
        """Give the chosen vignettes a label (None keeps theirs) and a status."""
        chosen = sorted(self.labels.selected_data)
        if not chosen or label == "":
            self.say("Choose vignettes first." if not chosen else "Write a label into the box first.")
            return
        object_ids = self.result.predictions.object_id[self.rows[chosen]].tolist()
        self._become(self.result.corrected(object_ids, label=label, status=status))
        self.past.append(self._replaced)
        self.future.clear()
        self.labels.selected_data = set()

    @property
    def label(self) -> str:
        """The label in the box."""
        return str(self.box["label"].native.currentText()).strip()

    def say(self, sentence: str) -> None:
        """Tell the person, in the dock and in the status line; the folder is always named."""
        done = int((self.result.predictions.status != "predicted").sum())
        self.box["said"].value = f"{sentence}\n\n{done} of {len(self.result)} judged, saved in {self.folder}"
        self.viewer.status = f"{sentence} Saved in {self.folder}"

    # What follows.

    def _become(self, result: Result) -> None:
        """Save another state, then show it; where it cannot be saved nothing changes."""
        result.save(self.folder)
        self._replaced, self.result = self.result, result
        before, after = self._replaced.predictions, result.predictions
        changed = int(((before.label != after.label) | (before.status != after.status)).sum())
        new = [label for label in result.labels if label not in self.colours]
        if new:
            self.colours = colours_of([*self.colours, *new])
            typed = self.label
            self.box["label"].choices = sorted(self.colours)
            self.box["label"].native.setCurrentText(typed)
        self._show()
        self.say(f"{changed} corrected." if changed else "Nothing changed.")

    def _show(self) -> None:
        objects = objects_of(self.result, self.rows)
        # Not features first: napari takes the colours of what is chosen over into them.
        self.labels.edge_color = edge_colours(objects, self.colours)
        self.labels.features = objects.drop(columns="judged")
        places, texts = texts_of(self.sheet, objects)
        self.texts.data = places
        self.texts.features = {"text": texts}

    def _dock(self) -> Any:
        from magicgui.widgets import ComboBox, Container, Label, PushButton
        from qtpy.QtCore import Qt

        said = Label(name="said", label="")
        said.native.setWordWrap(True)
        said.native.setMinimumHeight(WIDTH_PX)
        said.native.setAlignment(Qt.AlignmentFlag.AlignTop)
        numbered = [f"Ctrl-{n}: {label}" for n, label in enumerate(self.result.labels[:9], 1)]
        help_ = (
            f"The label to give; write a new one if it is missing ({KEYS['name']} jumps here, Enter moves). {'; '.join(numbered)}"
        )
        label = ComboBox(name="label", choices=sorted(self.colours), tooltip=help_)
        label.native.setEditable(True)
        label.native.setInsertPolicy(label.native.InsertPolicy.NoInsert)
        label.native.lineEdit().returnPressed.connect(lambda: self.act("move"))
        buttons = []
        for name, (title, what) in _ACTS.items():
            key = f" Key: {KEYS[name].replace('Control', 'Ctrl')}" if name in KEYS else ""
            buttons.append(PushButton(name=name, text=title, tooltip=f"{what}{key}"))
            buttons[-1].changed.connect(lambda _=None, name=name: self.act(name))
        box = Container(widgets=[label, *buttons, said], labels=False)
        box.native.setMaximumWidth(WIDTH_PX)
        self.viewer.window.add_dock_widget(box, name="Corrections", area="right")
        return box

    def _bind_keys(self) -> None:
        for name, key in KEYS.items():
            self.viewer.bind_key(key, lambda _, name=name: self.act(name))
        for n, label in enumerate(self.result.labels[:9], 1):
            self.viewer.bind_key(f"Control-{n}", lambda _, label=label: self.act("move", label=label))


def guard_rectangles(layer: Any, sheet: Sheet, show: Callable[[], None]) -> None:
    """Let napari's selection tool choose vignettes and never move them, and put back what its other tools change.

    Parameters
    ----------
    layer : napari.layers.Shapes
    sheet : Sheet
    show : callable
        Gives the rectangles their colours and table again.
    """
    from qtpy.QtCore import QTimer

    def choose(_: Any, event: Any) -> Iterator[None]:
        start = layer.world_to_data(event.position)
        before = set(layer.selected_data) if "Shift" in event.modifiers else set()
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = True
            layer.selected_data = before | sheet.touched(start, layer.world_to_data(event.position))
            yield
        if not dragged:
            layer.selected_data = before ^ sheet.touched(start, start)

    def take_the_mouse(_: Any = None) -> None:
        if layer.mode == "select":
            layer.mouse_drag_callbacks[:] = [choose]
        elif choose in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(choose)

    def put_back() -> None:
        if len(layer.data) == len(sheet) and np.array_equal(np.stack(layer.data), sheet.corners):
            return
        layer.data = sheet.corners
        show()

    # Not at once: napari is still in the middle of its change.
    layer.events.data.connect(lambda _: QTimer.singleShot(0, put_back))
    layer.events.mode.connect(take_the_mouse)
    layer.mode = "select"
