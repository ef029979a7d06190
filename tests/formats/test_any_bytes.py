"""Whatever the tables hold, the answer is a sample or one clear error."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagine_kernels.errors import DataError
from imagine_kernels.formats.vignettes import read_vignettes

CELLS = st.sampled_from(
    ["", "a.png", "1", "x", '"', '"x"', "[t]", "[f]", "é", "\0", "99999", "object_id", "img_file_name", "img_rank"]
)
LINES = st.lists(CELLS, max_size=5)
TABLES = st.lists(LINES, max_size=6)
STARTS = {
    "ecotaxa_t.tsv": "object_id\timg_file_name\timg_rank\tobject_lat\n",
    "a.pid": "PID\n[Sample]\nVol= 5\n[Data]\n!Item;Label;Area\n",
    "a_labels.csv": "id,img_path,label\n",
}
DELIMITERS = {"ecotaxa_t.tsv": "\t", "a.pid": ";", "a_labels.csv": ","}


def survives(name: str, data: bytes, picture: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        (Path(folder) / "a.png").write_bytes(picture)
        try:
            sample = read_vignettes(Path(folder) / name, {"tot_vol": 1.0})
        except DataError as error:
            said = str(error)
        else:
            said = ""
            assert sample.objects["object_id"].is_unique
            assert (sample.objects["sample_tot_vol"] > 0).all()
    assert said.count("\n") == 0


@pytest.mark.parametrize("name", STARTS)
@settings(max_examples=60, deadline=None)
@given(lines=TABLES, with_start=st.booleans(), encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]))
@example(lines=[], with_start=True, encoding="utf-8")
def test_any_table(png: Callable[[int], bytes], name: str, lines: list[list[str]], with_start: bool, encoding: str) -> None:
    text = (STARTS[name] if with_start else "") + "\n".join(DELIMITERS[name].join(line) for line in lines)
    survives(name, text.encode(encoding), png(0))


@pytest.mark.parametrize("name", STARTS)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes(png: Callable[[int], bytes], name: str, data: bytes) -> None:
    survives(name, data, png(0))
    survives(name, STARTS[name].encode() + data, png(0))
    survives(name + ".gz" if name != "a.pid" else name, data, png(0))
