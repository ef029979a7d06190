"""Objects of a session that are several: what the page needs to draw a cut, and the parts, identified by the model of the session.

Whatever was ever there is kept in one result, the pool: the objects as they were opened, and after them all parts, those too whose cut was
taken back. The history says which of them are there now.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.apps.payload import columns
from imagine_kernels.errors import DataNotFound, ImagineError
from imagine_kernels.records.cuts import PROPOSED_CUT, Lines, from_wkt
from imagine_kernels.result import RESULT_FILE
from imagine_kernels.widgets.part import Reply
from imagine_kernels.widgets.thumbnails import TYPE, Thumbnails, encode

if TYPE_CHECKING:
    from imagine_kernels.annotation import Correction
    from imagine_kernels.result import Result
    from imagine_kernels.workflow import Workflow

#: The folder of the pool, in that of the session.
POOL = "pool"
#: So many lines, and points in one, no person draws.
_MOST = 1000


def pool_of(workflow: Workflow, folder: Path) -> Result:
    """What a session works on: its pool, or the result as it was identified where nothing was divided yet."""
    # Written last: without it a first saving was cut off, and the tables of the session are whole still.
    return workflow.result(folder / POOL if (folder / POOL / RESULT_FILE).is_file() else folder)


def lines_of(given: Any) -> Lines:
    """Lines that a page has sent.

    Raises
    ------
    ImagineError
        They are none.
    """
    try:
        lines = tuple(tuple((round(float(x)), round(float(y))) for x, y in line) for line in given)
    except (TypeError, ValueError, OverflowError):
        lines = ()
    if not lines or any(len(line) < 2 for line in lines):
        raise ImagineError("There is no line to divide along: draw one right through the object.")
    if len(lines) > _MOST or any(len(line) > _MOST for line in lines):
        raise ImagineError("These are too many lines to divide along: draw fewer.")
    return lines


def whole_of(rows: Sequence[Correction], part: str) -> str:
    """The object that a part was cut from.

    Raises
    ------
    ImagineError
        It is no part.
    """
    for row in reversed(rows):
        if row.cut is not None and part in row.cut.parts:
            return row.object_ids[0]
    raise ImagineError(f"{part} is no part of another object: there is nothing to join.")


class Pool:
    """Everything that was ever there in a session, as the model left it, with its pictures.

    Parameters
    ----------
    workflow : Workflow
    result : Result
        As `pool_of` gives it.
    rows : sequence of Correction
        The history of the session.
    model_hash : str
        Of the model that identified it.
    folder : Path
        Of the session.
    """

    def __init__(self, workflow: Workflow, result: Result, rows: Sequence[Correction], *, model_hash: str, folder: Path) -> None:
        self.result = result
        made = {part for row in rows if row.cut is not None for part in row.cut.parts}
        n_parts = len(made & set(result.predictions.object_id.tolist()))
        # Small pictures of parts, which come and go, are not kept on disk.
        self.thumbnails = Thumbnails(folder, len(result) - n_parts)
        self._small: dict[int, bytes | None] = {}
        self._part_sizes = np.zeros((n_parts, 2), dtype=np.uint16)
        self._saved = len(result)
        self._workflow, self._model_hash, self._folder = workflow, model_hash, folder

    @property
    def sizes(self) -> NDArray[np.uint16]:
        """(n, 2) width and height of each picture, px; 0 where not known yet."""
        return np.concatenate([self.thumbnails.sizes, self._part_sizes])

    def parts_of(self, object_id: str, lines: Lines) -> Result:
        """The parts that lines leave of one object, identified; they are not in the pool yet.

        Raises
        ------
        DataError
            The lines do not divide it.
        DataNotFound
            The model of the session is not there any more.
        ImagineError
            Objects of this use case are not divided, or a part cannot be identified.
        """
        declared = self._workflow.declaration
        if declared.divide is None:
            raise ImagineError(f"A {declared.unit_noun} is not divided here: discard it instead.")
        parts = declared.divide(self.result.sample, {object_id: lines})
        folder = next((each["folder"] for each in self._workflow.models() if each["hash"] == self._model_hash), None)
        if folder is None:
            name = self.result.model.get("name", "that identified this sample")
            raise DataNotFound(f"The model {name} is not there any more, so that parts cannot be identified: put it back.")
        found = self._workflow.identify(parts, folder)
        if len(found) != len(parts):
            raise ImagineError(f"A part of {object_id} cannot be identified: look whether its picture is still there.")
        return found

    def take_over(self, rows: Sequence[Correction]) -> list[tuple[Result, str]]:
        """Make the parts that another page, or one that was cut off, has made and that are not in the pool yet; each with its whole."""
        made: list[tuple[Result, str]] = []
        for row in rows:
            if row.cut is not None and not set(row.cut.parts) <= set(self.result.predictions.object_id.tolist()):
                parts = _renamed(self.parts_of(row.object_ids[0], row.cut.lines), row.cut.parts)
                self.grow(parts, row.object_ids[0])
                made.append((parts, row.object_ids[0]))
        return made

    def grow(self, parts: Result, whole: str) -> None:
        """Put the parts of an object into the pool."""
        pictures = self._workflow.pictures(parts.sample)
        sizes = [(0, 0) if isinstance(each, Exception) else (each.shape[1], each.shape[0]) for each in pictures]
        self._part_sizes = np.concatenate([self._part_sizes, np.minimum(np.array(sizes), 65535).astype(np.uint16)])
        self.result = self.result.with_parts(parts, of=whole, keep_whole=True)

    def told(self, parts: Result, whole: str) -> tuple[dict[str, Any], list[bytes]]:
        """Parts that are in the pool now, as the page takes them: their columns, the row of the first, and that of the object."""
        place = {object_id: row for row, object_id in enumerate(self.result.predictions.object_id.tolist())}
        first = place[str(parts.predictions.object_id[0])]
        begin = first - len(self.thumbnails.sizes)
        names, buffers = columns(parts, self._part_sizes[begin : begin + len(parts)])
        return {**names, "first": first, "whole": place[whole]}, buffers

    def make(self, stop: threading.Event) -> bool:
        """Make all small pictures that are kept, and measure the others; True where there was something to do and it was done."""
        n = len(self.thumbnails.sizes)
        unknown = n + np.flatnonzero((self._part_sizes == 0).all(axis=1))
        if self.thumbnails.complete and not len(unknown):
            return False
        if not self.thumbnails.complete and not self.thumbnails.make(
            self._workflow.pictures(self.result.sample, np.arange(n)), stop=stop
        ):
            return False
        for row, picture in zip(unknown.tolist(), self._workflow.pictures(self.result.sample, unknown), strict=True):
            if not isinstance(picture, Exception):
                self._part_sizes[row - n] = min(picture.shape[1], 65535), min(picture.shape[0], 65535)
        return True

    def save(self) -> None:
        """Keep what was divided since the last time."""
        pool = self.result
        if len(pool) > self._saved:
            pool.save(self._folder / POOL)
            self._saved = len(pool)

    # Pictures.

    def picture(self, row: int) -> NDArray[np.uint8]:
        """The picture of one object; raises its `ImageError` where it cannot be decoded."""
        picture = next(self._workflow.pictures(self.result.sample, [row]))
        if isinstance(picture, Exception):
            raise picture
        return picture

    def thumbs(self, rows: Sequence[int]) -> list[bytes | None]:
        """Small pictures; what is not made yet is made now."""
        n = len(self.thumbnails.sizes)
        missing = [row for row in rows if (row not in self._small if row >= n else not self.thumbnails.has(row))]
        if missing:
            for row, found in zip(missing, self._workflow.pictures(self.result.sample, missing), strict=True):
                picture = None if isinstance(found, Exception) else found
                if row < n:
                    self.thumbnails.add(row, picture)
                else:
                    self._small[row] = None if picture is None else encode(picture)
        whole = iter(self.thumbnails.get([row for row in rows if row < n]))
        return [self._small[row] if row >= n else next(whole) for row in rows]

    def cut(self, row: int) -> Reply:
        """What is needed to draw a cut through one object: its picture, where that lies in its source, and the cut that is proposed."""
        picture = self.picture(row)
        facts = self.result.sample.objects.iloc[row]
        height, width = picture.shape
        # An object lies in the middle of its picture, with the same rim on both sides.
        left = int(facts["object_bx"]) - (width - int(facts["object_width"])) // 2
        top = int(facts["object_by"]) - (height - int(facts["object_height"])) // 2
        value = {"x": left, "y": top, "width": width, "height": height, "lines": from_wkt(facts.get(PROPOSED_CUT)), "type": TYPE}
        return Reply(value, [encode(picture, side=None)])


def _renamed(parts: Result, ids: Sequence[str]) -> Result:
    """Parts that are made again, under the ids that the history knows them by."""
    names = np.array(list(ids), dtype=object)
    if len(names) != len(parts):
        raise ImagineError(f"{ids[0]} and its neighbours cannot be made again, the picture has changed: open the sample anew.")
    sample = replace(parts.sample, objects=parts.sample.objects.assign(object_id=names))
    return replace(parts, sample=sample, predictions=replace(parts.predictions, object_id=names))
