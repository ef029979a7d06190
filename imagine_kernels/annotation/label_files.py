"""Labels from files: a plain CSV, EcoTaxa's tables, and the answer of the taxon match of WoRMS."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from imagine_kernels.annotation.label_trees import checked, with_parents
from imagine_kernels.errors import DataError, FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import decode_text, read_bytes
from imagine_kernels.records import Label, Problem

#: What stands between the names of a path.
_ARROW = ">"
#: The ranks of the answer of WoRMS that have a column of their own, from the top.
_RANKS = ("Kingdom", "Phylum", "Class", "Order", "Family", "Genus")
_Row = Mapping[str, str]


def read_labels(path: Path | str, *, known: Iterable[Label] = ()) -> tuple[tuple[Label, ...], list[Problem]]:
    """The labels in a CSV or TSV file, of whichever of the three kinds it is.

    Parameters
    ----------
    path : path
        A plain CSV has a column ``name`` (or ``path``, the names from the root divided by ``>``) and any of ``parent``, ``aphia_id``,
        ``rank``, ``color``, ``key``, ``synonyms`` (divided by ``|``) and ``source_id``.
    known : iterable of Label
        Labels of before: where WoRMS accepts another name than the one that a label with that AphiaID has, it is noted.

    Returns
    -------
    labels : tuple of Label
        With all parents.
    problems : list of Problem
        Rows that cannot be used, and names that are not accepted.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It has none of the columns that tell its kind.
    """
    rows, problems = _rows(Path(path))
    columns = {name for _, row in rows for name in row}
    if {"ScientificName", "AphiaID"} <= columns:
        found = list(_from_worms(rows, {label.aphia_id: label for label in known if label.aphia_id}, problems))
    elif "object_annotation_category" in columns or "object_annotation_hierarchy" in columns:
        found = list(_from_ecotaxa(rows))
    elif columns & {"name", "path"}:
        found = list(_from_plain(rows, problems))
    else:
        raise FormatError(
            f"{Path(path).name} holds no labels: it needs a column name or path, EcoTaxa's object_annotation_category, or WoRMS'"
            " ScientificName and AphiaID."
        )
    return checked(with_parents(_usable(found, problems))), problems


def _rows(path: Path) -> tuple[list[tuple[int, _Row]], list[Problem]]:
    files = Files(path)
    text, problems = decode_text(read_bytes(files, path.name), path.name)
    head = text.split("\n", 1)[0]
    delimiter = max("\t,;", key=head.count)
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter, restval="")
    found: list[tuple[int, _Row]] = []
    try:
        for row in reader:
            cells = {(name or "").strip().removeprefix("\ufeff"): (value or "").strip() for name, value in row.items() if name}
            # The second line of an import table of EcoTaxa says of each column whether it is text.
            if not set(cells.values()) <= {"[t]", "[f]", ""}:
                found.append((reader.line_num, cells))
    except csv.Error as error:
        raise FormatError(f"{path.name} is no table ({error}): save it as CSV again.") from None
    return found, problems


def _from_plain(rows: list[tuple[int, _Row]], problems: list[Problem]) -> Iterator[Label]:
    for line, row in rows:
        path = _path(row["path"]) if row.get("path") else (*_path(row.get("parent", "")), row.get("name", ""))
        number = row.get("aphia_id", "")
        if number and not number.isdigit():
            problems.append(
                Problem(item=row.get("name", ""), line=line, what=f"the AphiaID {number!r} is no number", severity="warning")
            )
            number = ""
        yield Label(
            name=path[-1],
            parent=path[:-1],
            aphia_id=int(number) if number else None,
            rank=row.get("rank", ""),
            color=row.get("color", ""),
            key=row.get("key", ""),
            synonyms=tuple(each.strip() for each in row.get("synonyms", "").split("|") if each.strip()),
            source_id=row.get("source_id", ""),
        )


def _from_ecotaxa(rows: list[tuple[int, _Row]]) -> Iterator[Label]:
    for _, row in rows:
        path = _path(row.get("object_annotation_hierarchy", "")) or (row.get("object_annotation_category", ""),)
        yield Label(name=path[-1], parent=path[:-1], source_id=row.get("object_annotation_category_id", ""))


def _from_worms(rows: list[tuple[int, _Row]], known: Mapping[int | None, Label], problems: list[Problem]) -> Iterator[Label]:
    for line, row in rows:
        given = row["ScientificName"]
        accepted = row.get("ScientificName_accepted") or given
        number = row.get("AphiaID_accepted") or row["AphiaID"]
        if not number.isdigit():
            if given:
                problems.append(Problem(item=given, line=line, what="WoRMS knows no such name", remedy="check the spelling"))
            continue
        if accepted != given:
            problems.append(
                Problem(
                    item=given,
                    line=line,
                    what=f"the accepted name is {accepted} (AphiaID {number})",
                    remedy="it is kept as a synonym",
                    severity="warning",
                )
            )
        before = known.get(int(number)) or known.get(int(row["AphiaID"]) if row["AphiaID"].isdigit() else None)
        if before is not None and before.name != accepted:
            problems.append(
                Problem(
                    item=before.name,
                    line=line,
                    what=f"its accepted name has changed to {accepted} (AphiaID {number})",
                    remedy="say that it is renamed when a project moves to the new version",
                    severity="warning",
                )
            )
        parents = [row.get(rank, "") for rank in _RANKS]
        yield Label(
            name=accepted,
            parent=tuple(name for name in parents if name and name != accepted),
            aphia_id=int(number),
            rank=row.get("Rank", ""),
            synonyms=(given,) if accepted != given else (),
            source_id=row["AphiaID"],
        )


def _usable(labels: list[Label], problems: list[Problem]) -> Iterator[Label]:
    """Those with a name, each once; the synonyms of rows with the same name are put together."""
    found: dict[tuple[str, ...], Label] = {}
    for label in labels:
        try:
            checked([Label(name=label.name)])
        except DataError as error:
            if any(label.path):
                problems.append(Problem(item=" > ".join(label.path), what=str(error).rstrip(".")))
            continue
        before = found.get(label.path)
        synonyms = tuple(dict.fromkeys((*(before.synonyms if before else ()), *label.synonyms)))
        base = before or label
        found[label.path] = Label(
            name=base.name,
            parent=base.parent,
            aphia_id=base.aphia_id or label.aphia_id,
            rank=base.rank or label.rank,
            color=base.color or label.color,
            key=base.key or label.key,
            synonyms=synonyms,
            source_id=base.source_id or label.source_id,
        )
    return iter(found.values())


def _path(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(_ARROW) if part.strip())
