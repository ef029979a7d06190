"""What is wrong with a ZooProcess project, before anything is counted: the checks of the Zooscan quality control.

The rules are those that ZQC (repository ecotaxa/ZQC) states: sieves, Motoda fractions, images and lines that belong together. In them a fraction
``d1`` holds the largest animals; ``tot`` and ``plankton`` are whole samples. Names such as ``d2_3_sur_4`` mean the third of four parts.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from imagine_kernels.errors import DataError
from imagine_kernels.files import Files
from imagine_kernels.formats.columns import read_numbers
from imagine_kernels.formats.tables import read_bytes
from imagine_kernels.formats.zooprocess_project import SAMPLES, SCANS, ScanRecord, read_table
from imagine_kernels.records import Problem

_FRACTION = re.compile(r"d(\d+)(?:_(\d+)_sur_(\d+))?$", re.IGNORECASE)
_PART = re.compile(r"(.*?)_?(\d+)_sur_(\d+)$", re.IGNORECASE)


def project_problems(files: Files, records: Sequence[ScanRecord]) -> list[Problem]:
    """Missing scans, fractions, volumes and blanks, names and numbers of lines that do not fit; see `ScanRecord`."""
    problems = [problem for record in records for problem in _of_scan(record)]
    problems += _of_tables(files, records)
    problems += _of_fractions(records)
    problems += _of_processing(files, records)
    return problems + [problem for record in records for problem in _of_lines(files, record)]


def _number(record: ScanRecord, column: str) -> float:
    text = record.columns.get(column, "")
    return float(read_numbers([text], metadata=True)[0][0]) if text else float("nan")


def _of_scan(record: ScanRecord) -> Iterator[Problem]:
    item = record.scan_id
    sample, fraction = record.columns.get("sample_id", ""), record.columns.get("acq_fraction", "")
    if not record.file:
        yield Problem(item=item, what="there is no scan of it", remedy="put the raw scan into Zooscan_scan/_raw")
    elif not record.blanks:
        what = "there is no pair of blank scans that was made before it"
        yield Problem(item=item, what=what, remedy="put the blanks into Zooscan_back", severity="warning")
    if fraction and not re.fullmatch(re.escape(f"{sample}_{fraction}") + r"_\d+", item):
        what = f"its name is not made of its sample {sample} and its fraction {fraction}"
        yield Problem(item=item, what=what, remedy="correct the table of scans", severity="warning")
    volume, sub_part = _number(record, "sample_tot_vol"), _number(record, "acq_sub_part")
    if not volume > 0:
        what = "its filtered volume is missing or not above 0 (vol)"
        yield Problem(item=item, what=what, remedy="add it to the table of samples, or set tot_vol", severity="warning")
    if not sub_part > 0:
        what = "its splitting is missing or not above 0 (fracnb)"
        yield Problem(item=item, what=what, remedy="add it to the table of scans, or set sub_part", severity="warning")
    elif record.columns.get("acq_sub_method", "").lower() == "motoda" and (
        sub_part != int(sub_part) or int(sub_part) & int(sub_part) - 1
    ):
        what = f"its splitting {sub_part:g} is no power of two, as a Motoda splitter gives"
        yield Problem(item=item, what=what, remedy="check fracnb and submethod", severity="warning")
    low, high = _number(record, "acq_min_mesh"), _number(record, "acq_max_mesh")
    if low >= high:
        what = f"its smallest mesh {low:g} µm is not below its largest {high:g} µm"
        yield Problem(item=item, what=what, remedy="correct fracmin and fracsup", severity="warning")
    for note, column in (
        ("SampleId", "sample_id"),
        ("FracId", "acq_fraction"),
        ("Vol", "sample_tot_vol"),
        ("Fracnb", "acq_sub_part"),
    ):
        said, known = record.notes.get(note, ""), record.columns.get(column, "")
        if said and known and said.lower() != known.lower() and not _same(said, known):
            what = f"its note says {note} {said}, the table {known}"
            yield Problem(
                item=f"{item}_meta.txt", what=what, remedy="correct one of them; the table was believed", severity="warning"
            )


def _same(a: str, b: str) -> bool:
    numbers, bad = read_numbers([a, b], metadata=False)
    return not bad and numbers[0] == numbers[1]


def _of_tables(files: Files, records: Sequence[ScanRecord]) -> Iterator[Problem]:
    for root in dict.fromkeys(record.root for record in records):
        known = {}
        for name, key in ((SAMPLES, "sampleid"), (SCANS, "scanid")):
            rows = read_table(files, f"{root}Zooscan_meta/{name}", [])
            known[key] = Counter(row.get(key, "") for row in rows)
            for value, count in known[key].items():
                if count > 1:
                    what = f"{value} stands in {count} lines; the last one was used"
                    yield Problem(item=f"{root}Zooscan_meta/{name}", what=what, remedy="remove the others", severity="warning")
        for record in (record for record in records if record.root == root):
            if record.scan_id not in known["scanid"]:
                what = f"its scan has no line in {SCANS}; its note and its name were used"
                yield Problem(
                    item=record.scan_id, what=what, remedy="add the line, or correct the name of the file", severity="warning"
                )
            if record.columns["sample_id"] not in known["sampleid"]:
                what = f"its sample {record.columns['sample_id']} has no line in {SAMPLES}"
                yield Problem(item=record.scan_id, what=what, remedy="add the line, or correct the name", severity="warning")


def _of_fractions(records: Sequence[ScanRecord]) -> Iterator[Problem]:
    by_sample: dict[str, dict[str, ScanRecord]] = defaultdict(dict)
    for record in records:
        by_sample[record.columns["sample_id"]][record.columns.get("acq_fraction", "").lower()] = record
    numbers = {sample: {int(m[1]) for name in parts if (m := _FRACTION.match(name))} for sample, parts in by_sample.items()}
    usual = max((max(found) for found in numbers.values() if found), default=0)
    for sample, parts in by_sample.items():
        missing = sorted(set(range(1, usual + 1)) - numbers[sample]) if numbers[sample] else []
        if missing:
            said = ", ".join(f"d{number}" for number in missing)
            what = f"its fraction {said} is missing, which others of the project have"
            yield Problem(item=sample, what=what, remedy="scan it, or the counts are too low", severity="warning")
        yield from _of_parts(sample, list(parts))
        ordered = [(int(m[1]), record) for name, record in parts.items() if (m := _FRACTION.match(name))]
        for (one, coarse), (other, fine) in zip(sorted(ordered, key=_first), sorted(ordered, key=_first)[1:], strict=False):
            if other != one + 1:
                continue
            border, top = _number(coarse, "acq_min_mesh"), _number(fine, "acq_max_mesh")
            if border != top and border == border and top == top:  # noqa: PLR0124  # not a number is not equal to itself
                what = f"the smallest mesh of d{one} is {border:g} µm, the largest of d{other} {top:g} µm: they must be the same"
                yield Problem(item=sample, what=what, remedy="correct fracmin or fracsup", severity="warning")
            if _number(coarse, "acq_sub_part") > _number(fine, "acq_sub_part"):
                what = f"its rare large animals (d{one}) are split more often than the small ones (d{other})"
                yield Problem(item=sample, what=what, remedy="check fracnb", severity="warning")
    splits = [split for record in records if (split := record.columns.get("acq_sub_part", ""))]
    if len(splits) > 2 and len(set(splits)) == 1:
        what = f"all {len(splits)} scans have the same splitting {splits[0]}"
        yield Problem(item=SCANS, what=what, remedy="check fracnb", severity="warning")


def _first(pair: tuple[int, ScanRecord]) -> int:
    return pair[0]


def _of_parts(sample: str, names: Sequence[str]) -> Iterator[Problem]:
    parts: dict[tuple[str, int], set[int]] = defaultdict(set)
    for name in names:
        if match := _PART.match(name):
            parts[match[1], int(match[3])].add(int(match[2]))
    for (name, count), there in parts.items():
        missing = sorted(set(range(1, min(count, 100) + 1)) - there)
        if missing:
            what = f"of the {count} parts of its fraction {name} part {', '.join(map(str, missing))} is missing"
            yield Problem(item=sample, what=what, remedy="scan it, or the counts are too low", severity="warning")


def _of_processing(files: Files, records: Sequence[ScanRecord]) -> Iterator[Problem]:
    """Scans without a table of objects, where others of the project have one."""
    names = files.names(".pid", ".tsv")
    done = [any(name.startswith(f"{record.root}Zooscan_scan/_work/{record.scan_id}/") for name in names) for record in records]
    if any(done):
        for record, processed in zip(records, done, strict=True):
            if not processed:
                what = "it has no table of objects, which other scans of the project have"
                yield Problem(item=record.scan_id, what=what, remedy="process it, or open its scan", severity="warning")


def _of_lines(files: Files, record: ScanRecord) -> Iterator[Problem]:
    """Objects in the pid file, lines of the EcoTaxa table and vignettes in the working folder: all must be as many."""
    folder = f"{record.root}Zooscan_scan/_work/{record.scan_id}/"
    names = [name for name in files.names() if name.startswith(folder)]
    if not names:
        return
    stem = re.compile(re.escape(record.scan_id) + r"_\d+\.(?:jpg|png)$", re.IGNORECASE)
    counts = {"vignettes": len({PurePosixPath(name).stem for name in names if stem.match(PurePosixPath(name).name)})}
    for name in names:
        last = PurePosixPath(name).name
        try:
            if last == f"{record.scan_id}_dat1.pid":
                table = read_bytes(files, name).decode("latin-1").replace("\r", "\n").partition("[Data]")[2]
                lines = [line for line in table.split("\n") if line.strip()]
                counts["objects in the pid file"] = max(len(lines) - 1, 0)
                labels = {line.split(";")[1] for line in lines[1:] if line.count(";") > 1} - {record.scan_id}
                if labels:
                    what = f"it holds objects of {sorted(labels)[0]}"
                    yield Problem(
                        item=name, what=what, remedy="put each pid file into the folder of its scan", severity="warning"
                    )
            elif last.startswith("ecotaxa_") and last.endswith(".tsv"):
                # Names and types stand in the first two lines.
                text = read_bytes(files, name).decode("latin-1").replace("\r\n", "\n")
                counts["lines of the EcoTaxa table"] = max(len([line for line in text.split("\n") if line.strip()]) - 2, 0)
        except DataError as error:
            yield Problem(item=name, what=str(error).rstrip("."), remedy="copy it again")
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} {what}" for what, count in counts.items())
        yield Problem(item=folder, what=f"the numbers do not agree: {said}", remedy="process the scan again", severity="warning")
