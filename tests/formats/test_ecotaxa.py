"""EcoTaxa tables of both dialects, good and bad."""

from __future__ import annotations

import gzip
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.vignettes import read_vignettes

IMPORT = (
    "img_file_name\timg_rank\tobject_id\tobject_lat\tobject_time\tobject_area\tobject_annotation_category\tobject_annotation_status\t"
    "sample_id\tsample_tot_vol\tacq_id\tacq_sub_part\tprocess_particle_pixel_size_mm\tobject_%area\n"
    "[t]\t[f]\t[t]\t[f]\t[t]\t[f]\t[t]\t[t]\t[t]\t[f]\t[t]\t[t]\t[t]\t[f]\n"
    "a_1.png\t0\ta_1\t43.5\t420\t99999\tCopepoda\tV\tst1\t12.5\ttot_st1\t4\t0.0106\t1.5\n"
    "a_2.png\t0\ta_2\t43.5\t0420\t700\tother<Copepoda\tpredicted\tst1\t12.5\ttot_st1\t4\t0.0106\tNaN\n"
    "a_3.png\t0\ta_3\t\t08:28:00.000\t800\t\t\tst2\t99999\ttot_st2\t999999\tnan\t\n"
)
EXPORT = (
    '"object_id"\t"object_lat"\t"object_time"\t"object_annotation_status"\t"object_annotation_category"\t"object_annotation_hierarchy"\t'
    '"img_file_name"\t"img_rank"\t"object_area"\t"object_name"\t"sample_id"\t"sample_tot_vol"\t"acq_magnification"\n'
    '"x ""1"""\t43.5\t"042000"\t"validated"\t"rods"\t"not-living>plastic>rods"\t"x_1.png"\t0\t516.0\t"007"\t"st1"\t"12.5"\t"1"\n'
    '"x_2"\t""\t"042000"\t"dubious"\t"bubble"\t"not-living>bubble"\t"x_2.png"\t0\t""\t"008"\t"st1"\t""\t"1"\n'
)


def test_import_dialect(lay: Callable[..., Path]) -> None:
    folder = lay({"ecotaxa_st.tsv": IMPORT, "a_1.png": None, "a_2.png": None, "a_3.png": None})
    sample = read_vignettes(folder, {})
    objects = sample.objects
    assert (sample.name, sample.layout, sample.source, sample.problems) == ("cruise", "EcoTaxa import TSV", folder, ())
    assert objects["object_id"].tolist() == ["a_1", "a_2", "a_3"]
    assert objects["file"].tolist() == ["a_1.png", "a_2.png", "a_3.png"]
    assert objects["label"].tolist() == ["Copepoda", "other<Copepoda", ""]
    assert objects["status"].tolist() == ["validated", "predicted", ""]
    assert objects["object_time"].tolist() == ["420", "0420", "08:28:00.000"]
    assert objects["object_area"].tolist() == [99999, 700, 800]
    np.testing.assert_array_equal(objects["object_lat"], [43.5, 43.5, np.nan])
    np.testing.assert_array_equal(objects["sample_tot_vol"], [12.5, 12.5, np.nan])
    np.testing.assert_array_equal(objects["acq_sub_part"], [4, 4, np.nan])
    np.testing.assert_array_equal(objects["process_particle_pixel_size_mm"], [0.0106, 0.0106, np.nan])
    np.testing.assert_array_equal(objects["object_%area"], [1.5, np.nan, np.nan])
    assert objects["sample_id"].tolist() == ["st1", "st1", "st2"]
    assert "object_annotation_category" not in objects
    assert sample.labels == ("Copepoda", "other<Copepoda")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_export_dialect(lay: Callable[..., Path], bom: bytes, line_end: str) -> None:
    folder = lay({"export.tsv": bom + EXPORT.replace("\n", line_end).encode(), "x_1.png": None, "x_2.png": None})
    sample = read_vignettes(folder, {})
    objects = sample.objects
    assert (sample.layout, sample.problems) == ("EcoTaxa export TSV", ())
    assert objects["object_id"].tolist() == ['x "1"', "x_2"]
    assert objects["label"].tolist() == ["rods", "bubble"]
    assert objects["status"].tolist() == ["validated", "dubious"]
    assert objects["object_time"].tolist() == ["042000"] * 2
    assert objects["object_name"].tolist() == ["007", "008"]
    assert objects["object_annotation_hierarchy"].tolist() == ["not-living>plastic>rods", "not-living>bubble"]
    assert objects["acq_magnification"].tolist() == ["1", "1"]
    np.testing.assert_array_equal(objects["object_area"], [516, np.nan])
    np.testing.assert_array_equal(objects["sample_tot_vol"], [12.5, np.nan])


