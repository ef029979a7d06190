"""Tables of taxa and watch lists: the shipped ones, a person's own, and broken ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imagine_kernels.annotation.label_files import read_labels
from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.taxa import FLOWCAM_TAXA, read_label_names, read_taxa, read_watch_list
from imagine_kernels.measures.biovolume import GROUPS, SHAPES


def test_the_shipped_taxa_are_the_classes_of_the_library(shared_data):
    folder = shared_data("flowcam/planktonclas_demo") / "vliz95"
    names = (folder / "classes.txt").read_text().splitlines()
    numbers = (folder / "aphia_ids.txt").read_text().splitlines()
    table = read_taxa()
    assert table["name"].tolist() == [name.rstrip() for name in names]
    known = {name.rstrip(): int(number) for name, number in zip(names, numbers, strict=True) if number.strip().isdigit()}
    rows = table[table["aphia_id"].notna()]
    assert dict(zip(rows["name"], rows["aphia_id"], strict=True)) == known


def test_the_shipped_taxa_can_be_measured_and_annotated_with():
    table = read_taxa()
    assert set(table["group"]) == {*GROUPS, ""}
    assert set(table["shape"]) == {*SHAPES, ""}
    assert not table[table["living"] & (table["shape"] == "")].shape[0]
    assert not table[~table["living"] & (table["group"] != "")].shape[0]
    labels, problems = read_labels(FLOWCAM_TAXA)
    assert problems == []
    assert len(labels) == 95
    assert {label.name: label.aphia_id for label in labels}["Noctiluca scintillans"] == 109921


def test_ones_own_rows_come_before_the_shipped_ones(tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_text("name;aphia_id;group;shape;living\nTripos;1;protist;sphere;yes\nGlass beads;;;;no\n\n;;;;\n")
    table = read_taxa(path).set_index("name")
    assert len(table) == 96
    assert table.loc["Tripos"].tolist() == [1, "protist", "sphere", True]
    assert not table.loc["Glass beads", "living"]


def test_the_shipped_watch_list_names_its_sources():
    table = read_watch_list()
    assert table["source"].ne("").all()
    assert (table["threshold_cells_l"] > 0).all()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("taxon,advice\nA,b\n", "has no column threshold_cells_l"),
        ("taxon,threshold_cells_l\nA,many\n", "line 2, gives the threshold 'many'"),
        ("taxon,threshold_cells_l\nA,-1\n", "line 2, gives the threshold '-1'"),
        ("taxon,threshold_cells_l\nA,nan\n", "gives the threshold 'nan'"),
        ("taxon,threshold_cells_l,aphia_id\nA,1,x\n", "has the AphiaID 'x'"),
        ("", "has no column taxon"),
    ],
)
def test_a_watch_list_that_cannot_be_read_is_refused(tmp_path: Path, text: str, match: str):
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(FormatError, match=match):
        read_watch_list(tmp_path / "w.csv")


def test_a_table_that_is_not_there_or_not_a_table_is_refused(tmp_path: Path):
    with pytest.raises(DataNotFound, match="There is nothing at"):
        read_taxa(tmp_path / "none.csv")
    (tmp_path / "t.csv").write_text("name,living\nA,perhaps\n")
    with pytest.raises(FormatError, match="says 'perhaps' of living"):
        read_taxa(tmp_path / "t.csv")


def test_the_names_of_a_label_set_are_read_without_anything_heavy(tmp_path):
    table = read_taxa()
    numbers = [
        "" if number is None else str(number)
        for number in table["aphia_id"].astype(object).where(table["aphia_id"].notna(), None)
    ]
    assert read_label_names(FLOWCAM_TAXA) == list(zip(table["name"], numbers, strict=True))
    own = tmp_path / "own.tsv"
    own.write_text("name\tcolor\nTripos\tred\nTripos\tblue\n\tgreen\n")
    assert read_label_names(own) == [("Tripos", "")]
    code = "import sys; from imagine_kernels.formats.taxa import *; read_label_names(FLOWCAM_TAXA); assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
