"""The annotations of one medium as layers of napari, and what a person has changed in them.

Nothing here listens to what napari says it does: the layers are compared with what was drawn. So every tool of napari counts, and what
nobody has touched is never written.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from imagine_kernels.annotation import Edit, Stored
from imagine_kernels.apps.desktop.arrays import Opened
from imagine_kernels.apps.desktop.drawing import COLUMNS, Drawn, Key, drawn, frame_of, table_of, table_of_masks
from imagine_kernels.apps.desktop.geometry import Points, changed, shape_of
from imagine_kernels.apps.desktop.masks import MaskWindow
from imagine_kernels.apps.desktop.showing import placed
from imagine_kernels.errors import ImagineError
from imagine_kernels.records import Annotation, Shape

#: Width of lines on the screen, px, and with how many shapes it follows the zoom.
_LINE_PX, _MOST_FOLLOWING = 2.0, 3000
#: How many lines wide a point is.
_POINT = 5
#: The layers: what a person changes, and what is only shown.
SHAPES, POINTS, MASKS, SHOWN, KEYPOINTS, OURS = "shapes", "points", "masks", "shown only", "keypoints", "yours, in conflict"
NAMES = (SHAPES, POINTS, MASKS, SHOWN, KEYPOINTS, OURS)


@dataclass(frozen=True, slots=True)
class Found:
    """What a person has changed: the edits for the store, and what cannot be kept, with the reason."""

    edits: tuple[Edit, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


class MarkLayers:
    """The layers of one medium.

    Parameters
    ----------
    viewer : napari.Viewer
    opened : Opened
    place : mapping
        ``scale`` and ``units`` of rows and columns.
    marks : dict of str to Stored
        What the store has, by id; held by the desk.
    colour : callable ``(annotation)``
        Colour of an annotation.
    draft : callable ``(id, shape)``
        A new annotation.
    touched : callable
        Called when a layer was changed by a person.
    """

    def __init__(
        self,
        viewer: Any,
        opened: Opened,
        place: Mapping[str, Any],
        *,
        marks: dict[str, Stored],
        colour: Callable[[Annotation], str],
        draft: Callable[[str, Shape], Annotation],
        touched: Callable[[], None],
    ) -> None:
        self.viewer, self.opened, self.place, self.marks = viewer, opened, dict(place), marks
        self._colour, self._draft, self._touched = colour, draft, touched
        self._quiet = self._down = False
        self._held: dict[str, dict[Key, tuple[str, Points]]] = {}
        self._values: dict[str, int] = {}
        self.window: MaskWindow | None = None
        self.masks: Any = None
        ndim = 2 if opened.times is None else 3
        options = {"ndim": ndim, "features": table_of([], {}), **placed(opened, place)}
        thin = {"face_color": "transparent", "edge_width": self._width(), "opacity": 1.0}
        round_ = {"size": _POINT * self._width(), "border_width": 0.0, "opacity": 1.0}
        self.shown = viewer.add_shapes(name=SHOWN, **thin, **options)
        self.keypoints = viewer.add_points(name=KEYPOINTS, symbol="diamond", **round_, **options)
        self.ours = viewer.add_shapes(name=OURS, **thin, **options)
        self.shapes = viewer.add_shapes(name=SHAPES, **thin, **options)
        self.points = viewer.add_points(name=POINTS, **round_, **options)
        self.redraw(marks)
        for layer in (self.shown, self.keypoints, self.ours):
            layer.editable = False
            layer.visible = len(layer.data) > 0
        for layer in (self.shapes, self.points):
            layer.events.data.connect(self._on_change)
        viewer.mouse_drag_callbacks.append(self._follow_mouse)
        viewer.layers.selection.active = self.shapes

    def close(self) -> None:
        """Take the layers out of the window."""
        with self._silently():
            self.viewer.mouse_drag_callbacks.remove(self._follow_mouse)
            for name in NAMES:
                if name in self.viewer.layers:
                    self.viewer.layers.remove(name)

    @property
    def busy(self) -> bool:
        """Whether something is being drawn or moved just now."""
        return bool(self._down or self.shapes._is_creating or self.shapes._is_moving)

    @property
    def selected(self) -> list[str]:
        """The ids of what is selected."""
        found = [key[0] for layer in (self.shapes, self.points) for i, key in enumerate(_keys(layer)) if i in layer.selected_data]
        if self.masks is not None and self.viewer.layers.selection.active is self.masks:
            found += [id_ for id_, value in self._values.items() if value == self.masks.selected_label]
        return [id_ for id_ in dict.fromkeys(found) if id_ in self.marks]

    def select(self, ids: Iterable[str]) -> None:
        """Select these, and nothing else."""
        wanted = set(ids)
        for layer in (self.shapes, self.points):
            layer.selected_data = {i for i, key in enumerate(_keys(layer)) if key[0] in wanted}

    @property
    def unshown(self) -> int:
        """How many annotations have no place in a layer: those of a whole medium, and masks in videos."""
        shown = {key[0] for held in self._held.values() for key in held} | set(self._values)
        return sum(id_ not in shown for id_ in self.marks)

    # What the store has.

    def redraw(self, ids: Iterable[str]) -> None:
        """Draw these anew as `marks` has them now; those that it has not go."""
        wanted = dict.fromkeys(ids)
        made: dict[str, list[Drawn]] = defaultdict(list)
        masks = False
        for id_ in wanted:
            stored = self.marks.get(id_)
            masks = masks or id_ in self._values or (stored is not None and stored.annotation.shape.kind == "mask")
            for each in drawn(stored, self.opened) if stored else ():
                made[each.layer].append(each)
        with self._silently():
            for layer in (self.shapes, self.points, self.shown, self.keypoints):
                self._redraw(layer, made[layer.name], wanted)
            for layer in (self.shown, self.keypoints):
                layer.visible = len(layer.data) > 0
            if masks and self.opened.times is None:
                self.paint()

    def settle(self, ids: Iterable[str]) -> None:
        """These are in the store as they are drawn: give them their colours and features."""
        with self._silently():
            for layer in (self.shapes, self.points):
                if set(ids) & {key[0] for key in _keys(layer)}:
                    self._dress(layer, _keys(layer))
                    self._hold(layer)
            self._dress_masks()

    def show_ours(self, shapes: Iterable[tuple[str, Annotation]]) -> None:
        """What the person wanted, and somebody else has changed meanwhile."""
        made = [each for id_, annotation in shapes for each in drawn(Stored(annotation, 0), self.opened, lines_only=True)]
        with self._silently():
            self._redraw(self.ours, made, {key[0] for key in _keys(self.ours)})
            self.ours.edge_color = "red"
            self.ours.visible = len(self.ours.data) > 0

    def paint(self, x: float | None = None, y: float | None = None) -> None:
        """Show the masks, and let a person paint; of a large picture those around a point, where they are not shown yet."""
        masks = {id_: stored.annotation.shape for id_, stored in self.marks.items() if stored.annotation.shape.kind == "mask"}
        with self._silently():
            if self.window is None or x is not None:
                if x is None or y is None:
                    box = next(iter(masks.values())).box if masks else None
                    x, y = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) if box else (0.0, 0.0)
                self.window = MaskWindow.around(x, y, self.opened.width, self.opened.height)
                self._add_masks()
            self._values = {id_: value for id_, value in self._values.items() if id_ in masks}
            for id_ in masks:
                self._values.setdefault(id_, max([0, *self._values.values()]) + 1)
            self.window.draw({self._values[id_]: shape.numbers for id_, shape in masks.items()})
            self._dress_masks()
            self.masks.refresh()

    def fit_lines(self) -> None:
        """Lines are as wide on the screen as before and points as large, however far it is zoomed."""
        width = self._width()
        for layer in (self.shapes, self.shown, self.ours):
            now = layer.current_edge_width
            if len(layer.data) <= _MOST_FOLLOWING and not self.busy and not 1 / 1.5 < width / max(now, 1e-9) < 1.5:
                with self._silently():
                    chosen = set(layer.selected_data)
                    layer.selected_data = set()
                    layer.current_edge_width = width
                    if len(layer.data):
                        layer.edge_width = [width] * len(layer.data)
                    layer.selected_data = chosen
        for layer in (self.points, self.keypoints):
            if not 1 / 1.5 < _POINT * width / layer.current_size < 1.5:
                with self._silently():
                    chosen = set(layer.selected_data)
                    layer.selected_data = set()
                    layer.current_size = layer.size = _POINT * width
                    layer.selected_data = chosen

    # What a person has changed.

    def changes(self) -> Found:
        """What is different from what was drawn; it counts as drawn from now on."""
        edits: list[Edit] = []
        refused: dict[str, str] = {}
        altered: dict[str, dict[int, tuple[Any, Any] | None]] = defaultdict(dict)
        for layer in (self.shapes, self.points):
            held, seen, keys = self._held[layer.name], set(), _keys(layer)
            for i, (key, now) in enumerate(zip(list(keys), _contents(layer), strict=True)):
                if key in held and key not in seen:
                    seen.add(key)
                    if held[key][0] != now[0] or not np.array_equal(held[key][1], now[1]):
                        altered[key[0]][key[1]] = (held[key], now)
                    continue
                # Drawn, or pasted with the features of another.
                keys[i] = (str(uuid.uuid4()), 0)
                try:
                    edits.append(Edit.new(self._draft(keys[i][0], self._new_shape(now))))
                except ImagineError as error:
                    refused[keys[i][0]] = str(error)
            for key in held.keys() - seen:
                altered[key[0]][key[1]] = None
            with self._silently():
                if keys != _keys(layer):
                    self._dress(layer, keys)
                self._hold(layer)
        for id_, frames in altered.items():
            try:
                edits.append(self._edit(id_, frames))
            except ImagineError as error:
                refused[id_] = str(error)
        return Found((*edits, *self._painted()), refused)

    def _edit(self, id_: str, frames: Mapping[int, tuple[Any, Any] | None]) -> Edit:
        stored = self.marks[id_]
        shape = stored.annotation.shape
        for keyframe, pair in frames.items():
            if pair is not None:
                (was, old), (name, new) = pair
                shape = changed(shape, keyframe, (was, old[:, -2:]), (name, new[:, -2:]), self.opened.axes)
        gone = {keyframe for keyframe, pair in frames.items() if pair is None}
        left = [i for i in range(len(shape.keyframes)) if i not in gone]
        if not any(shape.keyframes[i] for i in left):
            return Edit(id=id_, base=stored.version, deleted=True)
        if gone:
            shape = Shape(shape.kind, tuple(shape.keyframes[i] for i in left), tuple(shape.frames[i] for i in left))
        return Edit(id=id_, base=stored.version, shape=shape)

    def _new_shape(self, now: tuple[str, Points]) -> Shape:
        name, data = now
        shape = Shape.of(*shape_of(name, data[:, -2:], self.opened.axes))
        times = self.opened.times
        if times is None:
            return shape
        return replace(shape, frames=(float(times[frame_of(float(data[0, 0]), len(times))]),))

    def _painted(self) -> Iterator[Edit]:
        if self.window is None:
            return
        ids = {value: id_ for id_, value in self._values.items()}
        for value, numbers in self.window.changes().items():
            stored = self.marks.get(ids.get(value, ""))
            if stored is None and numbers is not None:
                id_ = str(uuid.uuid4())
                self._values[id_] = value
                yield Edit.new(self._draft(id_, Shape.of("mask", numbers)))
            elif stored is not None:
                part = {"deleted": True} if numbers is None else {"shape": Shape.of("mask", numbers)}
                yield Edit(id=stored.annotation.id, base=stored.version, **part)

    # Layers.

    def _redraw(self, layer: Any, made: list[Drawn], ids: Iterable[str]) -> None:
        wanted, keys = set(ids), _keys(layer)
        chosen = {keys[i] for i in layer.selected_data}
        gone = [i for i, key in enumerate(keys) if key[0] in wanted]
        if not gone and not made:
            self._hold(layer)
            return
        layer.selected_data = set()
        if gone:
            layer.remove(gone)
        keys = [key for key in keys if key[0] not in wanted] + [each.key for each in made]
        if made and layer in (self.points, self.keypoints):
            layer.add(np.concatenate([each.data for each in made]))
        elif made:
            layer.add([each.data for each in made], shape_type=[each.type for each in made], edge_width=layer.current_edge_width)
        self._dress(layer, keys)
        self._hold(layer)
        layer.selected_data = {i for i, key in enumerate(keys) if key in chosen}

    def _dress(self, layer: Any, keys: list[Key]) -> None:
        """Features and colours of the rows with these keys."""
        chosen = set(layer.selected_data)
        layer.selected_data = set()
        layer.features = table_of(keys, self.marks)
        colours = [self._colour_of(key[0]) for key in keys]
        if colours and layer in (self.points, self.keypoints):
            layer.face_color = colours
        elif colours:
            layer.edge_color = colours
        layer.selected_data = chosen

    def _colour_of(self, id_: str) -> str:
        stored = self.marks.get(id_)
        return "#ffffff" if stored is None else self._colour(stored.annotation)

    def _hold(self, layer: Any) -> None:
        self._held[layer.name] = dict(zip(_keys(layer), _contents(layer), strict=True))

    def _add_masks(self) -> None:
        assert self.window is not None  # made by whoever calls
        scale, window = self.place["scale"], self.window
        self._values = {}
        place = {**self.place, "translate": (window.top * scale[0], window.left * scale[1])}
        if self.masks is not None:
            self.viewer.layers.remove(MASKS)
        at = self.viewer.layers.index(self.shown)
        active = self.viewer.layers.selection.active
        self.masks = self.viewer.add_labels(window.values, name=MASKS, opacity=0.5, **place)
        self.viewer.layers.move(len(self.viewer.layers) - 1, at)
        self.viewer.layers.selection.active = active
        # The layer may not have copied it: what is painted is seen here.
        window.values = self.masks.data
        self.masks.events.paint.connect(self._on_change)

    def _dress_masks(self) -> None:
        if self.masks is None or self.window is None:
            return
        from napari.utils.colormaps import DirectLabelColormap

        known = {id_: value for id_, value in self._values.items() if id_ in self.marks}
        colours: dict[int | None, str] = {None: "#ffffff", 0: "transparent"}
        colours.update({value: self._colour_of(id_) for id_, value in known.items()})
        self.masks.colormap = DirectLabelColormap(color_dict=colours)
        self.masks.features = table_of_masks(known, self.marks)
        if self.masks.selected_label not in known.values() or self.masks.mode == "pan_zoom":
            self.masks.selected_label = self.window.free()

    def _width(self) -> float:
        """Of a line in data units."""
        return float(_LINE_PX / max(self.viewer.scene.camera.zoom * self.place["scale"][1], 1e-9))

    @contextmanager
    def _silently(self) -> Iterator[None]:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _on_change(self, _: Any = None) -> None:
        if not self._quiet:
            self._touched()

    def _follow_mouse(self, _: Any, event: Any) -> Iterator[None]:
        self._down = True
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self._down = False


def _keys(layer: Any) -> list[Key]:
    """The id and the keyframe of each row, as the features say; nothing is true of what a person has just drawn."""
    table = layer.features
    return [
        (id_ if isinstance(id_, str) else "", 0 if np.isnan(keyframe) else int(keyframe))
        for id_, keyframe in zip(table[COLUMNS[0]], table[COLUMNS[1]], strict=True)
    ]


def _contents(layer: Any) -> list[tuple[str, Points]]:
    if not hasattr(layer, "shape_type"):
        return [("point", np.array(row, dtype=np.float64)[None]) for row in layer.data]
    return [(str(name), np.array(data, dtype=np.float64)) for name, data in zip(layer.shape_type, layer.data, strict=True)]
