"""Edits of the page, saved one by one where they must be, so that a bad one never hinders the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate.marks import MOST_EDITS, Json, conflict_to_page, edit_from_page, refused
from imagine_kernels.errors import DataError, ImagineError, LabelError, UnknownName

if TYPE_CHECKING:
    from imagine_kernels.annotation import Edit, Project


def write(project: Project, given: Sequence[Any]) -> Json:
    """Save edits.

    Raises
    ------
    DataError
        There are too many, or the database cannot be written.
    NotAllowed
        The person may not write.
    """
    if len(given) > MOST_EDITS:
        raise DataError(f"The page has sent {len(given)} changes at once: send at most {MOST_EDITS} at a time.")
    found: Json = {"saved": [], "conflicts": [], "refused": []}
    edits = []
    for each in given:
        try:
            edits.append(edit_from_page(each))
        except ImagineError as error:
            found["refused"].append(refused(each, error))
    for part in _apart(edits):
        _save(project, part, found)
    found["head"] = project.head[0]
    return found


def _apart(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Runs in which no annotation comes twice, so that its id says which edit was saved."""
    part: list[Edit] = []
    ids: set[str] = set()
    for edit in edits:
        if edit.id in ids:
            yield part
            part, ids = [], set()
        part.append(edit)
        ids.add(edit.id)
    if part:
        yield part


def _save(project: Project, edits: list[Edit], found: Json) -> None:
    try:
        outcome = project.write(edits)
    except (DataError, LabelError, UnknownName) as error:
        if len(edits) == 1:
            found["refused"].append({"id": edits[0].id, "key": edits[0].key, "why": str(error)})
            return
        # None of them was saved: halves find the one that cannot be.
        middle = len(edits) // 2
        _save(project, edits[:middle], found)
        _save(project, edits[middle:], found)
        return
    keys = {edit.id: edit.key for edit in edits}
    found["saved"] += [{"id": each.id, "key": keys[each.id], "version": each.version} for each in outcome.saved]
    found["conflicts"] += [conflict_to_page(each, keys[each.id]) for each in outcome.conflicts]
