"""The Joint List and tables of class codes."""

from __future__ import annotations

import pytest

from imagine_kernels.errors import DataNotFound, FormatError
from imagine_kernels.formats.litter_lists import read_categories, read_class_codes
from imagine_kernels.measures.litter_categories import MATERIALS, Category


def test_the_joint_list_is_whole_and_says_what_the_report_says():
    rows = read_categories()
    by_code = {code: (kind, old, name) for code, kind, old, name in rows}
    assert len(rows) == len(by_code) == 183
    # Fleet et al. (2021), table of J-codes.
    for code, kind, old, name in (
        ("J7", "pl_fc_b&c_dbot_smll_", "G7", "plastic drink bottles ≤ 0.5 l"),
        ("J27", "pl_sm_but_", "G27", "tobacco products with filters (cigarette butts with filters)"),
        ("J175", "me_fc_b&c_cans_bevg_", "G175", "metal drinks cans"),
        ("J253", "pl_md_msk_", "", "plastic single-use face-mask"),
        ("J83", "pl_nn_frg_fopy_larg_", "G83", "fragments of foamed polystyrene > 50cm"),
    ):
        assert by_code[code] == (kind, old, name)
    # Where a category was in the older list, it kept its number.
    assert all(old[1:] == code[1:] for code, (_, old, _) in by_code.items() if old)
    # New categories have numbers from 216 on.
    assert {int(code[1:]) >= 216 for code, (_, old, _) in by_code.items() if not old} == {True}
    kinds = [Category(j_code=code, type_code=kind, g_code=old, name=name) for code, kind, old, name in rows]
    assert {each.material for each in kinds} == set(MATERIALS.values())


def test_examples_are_of_the_list():
    known = {code for code, *_ in read_categories()}
    examples = read_class_codes()
    assert {code for pair in examples.values() for code in pair if code} <= known
    assert examples["foam"] == ("J82", "J83")
    assert {"glass", "metal", "paper", "plastic"} == set(read_class_codes(source="aquatrash"))


def test_the_examples_name_all_classes_of_aquatrash_and_of_the_litter_module(shared_data):
    import csv

    import yaml

    with (shared_data("litter/aquatrash") / "annotations.csv").open(encoding="utf-8", newline="") as stream:
        classes = {row["class_name"].strip() for row in csv.DictReader(stream)}
    assert classes <= set(read_class_codes())
    found = yaml.safe_load(
        (shared_data("litter/ai4os-litter-assessment") / "litter_assessment_service" / "configs.yaml").read_text(encoding="utf-8")
    )
    litter = {name for name in found["label"]["label PLQ"] if not name.startswith("NW")} - {"NP - other"}
    assert litter <= set(read_class_codes())


def test_a_table_of_the_user(tmp_path):
    table = tmp_path / "codes.csv"
    table.write_text("class,j_code,j_code_over_50_cm\nFischernetz,j53,J54\nDose,J175,\n", encoding="utf-8")
    assert read_class_codes(str(table)) == {"Fischernetz": ("J53", "J54"), "Dose": ("J175", "")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class\ncan\n", "has no column j_code"),
        ("class,j_code\n", "has no rows"),
        ("class,j_code\ncan,G175\n", "line 2 has the J-code 'G175': write J and a number"),
        ("class,j_code\ncan,J175\ncan,J176\n", "line 3 gives the class 'can' another code"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, text, message):
    table = tmp_path / "codes.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        read_class_codes(str(table))


def test_other_lists(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("j_code;name\nJ7;bottle\nJ7;bottle\n", encoding="utf-8")
    with pytest.raises(FormatError, match="line 3 names J7 again"):
        read_categories(str(table))
    with pytest.raises(DataNotFound, match="There is no table at"):
        read_categories(str(tmp_path / "none.csv"))
