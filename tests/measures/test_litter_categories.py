"""Classes of detectors as categories of the Joint List."""

from __future__ import annotations

from imagine_kernels.measures.litter_categories import MATERIALS, Category, ClassCode, j_codes


def test_codes_follow_class_and_size():
    codes = {"foam": ClassCode(j_code="J82", over_50_cm="J83"), "Can": ClassCode(j_code="J175")}
    found, notes = j_codes(["foam", "FOAM", "foam", "can", "whale"], [50.0, 50.1, float("nan"), 80.0, 5.0], codes)
    assert found.tolist() == ["J82", "J83", "J82", "J175", ""]
    assert notes == ("No J-code is known for whale: give a table of class codes that names them.",)
    assert j_codes([], [], codes)[1] == ()


def test_materials():
    assert Category(j_code="J7", type_code="pl_fc_b&c_dbot_smll_", g_code="G7", name="").material == MATERIALS["pl"]
    assert Category(j_code="J1", type_code="", g_code="", name="").material == ""
