"""Marks side by side as small pictures, and many of them named at one go."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate import writing
from imagine_kernels.apps.annotate.marks import Json, path_from_page, refused, shape_to_page
from imagine_kernels.errors import DataError, ImagineError
from imagine_kernels.widgets.part import Reply

if TYPE_CHECKING:
    from imagine_kernels.apps.annotate.helping import Helper
    from imagine_kernels.assistance import Item
    from imagine_kernels.assistance.items import Path

_ORDERS = ("mistakes", "name", "newest")
_MOST = 500
_SIDE_PX = 128
_log = logging.getLogger(__name__)
#: What is asked of a grid, and medium and id of all that is in it, in order.
Asked = tuple["Path | None", str, tuple[str, ...]]


class Grids:
    """The grid of one project.

    Parameters
    ----------
    helper : Helper
    """

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        self._held: tuple[Asked, list[tuple[str, str | None]]] | None = None

    def grid(self, given: Mapping[str, Any]) -> Reply:
        """A page of the grid, with a small picture of each item; the order stays as it was at the first page."""
        from imagine_kernels.assistance import find

        path = None if given.get("path") is None else path_from_page(given["path"])
        asked: Asked = (path, str(given.get("order") or "mistakes"), tuple(map(str, given.get("statuses") or ())))
        begin, limit = max(0, int(given.get("after") or 0)), min(max(int(given.get("limit") or 100), 1), _MOST)
        held = self._held
        if not begin or held is None or held[0] != asked:
            held = self._held = (asked, self._ordered(*asked))
        keys = held[1]
        part = [item for item in find(self._helper.desk.project, keys[begin : begin + limit]) if item is not None]
        shown = self._with_opinion(part)
        following = begin + limit if begin + limit < len(keys) else None
        return Reply({"items": shown, "count": len(keys), "next": following}, [self._thumbnail(item) for item in part])

    def shown(self, item: Item, own: float | None, suggestions: Sequence[tuple[Path, float]]) -> Json:
        """An item as the page has it."""
        return {
            "medium": item.medium.name,
            "id": item.id,
            "version": item.version,
            "path": list(item.path),
            "status": item.status,
            "own": own,
            "suggestions": [{"path": list(path), "probability": probability} for path, probability in suggestions],
        }

    def relabel(self, given: Mapping[str, Any]) -> Json:
        """Give many items a label and a status at one go; without a label each keeps its own."""
        path, status = path_from_page(given.get("path")), str(given.get("status") or "validated")
        edits, wrong = [], []
        project = self._helper.desk.project
        for each, item in zip(given["items"], self._found(given["items"]), strict=True):
            try:
                edits.append(_edit(each, item, path, status, project.person.name))
            except ImagineError as error:
                wrong.append(refused(each, error))
        written = writing.write(project, edits)
        written["refused"] += wrong
        return written

    def _found(self, asked: Sequence[Mapping[str, Any]]) -> list[Item | None]:
        """The items as they are now; for a medium as a whole its mark, if it has got one meanwhile, or had one."""
        from imagine_kernels.assistance import Item
        from imagine_kernels.assistance.items import item_of, whole_id

        project = self._helper.desk.project
        media = {name: project.medium(name).medium for name in {str(each["medium"]) for each in asked}}
        ids = [str(each.get("id") or whole_id(project, media[str(each["medium"])])) for each in asked]
        stored = {each.annotation.id: each for each in project.several(ids)}
        found: list[Item | None] = []
        for each, id_ in zip(asked, ids, strict=True):
            medium = media[str(each["medium"])]
            if id_ in stored:
                found.append(item_of(stored[id_], medium))
            else:
                found.append(None if each.get("id") else Item(medium=medium, id=id_))
        return found

    def _ordered(self, path: Path | None, order: str, statuses: tuple[str, ...]) -> list[tuple[str, str | None]]:
        from imagine_kernels.assistance.likely import by_name, items_with, likely_mistakes, newest

        if order not in _ORDERS:
            raise DataError(f"There is no order {order!r}: use one of {', '.join(_ORDERS)}.")
        items = items_with(self._helper.desk.project, path, statuses)
        if order == "mistakes":
            self._helper.looking_no_more.clear()
            items = likely_mistakes(
                items,
                self._helper.model(),
                self._helper.looker,
                progress=self._helper.meter(),
                cancel=self._helper.looking_no_more,
            )
        else:
            items = by_name(items) if order == "name" else newest(items)
        return [(item.medium.name, item.id) for item in items]

    def _with_opinion(self, items: Sequence[Item]) -> list[Json]:
        """Items with what the model says of them; without that where there is no model."""
        if self._helper.in_use() is None:
            return [self.shown(item, None, []) for item in items]
        opinion = self._helper.model().opinion(self._helper.looker, items)
        return [self.shown(item, opinion.own(i, item.path), opinion.top(i)) for i, item in enumerate(items)]

    def _thumbnail(self, item: Item) -> bytes:
        try:
            return self._helper.crops.thumbnail(item, _SIDE_PX)
        except ImagineError as error:
            _log.info("No small picture of %s: %s", item.medium.name, error)
            return b""


def _edit(asked: Mapping[str, Any], item: Item | None, path: Path, status: str, person: str) -> Json:
    """One change as the page would send it."""
    if item is None:
        raise DataError("This mark is not there any more: read the project again.")
    if not path and not item.labels:
        raise DataError("It has no label yet: choose one.")
    edit: Json = {"id": item.id, "key": str(uuid.uuid4()), "status": status}
    if path:
        others = [label for label in item.labels if label.annotator != person]
        kept = [
            {"path": list(each.path), "annotator": each.annotator, "given_at": each.given_at, "confidence": each.confidence}
            for each in others
        ]
        edit["labels"] = [{"path": list(path), "annotator": "", "given_at": "", "confidence": None}, *kept]
    if asked.get("id"):
        return {**edit, "base": int(asked["version"])}
    if item.version:
        # The medium as a whole has got its mark meanwhile, or had one that was deleted.
        return {**edit, "base": item.version, "deleted": False}
    return {**edit, "base": 0, "medium": item.medium.name, "shape": shape_to_page(item.shape)}
