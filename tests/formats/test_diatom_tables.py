"""The tables that the user of diatom indices brings."""

import pytest

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.diatom_tables import EXAMPLE, read_boundaries, read_index_values, read_taxa


def write(folder, name, text, encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding)
    return str(folder / name)


def test_commas_and_semicolons(tmp_path):
    commas = write(tmp_path, "a.csv", "index,taxon,s,v\nIPS,NCAR,3.2,2\nIPS,NPAL,1,\nTDI,NCAR,4,1\n")
    expected = {"IPS": ({"NCAR": (3.2, 2.0), "NPAL": (1.0, 1.0)}, None), "TDI": ({"NCAR": (4.0, 1.0)}, None)}
    assert read_index_values(commas) == expected
    semicolons = write(tmp_path, "b.csv", "Index;Taxon;s;v\nIPS;NCAR;3,2;2\nIPS;NPAL;1;\nTDI;NCAR;4;1\n", "utf-8-sig")
    assert read_index_values(semicolons) == expected


def test_a_scale_of_its_own(tmp_path):
    table = write(tmp_path, "a.csv", "index,taxon,s,slope,intercept\nX,NCAR,3,2,-1\nX,NPAL,1,,\n")
    assert read_index_values(table) == {"X": ({"NCAR": (3.0, 1.0), "NPAL": (1.0, 1.0)}, (2.0, -1.0))}


def test_taxa(tmp_path):
    table = write(tmp_path, "a.csv", "code,name\nNCAR,Navicula cari\n,Nitzschia sp.\nXXXX,\n")
    assert read_taxa(table) == [("Navicula cari", "NCAR", "", "Navicula"), ("Nitzschia sp.", "", "", "Nitzschia")]


def test_boundaries(tmp_path):
    table = write(tmp_path, "a.csv", "index,status_class,from_value\nIPS,high,17\nIPS,good,13\n")
    assert read_boundaries(table) == [("IPS", "high", 17.0), ("IPS", "good", 13.0)]


def test_the_examples_fit_together_and_are_called_so():
    taxa = {name for name, *_ in read_taxa(EXAMPLE)}
    indices = read_index_values(EXAMPLE)
    assert set(indices) == {"EXAMPLE"}
    assert set(indices["EXAMPLE"][0]) == taxa
    boundaries = read_boundaries(EXAMPLE)
    assert all(index == "EXAMPLE" and "example" in label for index, label, _ in boundaries)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_index_values, "index,taxon\nIPS,NCAR\n", "has no column s: name the columns"),
        (read_index_values, "index,taxon,s\nIPS,NCAR,high\n", "line 2 has s = 'high', which is no number"),
        (read_index_values, "index,taxon,s\nIPS,NCAR,nan\n", "which is no number"),
        (read_index_values, "index,taxon,s,v\nIPS,NCAR,3,-1\n", "below 0"),
        (read_index_values, "index,taxon,s\nIPS,NCAR,3\nIPS,NCAR,4\n", "line 3 gives NCAR another value in IPS"),
        (read_index_values, "index,taxon,s\n", "has no rows"),
        (read_taxa, "code,taxon\nNCAR,Navicula cari\n", "has no column name"),
        (read_boundaries, "index,status_class,from_value\nIPS,high,\n", "which is no number"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, read, text, message):
    with pytest.raises(FormatError, match=message):
        read(write(tmp_path, "a.csv", text))


def test_no_table(tmp_path):
    with pytest.raises(DataNotFound, match="There is no table at"):
        read_taxa(str(tmp_path / "gone.csv"))
    (tmp_path / "a.csv").write_bytes(b"\0\1\2" * 50)
    with pytest.raises(FormatError, match="not a text table"):
        read_taxa(str(tmp_path / "a.csv"))
