"""Nothing is lost silently: what a file does not give back was in the report, and what it does hold it gives back as it was."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from annotation_sets import annotation_sets, differences, kept_annotations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagine_kernels.formats.holds import LABEL_FIELDS
from imagine_kernels.formats.interchange import FORMATS, Format, open_annotations
from imagine_kernels.records import AnnotationSet, Problem

SUFFIXES = {
    "FILE.json": ".json",
    "FILE.xml": ".xml",
    "FILE.csv": ".csv",
    "FILE.txt": ".txt",
    "FILE.zip": ".zip",
    "FILE.tsv": ".tsv",
}
#: What a difference may be reported as.
ALSO = {
    "file": {"picture", "video", "sound", "size", "file"},
    "path": {"label", "parent"},
    "label": {"label", "parent"},
    "parent": {"label", "parent"},
    "labels": {"labels"},
    "time": {"time", "gap", "frame_rate_hz"},
    "coordinates": {"coordinates", "polygon", "time", "gap"},
    # Of two labels with the same name in another order nobody can say which is which.
    "confidence": {"confidence", "labels"},
    "annotator": {"annotator", "labels"},
    "given_at": {"given_at", "labels"},
} | {field: {field, "label"} for field in LABEL_FIELDS}


def target_of(form: Format, folder: Path) -> Path:
    return folder / "target.zip" if "FILE.zip" in form.target else folder / ("target" + SUFFIXES[form.target.split(" ")[0]])


def reported(problems: list[Problem], target: Path) -> list[Problem]:
    """Without what an iFDO wants and nobody knows."""
    return [problem for problem in problems if problem.item != target.name]


def check(form: Format, source: AnnotationSet) -> None:
    with tempfile.TemporaryDirectory() as name:
        first, second = target_of(form, Path(name)), target_of(form, Path(name) / "again")
        losses = reported(form.write(source, first), first)
        items = {problem.item for problem in losses}
        left_out = {problem.item for problem in losses if "left out" in problem.what}
        if not kept_annotations(form.holds, source, left_out):
            return  # an empty file need not be recognised
        back = open_annotations(first)
        noted: list[Problem] = []
        list(back.stream(noted))
        assert noted == []
        assert not [problem for problem in back.problems if problem.severity == "error"]
        by_person = form.name.startswith("label-studio")
        for item in +differences(form.holds, source, back, left_out, by_person=by_person):
            wanted = ALSO.get(item, {item.removeprefix("shape:")})
            assert wanted & items, f"{item} is different, and the report says only {sorted(items)}"
        assert reported(form.write(back, second), second) == []
        again = open_annotations(second)
        assert not +differences(form.holds, back, again, set())
        assert not +differences(form.holds, again, back, set())


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_nothing_is_lost_silently(name: str, data: st.DataObject) -> None:
    form = FORMATS[name]
    own = data.draw(annotation_sets(form.holds.media))
    check(form, own)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(source=annotation_sets())
def test_nothing_is_lost_silently_of_any_kind_of_file(name: str, source: AnnotationSet) -> None:
    form = FORMATS[name]
    several = sum(medium.kind in form.holds.media for medium in source.media) > 1
    if not (several and form.target.startswith("FILE.xml")):
        check(form, source)
