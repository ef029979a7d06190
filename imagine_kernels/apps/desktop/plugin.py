"""What a napari that was started otherwise finds here, by the manifest ``napari.yaml``: readers, writers and the dock of a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imagine_kernels.apps.desktop.mosaic import LayerData
from imagine_kernels.errors import ImagineError

Reader = Callable[[str], list[LayerData]]


def picture_reader(path: str | Sequence[str]) -> Reader | None:
    """Reads a picture that is too large to be decoded whole; napari reads the others itself."""
    from imagine_kernels.media.pictures import WHOLE_BYTES
    from imagine_kernels.media.rasters import Raster

    if not isinstance(path, str):
        return None
    try:
        raster = Raster(Path(path))
    except ImagineError:
        return None
    raster.close()
    values = raster.width * raster.height * (3 if raster.colour else 1)
    return _read_medium if values * raster.dtype.itemsize > WHOLE_BYTES else None


def medium_reader(path: str | Sequence[str]) -> Reader | None:
    """Reads a video or a recording."""
    from imagine_kernels.media.viewing import kind_of

    return _read_medium if isinstance(path, str) and kind_of(path) in ("video", "sound") else None


def annotation_reader(path: str | Sequence[str]) -> Reader | None:
    """Reads annotations in an exchange format, whichever it is."""
    from imagine_kernels.formats.interchange import open_annotations

    if not isinstance(path, str):
        return None
    try:
        open_annotations(Path(path))
    except ImagineError:
        return None
    return _read_annotations


def write_coco(path: str, layers: list[LayerData]) -> list[str]:
    """Write annotations as COCO."""
    return _write(path, layers, "coco")


def write_cvat(path: str, layers: list[LayerData]) -> list[str]:
    """Write annotations as CVAT for images 1.1."""
    return _write(path, layers, "cvat")


def write_biigle(path: str, layers: list[LayerData]) -> list[str]:
    """Write annotations as a BIIGLE image report."""
    return _write(path, layers, "biigle")


def write_viame(path: str, layers: list[LayerData]) -> list[str]:
    """Write annotations as VIAME CSV."""
    return _write(path, layers, "viame")


def write_table(path: str, layers: list[LayerData]) -> list[str]:
    """Write annotations as a CSV."""
    return _write(path, layers, "annotations-csv")


def annotation_project() -> Any:
    """The dock of a project, for the window that is open: a widget in which a project is chosen first."""
    import napari
    from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

    from imagine_kernels.annotation import Person, Projects
    from imagine_kernels.apps.desktop.opening import dock_of, open_first

    viewer, widget = napari.current_viewer(), QWidget()
    column, choice, said, button = QVBoxLayout(widget), QComboBox(), QLabel(), QPushButton("Open")
    said.setWordWrap(True)
    for each in (choice, button, said):
        column.addWidget(each)
    column.addStretch()

    def show() -> None:
        try:
            dock = dock_of(viewer, store, store.open(choice.currentText(), by=person))
            first = dock.desk.first()
            if first is not None:
                open_first(dock, first, asked=False)
        except ImagineError as error:
            said.setText(str(error))
            return
        for each in (choice, button, said):
            each.hide()
        column.insertWidget(0, dock.widget, 1)

    button.clicked.connect(show)
    person = Person.here()
    try:
        store = Projects()
        choice.addItems([each.name for each in store.of(person)])
    except ImagineError as error:
        said.setText(str(error))
    if not choice.count():
        button.setEnabled(False)
        said.setText(
            said.text() or "You have no role in any project: make one in the annotate app, or by `imagine projects create`."
        )
    return widget


def _read_medium(path: str) -> list[LayerData]:
    from imagine_kernels.apps.desktop.arrays import open_medium
    from imagine_kernels.apps.desktop.exchange import picture_layer

    place = Path(path)
    return [picture_layer(open_medium(place, wait_s=None), place.name)]


def _read_annotations(path: str) -> list[LayerData]:
    from imagine_kernels.apps.desktop.exchange import read

    layers, notes = read(Path(path), shown=_shown_names())
    for note in notes:
        _say(note)
    return layers


def _write(path: str, layers: list[LayerData], to: str) -> list[str]:
    from imagine_kernels.apps.desktop.exchange import write

    for note in write(Path(path), layers, to=to, shown=_shown_pictures()):
        _say(note)
    return [path]


def _shown_pictures() -> dict[str, tuple[int, int]]:
    """Name, width and height of the pictures in the window, where there is one."""
    import napari

    viewer = napari.current_viewer()
    images = [layer for layer in (viewer.layers if viewer else ()) if hasattr(layer, "rgb")]
    found = {}
    for layer in images:
        shape = layer.data[0].shape if layer.multiscale else layer.data.shape
        height, width = shape[-3:-1] if layer.rgb else shape[-2:]
        name = Path(layer.source.path).name if layer.source.path else layer.name
        found[name] = (int(width), int(height))
    return found


def _shown_names() -> list[str]:
    return list(_shown_pictures())


def _say(note: str) -> None:
    from napari.utils.notifications import show_info

    show_info(note)