def test_zip_reads_as_the_folder_does(lay: Callable[..., Path], tmp_path: Path) -> None:
    folder = lay({"root/ecotaxa_st.tsv": IMPORT, **{f"root/a_{i}.png": None for i in (1, 2, 3)}})
    with zipfile.ZipFile(tmp_path / "cruise.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, path.relative_to(folder))
    from_zip, from_folder = read_vignettes(tmp_path / "cruise.zip", {}), read_vignettes(folder, {})
    assert from_zip.objects.equals(from_folder.objects)
    assert from_zip.name == from_folder.name == "cruise"


def test_several_tables_in_folders_are_one_sample(lay: Callable[..., Path]) -> None:
    first = "img_file_name\tobject_id\tobject_area\tobject_note\n[t]\t[t]\t[f]\t[t]\np.png\ta\t5\thello\n"
    second = "object_id\timg_file_name\tobject_new\n[t]\t[t]\t[f]\nb\tp.png\t7\n"
    folder = lay({"one/ecotaxa_1.tsv": first, "two/ecotaxa_2.tsv": second, "one/p.png": None, "two/p.png": None})
    objects = read_vignettes(folder, {}).objects
    assert objects["file"].tolist() == ["one/p.png", "two/p.png"]
    np.testing.assert_array_equal(objects["object_area"], [5, np.nan])
    np.testing.assert_array_equal(objects["object_new"], [np.nan, 7])
    assert objects["object_note"].tolist() == ["hello", ""]
    assert objects["sample_id"].tolist() == ["cruise", "cruise"]


def test_column_that_one_export_leaves_empty_is_a_number_all_the_same(lay: Callable[..., Path]) -> None:
    tables = {
        f"ecotaxa_{i}.tsv": f'"object_id"\t"img_file_name"\t"object_esd"\n"{i}"\t"p.png"\t{v}\n' for i, v in ((1, '""'), (2, 3.5))
    }
    objects = read_vignettes(lay({**tables, "p.png": None}), {}).objects
    np.testing.assert_array_equal(objects["object_esd"], [np.nan, 3.5])


def test_single_table_finds_its_images_beside_it(lay: Callable[..., Path]) -> None:
    folder = lay(
        {"ecotaxa_st.tsv": IMPORT, "ecotaxa_other.tsv": "object_id\n", "a_1.png": None, "a_2.png": None, "a_3.png": None}
    )
    sample = read_vignettes(folder / "ecotaxa_st.tsv", {})
    assert (len(sample), sample.name, sample.source, sample.problems) == (3, "ecotaxa_st", folder, ())


def test_packed_table(lay: Callable[..., Path]) -> None:
    folder = lay({"export.tsv.gz": gzip.compress(EXPORT.encode()), "x_1.png": None, "x_2.png": None})
    assert len(read_vignettes(folder, {})) == 2
    (folder / "export.tsv.gz").write_bytes(gzip.compress(EXPORT.encode())[:-9])
    with pytest.raises(FormatError, match=r"^export\.tsv\.gz cannot be unpacked \(.*\): copy it again\.$"):
        read_vignettes(folder / "export.tsv.gz", {})


def test_images_are_found_elsewhere_and_in_other_case(lay: Callable[..., Path]) -> None:
    table = "img_file_name\tobject_id\n[t]\t[t]\nIMAGES\\a.PNG\ta\nb.png\tb\n./sub/c.png\tc\n"
    folder = lay({"t/ecotaxa_t.tsv": table, "t/images/a.png": None, "far/away/b.png": None, "t/sub/c.png": None})
    assert read_vignettes(folder, {}).objects["file"].tolist() == ["t/images/a.png", "far/away/b.png", "t/sub/c.png"]


def test_only_the_first_picture_of_an_object_is_used_and_the_others_are_noted(lay: Callable[..., Path]) -> None:
    table = "img_file_name\timg_rank\tobject_id\n[t]\t[f]\t[t]\nb.png\t1\ta\na.png\t0\ta\nc.png\t0\tc\n"
    sample = read_vignettes(lay({"ecotaxa_t.tsv": table, "a.png": None, "b.png": None, "c.png": None}), {})
    assert sample.objects["file"].tolist() == ["a.png", "c.png"]
    assert [str(problem) for problem in sample.problems] == [
        "ecotaxa_t.tsv, line 3: the object a has 2 pictures, of which the first by img_rank is used;"
        " the others are left out, also of an export."
    ]
    assert sample.problems[0].severity == "warning"


def bad_rows(lay: Callable[..., Path], rows: str, encoding: str = "utf-8") -> tuple[list[str], list[str]]:
    header = "img_file_name\tobject_id\tobject_area\tobject_annotation_status\n[t]\t[t]\t[f]\t[t]\n"
    folder = lay({"ecotaxa_t.tsv": (header + rows).encode(encoding), "a.png": None, "b.png": None, "c.png": None})
    sample = read_vignettes(folder, {})
    return sample.objects["object_id"].tolist(), [f"{problem.severity}: {problem}" for problem in sample.problems]


def test_duplicate_object_id(lay: Callable[..., Path]) -> None:
    assert bad_rows(lay, "a.png\tx\t1\tV\nb.png\ty\t1\tV\nc.png\tx\t1\tV\n") == (
        ["x", "y"],
        [
            "error: ecotaxa_t.tsv, line 5: the object_id x occurs a second time, first in line 3; give each object an id of its own.",
        ],
    )


def test_missing_image(lay: Callable[..., Path]) -> None:
    assert bad_rows(lay, "a.png\tx\t1\tV\nno.png\ty\t1\tV\n\tz\t1\tV\n../a.png\tw\t1\tV\n") == (
        ["x"],
        [
            "error: ecotaxa_t.tsv, line 4: the image no.png is missing; put it beside the table.",
            "error: ecotaxa_t.tsv, line 5: no image is named; put it beside the table.",
            "error: ecotaxa_t.tsv, line 6: the image ../a.png is missing; put it beside the table.",
        ],
    )


def test_missing_object_id_empty_lines_and_rows_of_the_wrong_width(lay: Callable[..., Path]) -> None:
    assert bad_rows(lay, "a.png\t\t1\tV\n\n\nb.png\ty\nc.png\tz\t1\tV\tmore\na.png\tx\t1\tV\t\t\n") == (
        ["y", "x"],
        [
            "error: ecotaxa_t.tsv, line 3: no object_id; give the object an id of its own.",
            "warning: ecotaxa_t.tsv, line 6: only 2 of 4 values, the others were taken as missing; look for a cut-off line.",
            "error: ecotaxa_t.tsv, line 7: 5 values where the header has 4; look for a stray tab.",
        ],
    )


def test_texts_where_numbers_belong_and_unknown_status(lay: Callable[..., Path]) -> None:
    assert bad_rows(lay, "a.png\tx\t1\tV\nb.png\ty\t1,5\tsure\nc.png\tz\tmuch\tX\n") == (
        ["x", "y", "z"],
        [
            "warning: ecotaxa_t.tsv, line 4: the status 'sure' is unknown; use predicted, validated, dubious or discarded.",
            "warning: ecotaxa_t.tsv, line 4: object_area is not a number: '1,5' and 1 others, taken as missing;"
            " write numbers with a decimal point.",
        ],
    )


def test_latin_1(lay: Callable[..., Path]) -> None:
    ids, problems = bad_rows(lay, "a.png\tx\t1\tV\nb.png\tété\t1\tV\n", "latin-1")
    assert ids == ["x", "été"]
    assert problems == [
        "warning: ecotaxa_t.tsv, line 4: the text is not UTF-8 and was read as Latin-1; check the accents, and save the table as UTF-8."
    ]


def test_utf_16_as_spreadsheets_save_it(lay: Callable[..., Path]) -> None:
    assert bad_rows(lay, "a.png\tété\t1\tV\n", "utf-16") == (["été"], [])


def test_quotation_mark_that_is_never_closed_swallows_nothing(lay: Callable[..., Path]) -> None:
    ids, problems = bad_rows(lay, 'a.png\tx\t1\tV\nb.png\t"y\t1\tV\nc.png\tz\t1\tV\n')
    assert ids == ["x", '"y', "z"]
    assert problems == [
        "warning: ecotaxa_t.tsv, line 4: a quotation mark opens here and is never closed;"
        " delete it; the rows from here on were read as they stand."
    ]


def test_table_without_img_file_name(lay: Callable[..., Path]) -> None:
    folder = lay({"ecotaxa_t.tsv": "object_id\tobject_area\n[t]\t[f]\na\t5\n", "a.png": None})
    with pytest.raises(FormatError, match=r"^ecotaxa_t\.tsv has no column img_file_name: export it again with the images\.$"):
        read_vignettes(folder, {})


def test_one_bad_table_does_not_stop_the_others(lay: Callable[..., Path]) -> None:
    folder = lay({"ecotaxa_1.tsv": "object_id\na\n", "ecotaxa_2.tsv": "img_file_name\tobject_id\na.png\ta\n", "a.png": None})
    sample = read_vignettes(folder, {})
    assert len(sample) == 1
    assert [str(problem) for problem in sample.problems] == [
        "ecotaxa_1.tsv: has no column img_file_name; export it again with the images."
    ]


def test_table_whose_images_are_all_missing(lay: Callable[..., Path]) -> None:
    folder = lay({"ecotaxa_t.tsv": "img_file_name\tobject_id\na.png\ta\nb.png\tb\n"})
    wanted = (
        r"holds no usable object \(ecotaxa_t\.tsv, line 2: the image a\.png is missing; put it beside the table,"
        r" and 1 more such problems\): put the images beside the table, and see that each row has an object_id of its own\.$"
    )
    with pytest.raises(DataNotFound, match=wanted):
        read_vignettes(folder, {})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"ecotaxa_t\.tsv is empty: export it again"),
        (b"object_id\0\0\0", r"ecotaxa_t\.tsv is not a text table: export it again as tab-separated text"),
        (b"img_file_name\na.png\n", r"ecotaxa_t\.tsv has no column object_id: EcoTaxa tables need it"),
        (b"object_id;img_file_name\na;a.png\n", r"ecotaxa_t\.tsv has no column object_id"),
    ],
)
def test_what_is_no_table(lay: Callable[..., Path], content: bytes, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        read_vignettes(lay({"ecotaxa_t.tsv": content, "a.png": None}), {})


def test_hierarchy_gives_the_label_where_no_category_does(lay: Callable[..., Path]) -> None:
    table = "img_file_name\tobject_id\tobject_annotation_hierarchy\na.png\ta\tliving>Copepoda\n"
    assert read_vignettes(lay({"ecotaxa_t.tsv": table, "a.png": None}), {}).labels == ("Copepoda",)


def test_ten_thousand_rows_open_within_two_seconds(lay: Callable[..., Path]) -> None:
    columns = [f"object_f{i}" for i in range(70)] + [f"sample_t{i}" for i in range(20)]
    header = "\t".join(["img_file_name", "object_id", *columns])
    types = "\t".join(["[t]", "[t]", *["[f]"] * 70, *["[t]"] * 20])
    tail = "\t".join([*[str(i * 1.37) for i in range(70)], *["text"] * 20])
    rows = "\n".join(f"a.png\tid_{i}\t{tail}" for i in range(10_000))
    folder = lay({"ecotaxa_t.tsv": f"{header}\n{types}\n{rows}\n", "a.png": None})
    read_vignettes(lay({"ecotaxa_t.tsv": IMPORT, "a_1.png": None}, "warm"), {})
    start = time.process_time()
    assert len(read_vignettes(folder, {})) == 10_000
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("part", "n", "warnings", "errors"),
    [
        ("import_test", 11, 0, 0),
        ("import_test.zip", 8, 0, 0),
        ("import_test_weird", 4, 1, 0),
        ("import_update", 10, 0, 1),
        ("merge_test", 12, 0, 1),
        ("ref_exports/bak_all_images", 11, 1, 0),
        ("ref_exports/tsv_by_taxon", 12, 0, 0),
        ("ref_exports/doi", 11, 1, 0),
        ("import_uvp6_zip_in_dir/b_da_19_Images.zip", 15, 1, 0),
    ],
)
def test_real_tables(shared_data: Callable[[str], Path], part: str, n: int, warnings: int, errors: int) -> None:
    sample = read_vignettes(shared_data("zooscan") / "ecotaxa_back_qa" / part, {})
    assert len(sample) == n
    severities = [problem.severity for problem in sample.problems]
    assert (severities.count("warning"), severities.count("error")) == (warnings, errors)


def test_real_export_without_images(shared_data: Callable[[str], Path]) -> None:
    with pytest.raises(FormatError, match=r"global\.tsv\.gz has no column img_file_name: export it again with the images"):
        read_vignettes(shared_data("zooscan") / "ecotaxa_R_export", {})


def test_real_table_in_latin_1_has_degrees_and_minutes(shared_data: Callable[[str], Path]) -> None:
    sample = read_vignettes(shared_data("zooscan") / "ecotaxa_back_qa/import_uvp6_zip_in_dir/b_da_19_Images.zip", {})
    assert sample.objects["object_lat"].tolist() == [43.0] * 15
    assert str(sample.problems[0]) == (
        "b_da_19_Images/ecotaxa_b_da_19.tsv, line 3: the text is not UTF-8 and was read as Latin-1;"
        " check the accents, and save the table as UTF-8."
    )
