"""Many annotations at once: sent piece by piece in one transaction, and there as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from reef import marked, named

from imagine_kernels.annotation import Edit, Project
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.errors import DataError
from imagine_kernels.records import Annotation

#: More than are sent ahead at once, twice over.
N = 2500


def many(n: int = N) -> Iterator[Annotation]:
    """Labels that appear late too, so that new words are looked up while others are being sent."""
    for i in range(n):
        yield marked(f"a{i:05d}", f"Species {i // 300}", medium=1 + i % 5)


def test_all_of_them_are_there_and_follow_from_the_history(project: Project) -> None:
    assert project.add_many(many()) == N
    assert project.get("a02499").annotation.labels[0].path == ("Biota", "Species 8")
    assert sum(project.counts().statuses.values()) == N
    assert verify(project).whole
    # Once more: they are there already.
    assert project.add_many(many()) == 0
    assert verify(project).whole


def test_one_that_cannot_be_kept_takes_all_of_its_transaction_with_it(project: Project) -> None:
    before = project.head
    wrong = marked("wrong", medium=99)
    with pytest.raises(DataError, match=r"dive/0099\.jpg"):
        project.add_many([*many(), wrong])
    assert (sum(project.counts().statuses.values()), project.head) == (0, before)
    assert project.add_many(many()) == N
    assert verify(project).whole


def test_what_was_sent_ahead_can_be_changed_in_the_same_write(project: Project) -> None:
    edits = [Edit.new(each, key=each.id) for each in many()]
    change = Edit(id="a00001", after="a00001", labels=(named("Coral"),))
    saved = project.write([*edits, change]).saved
    assert len(saved) == N + 1
    assert project.get("a00001").annotation.labels[0].path == ("Biota", "Coral")
    assert sum(project.counts().statuses.values()) == N
    assert verify(project).whole
