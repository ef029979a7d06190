"""The dock of a project: media with their progress, the label tree, what can be done, and what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagine_kernels.apps.desktop.project import ProjectDesk
from imagine_kernels.errors import ImagineError

#: Keys that napari 0.9 has no use for: name of the act -> key.
KEYS = {
    "next": "PageDown", "previous": "PageUp", "review": "Y", "label": "G", "validate": "K", "dubious": "U", "discard": "N",
    "undo": "Control-Z", "redo": "Control-Shift-Z",
}  # fmt: skip
_ACTS = {
    "previous": ("Previous", "Open the medium before."),
    "next": ("Next", "Open the next medium."),
    "review": ("Looked at all of it", "You have looked at all of this medium; the next one is opened."),
    "validate": ("Validate", "The selected annotations are right."),
    "dubious": ("Dubious", "Somebody else should look at the selected ones."),
    "discard": ("Discard", "The selected ones are none."),
    "undo": ("Undo", "Take your last step back, wherever you did it."),
    "redo": ("Redo", "Do again what was undone."),
    "paint": ("Paint masks here", "Show the masks in what you see, and paint."),
    "theirs": ("Keep theirs", "What the other person did stays."),
    "mine": ("Take mine", "Your change is written over theirs; the history keeps both."),
}
_ROWS = (("previous", "next"), ("review",), ("validate", "dubious", "discard"), ("undo", "redo", "paint"))
#: Labels that are listed at a time.
_MOST_LABELS = 200
#: How often it is looked what others have done, and how soon after the mouse a change is written, ms.
_FOLLOW_MS, _SOON_MS = 1000, 30
#: Widest the dock may become, px of the screen.
WIDTH_PX = 340


class ProjectDock:
    """The widgets of a project, in `widget`.

    Parameters
    ----------
    desk : ProjectDesk
    """

    def __init__(self, desk: ProjectDesk) -> None:
        from qtpy.QtCore import Qt, QTimer
        from qtpy.QtWidgets import QLabel, QListWidget, QPushButton, QVBoxLayout, QWidget

        self.desk = desk
        self.widget = QWidget()
        self.widget.setMaximumWidth(WIDTH_PX)
        column = QVBoxLayout(self.widget)
        self.progress = QLabel()
        self.media = QListWidget()
        self.media.setUniformItemSizes(True)
        self.search = _search_box()
        self.search.setPlaceholderText("Label: search the tree")
        self.search.setToolTip(f"Enter gives the first label to what is selected ({KEYS['label']} jumps here)")
        self.labels = QListWidget()
        self.labels.setToolTip("Click: give it to what is selected, or else draw with it")
        for listed in (self.media, self.labels):
            # The keys stay with the picture.
            listed.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.find = QPushButton("Find files …")
        self.buttons: dict[str, Any] = {}
        for each in (self.progress, self.media, *self._rows(_ROWS[:2]), self.search, self.labels, *self._rows(_ROWS[2:])):
            column.addWidget(each)
        (self.decide,) = self._rows((("theirs", "mine"),))
        for each in (self.said, self.decide, self.find):
            column.addWidget(each)
        self.media.itemActivated.connect(lambda item: self._open(str(item.data(_USER_ROLE))))
        self.media.itemClicked.connect(lambda item: self._open(str(item.data(_USER_ROLE))))
        self.search.textEdited.connect(lambda _: self._list_labels())
        self.search.returnPressed.connect(lambda: self._give(0))
        self.labels.itemClicked.connect(lambda item: self._give(self.labels.row(item)))
        self.find.clicked.connect(self._find)
        self._timer, self._soon, self._zoomed, self._fitted = (QTimer(self.widget) for _ in range(4))
        self._timer.setInterval(_FOLLOW_MS)
        self._timer.timeout.connect(desk.follow)
        once = (
            (self._soon, _SOON_MS, self._save),
            (self._zoomed, 150, self._fit_lines),
            (self._fitted, 0, desk.viewer.reset_view),
        )
        for timer, ms, what in once:
            timer.setSingleShot(True)
            timer.setInterval(ms)
            timer.timeout.connect(what)
        desk.tell, desk.shown, desk.soon = self.said.setText, self.refresh, self._soon.start
        desk.viewer.scene.camera.events.zoom.connect(self._on_zoom)
        for name, key in KEYS.items():
            desk.viewer.bind_key(key, lambda _, name=name: self.act(name), overwrite=True)
        self._paths: list[tuple[str, ...]] = []
        self._rows_of: dict[str, int] = {}
        self._list_labels()
        self._list_media()
        self._timer.start()

    def fit_soon(self) -> None:
        """Fit the picture into the window once the window has given its parts their room."""
        self._fitted.start()

    def act(self, name: str) -> None:
        """Do what a button or key of that name stands for."""
        if name == "label":
            self.search.setFocus()
            self.search.selectAll()
            return
        self.desk.act(name)
        self._bind_masks()

    def close(self) -> None:
        """Write what is left, and let go of the files and the keys."""
        self._timer.stop()
        self.desk.viewer.scene.camera.events.zoom.disconnect(self._on_zoom)
        for key in KEYS.values():
            self.desk.viewer.bind_key(key, None, overwrite=True)
        try:
            self.desk.save()
        finally:
            self.desk.close()

    def refresh(self) -> None:
        """Show the progress, the medium that is open, and whether there is something to decide."""
        counts = self.desk.project.counts()
        self.progress.setText(f"<b>{self.desk.project.name}</b>: {counts.reviewed} of {counts.media} looked at")
        self.decide.setVisible(bool(self.desk.conflicts))
        if counts.media != self.media.count():
            self._list_media()
        name = self.desk.medium.name if self.desk.medium is not None else None
        if name in self._rows_of:
            shown = self.desk.project.medium(name)
            self.media.item(self._rows_of[name]).setText(_line(shown))
            if self.media.currentRow() != self._rows_of[name]:
                before = self.media.currentItem()
                if before is not None:
                    before.setText(_line(self.desk.project.medium(str(before.data(_USER_ROLE)))))
                self.media.setCurrentRow(self._rows_of[name])
        self._bind_masks()

    def _rows(self, rows: tuple[tuple[str, ...], ...]) -> list[Any]:
        from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

        found = []
        for names in rows:
            holder = QWidget()
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, 0, 0, 0)
            for name in names:
                title, what = _ACTS[name]
                button = self.buttons[name] = QPushButton(title)
                key = f" Key: {KEYS[name].replace('Control', 'Ctrl')}" if name in KEYS else ""
                button.setToolTip(what + key)
                button.clicked.connect(lambda _=False, name=name: self.act(name))
                row.addWidget(button)
            found.append(holder)
        return found

    def _bind_masks(self) -> None:
        """In the layer of masks too, undo is the one of the project: napari's own would know nothing of what others did."""
        layers = self.desk.layers
        if layers is not None and layers.masks is not None:
            for name in ("undo", "redo"):
                layers.masks.bind_key(KEYS[name], lambda _, name=name: self.act(name), overwrite=True)

    def _save(self) -> None:
        if self.desk.layers is not None and self.desk.layers.busy:
            self._soon.start()
            return
        try:
            self.desk.save()
        except ImagineError as error:
            self.desk.say(str(error))

    def _on_zoom(self, _: Any = None) -> None:
        self._zoomed.start()

    def _fit_lines(self) -> None:
        if self.desk.layers is not None:
            self.desk.layers.fit_lines()

    def _open(self, name: str) -> None:
        if self.desk.medium is not None and self.desk.medium.name == name:
            return
        try:
            self.desk.open(name)
        except ImagineError as error:
            self.desk.say(str(error))

    def _list_media(self) -> None:
        from qtpy.QtWidgets import QListWidgetItem

        self.media.clear()
        self._rows_of.clear()
        for i, shown in enumerate(self.desk.media()):
            item = QListWidgetItem(_line(shown))
            item.setData(_USER_ROLE, shown.medium.name)
            self.media.addItem(item)
            self._rows_of[shown.medium.name] = i

    def _list_labels(self) -> None:
        from qtpy.QtGui import QColor, QIcon, QPixmap
        from qtpy.QtWidgets import QListWidgetItem

        text = self.search.text().strip()
        if self.desk.tree is not None:
            self._paths = [label.path for label in self.desk.tree.search(text, limit=_MOST_LABELS)]
        else:
            known = [path for path in self.desk.project.counts().labels if path and text.lower() in path[-1].lower()]
            self._paths = [*known, *([(text,)] if text and (text,) not in known else [])]
        self.labels.clear()
        for path in self._paths:
            item = QListWidgetItem(path[-1] if len(path) == 1 else f"{path[-1]}   ({' > '.join(path[:-1])})")
            pixmap = QPixmap(12, 12)
            pixmap.fill(QColor(self.desk.colour_of(path)))
            item.setIcon(QIcon(pixmap))
            self.labels.addItem(item)

    def _give(self, row: int) -> None:
        if not 0 <= row < len(self._paths):
            self.desk.say("There is no such label: search for another.")
            return
        try:
            self.desk.give(label=self._paths[row])
        except ImagineError as error:
            self.desk.say(str(error))
        self.labels.setCurrentRow(row)
        self.desk.viewer.window._qt_viewer.canvas.native.setFocus()

    def _find(self) -> None:
        from qtpy.QtWidgets import QFileDialog

        folder = QFileDialog.getExistingDirectory(self.widget, "The folder with the files of the project")
        if folder:
            self.find_in(Path(folder))

    def look_in(self, folder: Path) -> int:
        """Look for the files of the project in a folder; how many were found."""
        from imagine_kernels.apps.annotate.adding import find_again

        return find_again(self.desk.project, self.desk.places, folder, lambda *_: None)

    def find_in(self, folder: Path) -> None:
        """Look for the files of the project in a folder, and open the first medium where none is open."""
        try:
            n = self.look_in(folder)
            first = self.desk.first()
            if self.desk.medium is None and n and first is not None:
                self.desk.open(first)
                self.desk.say(f"{n} files found in {folder}. {self.desk.said}")
            else:
                self.desk.say(f"{n} files found in {folder}.")
        except ImagineError as error:
            self.desk.say(str(error))


def _search_box() -> Any:
    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QLineEdit

    class SearchBox(QLineEdit):
        """Keeps its keys: napari would take a letter that is let go here for the end of one of its own."""

        def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
            event.accept()

    return SearchBox()


#: Qt.ItemDataRole.UserRole, as a number: Qt is imported when it is used.
_USER_ROLE = 256


def _line(shown: Any) -> str:
    n = sum(count for status, count in shown.counts.items() if status != "discarded")
    return f"{'✓' if shown.reviewed_by else '   '} {shown.medium.name}{f'   ({n})' if n else ''}"
