"""Tables of taxa: how cells of a class are measured, and which of them are harmful above which number.

Shipped are ``vliz_flowcam.csv``, the 95 classes of the FlowCam library of the Flanders Marine Institute with their WoRMS AphiaIDs (doi
10.5281/zenodo.10554845; group and shape were assigned here), and ``harmful_algae_example.csv``, a few values with their sources, which is
no substitute for those of the authority in charge.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.tables import decode_text, read_bytes, shown

if TYPE_CHECKING:
    import pandas as pd

_FOLDER = Path(__file__).resolve().parent.parent / "taxa"
#: The classes of the library of the Flanders Marine Institute; as it has the columns ``name`` and ``aphia_id``, it is a label set for annotation too.
FLOWCAM_TAXA = _FOLDER / "vliz_flowcam.csv"
WATCH_LIST = _FOLDER / "harmful_algae_example.csv"

_YES = {"yes": True, "no": False, "": True}


def read_taxa(path: Path | str | None = None) -> pd.DataFrame:
    """A table of taxa as CSV or TSV; without a path the shipped one, with one its rows before the shipped ones of other names.

    Returns
    -------
    DataFrame
        ``name``, ``aphia_id`` (Int64), ``group`` (``diatom``, ``dinoflagellate``, ``protist`` or empty: which relationship of carbon to
        volume holds), ``shape`` (``sphere``, ``prolate spheroid``, ``cylinder`` or empty), ``living`` (bool).

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It lacks the column ``name``, or a cell cannot be read.
    """
    import pandas as pd

    shipped = _taxa(FLOWCAM_TAXA)
    if path is None or str(path) == "":
        return shipped
    own = _taxa(Path(path).expanduser())
    return pd.concat([own, shipped[~shipped["name"].isin(own["name"])]], ignore_index=True)


def read_label_names(path: Path | str) -> list[tuple[str, str]]:
    """The names in a label set as CSV or TSV, each with its AphiaID or an empty text, without loading anything heavy.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It lacks the column ``name``.
    """
    return list({row["name"]: row.get("aphia_id", "") for _, row in _rows(Path(path), ("name",))}.items())


def read_watch_list(path: Path | str | None = None) -> pd.DataFrame:
    """A watch list of harmful algae as CSV or TSV; without a path the shipped example.

    Returns
    -------
    DataFrame
        ``taxon``, ``aphia_id`` (Int64), ``threshold_cells_l`` (float64), ``advice``, ``source``.

    Raises
    ------
    DataNotFound
        There is no such file.
    FormatError
        It lacks the columns ``taxon`` and ``threshold_cells_l``, or a cell cannot be read.
    """
    import pandas as pd

    place = WATCH_LIST if path is None or str(path) == "" else Path(path).expanduser()
    rows = _rows(place, ("taxon", "threshold_cells_l"))
    thresholds = []
    for line, row in rows:
        try:
            threshold = float(row["threshold_cells_l"])
        except ValueError:
            threshold = math.nan
        if not 0 <= threshold < math.inf:
            raise FormatError(
                f"{place.name}, line {line}, gives the threshold {shown(row['threshold_cells_l'])!r}: write cells per litre, from 0 up."
            )
        thresholds.append(threshold)
    return pd.DataFrame(
        {
            "taxon": pd.Series([row["taxon"] for _, row in rows], dtype=object),
            "aphia_id": _aphia_ids(place, rows),
            "threshold_cells_l": pd.Series(thresholds, dtype="float64"),
            "advice": pd.Series([row.get("advice", "") for _, row in rows], dtype=object),
            "source": pd.Series([row.get("source", "") for _, row in rows], dtype=object),
        }
    )


def _taxa(place: Path) -> pd.DataFrame:
    import pandas as pd

    rows = _rows(place, ("name",))
    for line, row in rows:
        if row.get("living", "").lower() not in _YES:
            raise FormatError(f"{place.name}, line {line}, says {shown(row['living'])!r} of living: write yes or no.")
    table = {name: pd.Series([row.get(name, "") for _, row in rows], dtype=object) for name in ("name", "group", "shape")}
    living = pd.Series([_YES[row.get("living", "").lower()] for _, row in rows], dtype=bool)
    found = pd.DataFrame({"name": table["name"], "aphia_id": _aphia_ids(place, rows), **table, "living": living})
    return found.drop_duplicates("name", ignore_index=True)


def _rows(place: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a small table with their lines, cells stripped; rows without the first needed column are left out."""
    with Files(place) as files:
        text, _ = decode_text(read_bytes(files, place.name), place.name)
    head = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max("\t,;", key=head.count))
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise FormatError(f"{place.name} is no table ({error}): save it as CSV again.") from None
    header = [name.lower() for name in lines[0][1]] if lines else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise FormatError(f"{place.name} has no column {missing[0]}: give a CSV with the columns {', '.join(needed)}.")
    rows = [(line, dict(zip(header, row, strict=False))) for line, row in lines[1:]]
    return [(line, dict.fromkeys(header, "") | row) for line, row in rows if row.get(needed[0])]


def _aphia_ids(place: Path, rows: list[tuple[int, dict[str, str]]]) -> pd.Series[int]:
    import pandas as pd

    for line, row in rows:
        if row.get("aphia_id", "") and not (
            row["aphia_id"].isascii() and row["aphia_id"].isdigit() and len(row["aphia_id"]) < 12
        ):
            raise FormatError(
                f"{place.name}, line {line}, has the AphiaID {shown(row['aphia_id'])!r}: write the number of WoRMS."
            )
    return pd.Series([int(row["aphia_id"]) if row.get("aphia_id") else None for _, row in rows], dtype="Int64")
