"""What a service takes from its callers, for every use case."""

from __future__ import annotations

import pytest

from imagine_kernels import catalog
from imagine_kernels.serving.service import Service


@pytest.mark.parametrize("name", catalog.names())
def test_a_caller_does_not_choose_files_of_this_machine(name: str) -> None:
    service = Service(name)
    declared = catalog.get(name).settings
    taken = {argument.name for argument in service.predict_arguments()}
    assert {setting.name for setting in declared if not setting.names_file} <= taken
    for setting in declared:
        if setting.names_file:
            assert setting.name not in taken
            assert service.split({setting.name: "/etc/hostname"}) == {}


def test_tables_coasts_and_fields_are_such_files() -> None:
    named = {(name, setting.name) for name in catalog.names() for setting in catalog.get(name).settings if setting.names_file}
    assert named == {
        ("flowcam", "taxa"), ("flowcam", "watch_list"), ("diatoms", "taxa"), ("diatoms", "index_table"), ("diatoms", "class_boundaries"),
        ("oil_spill", "coast"), ("oil_spill", "fields"),
    }  # fmt: skip
