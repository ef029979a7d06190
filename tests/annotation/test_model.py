"""The store against a model in plain lists: whatever two people do in whatever order, both come to the same."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from reef import ANNA, named

from imagine_kernels.annotation import Conflict, Edit, Person, Projects
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.records import Annotation, Medium, Shape

Parts = dict[str, Any]
STATUSES = st.sampled_from(["validated", "dubious", "discarded"])
LABELS = st.sampled_from(["Sponge", "Coral", "Fish"])
PLACES = st.integers(0, 3)
WHO = st.sampled_from(["anna", "ben"])


class Modelled:
    """Annotations as dicts; a history of whole copies; undo by the two stacks of an editor, for each person."""

    def __init__(self) -> None:
        self.now: dict[str, Parts] = {}
        self.steps: list[dict[str, Parts]] = [{}]
        self.done: dict[str, list[dict[str, tuple[Parts | None, Parts]]]] = {"anna": [], "ben": []}
        self.undone: dict[str, list[dict[str, tuple[Parts | None, Parts]]]] = {"anna": [], "ben": []}

    def write(self, who: str, changes: dict[str, Parts]) -> None:
        step = {}
        for name, parts in changes.items():
            before = copy.deepcopy(self.now.get(name))
            self.now[name] = {**(before or {"deleted": False}), **parts}
            if self.now[name] != before:
                step[name] = (before, copy.deepcopy(self.now[name]))
        if step:
            self.done[who].append(step)
            self.undone[who].clear()

    def take_back(self, who: str, *, redo: bool) -> bool:
        """Set back each part that is still as the step left it; what somebody has changed since stays, with all of that annotation."""
        source, target = (self.undone, self.done) if redo else (self.done, self.undone)
        if not source[who]:
            return False
        step, inverse = source[who].pop(), {}
        for name, (before, after) in step.items():
            now = self.now[name]
            held = copy.deepcopy(now)
            if before is None:
                if not now["deleted"] and now == after:
                    now["deleted"] = True
            else:
                parts = [part for part in after if before[part] != after[part] and now[part] != before[part]]
                if all(now[part] == after[part] for part in parts):
                    for part in parts:
                        now[part] = before[part]
            inverse[name] = (held, copy.deepcopy(now))
        target[who].append(inverse)
        return True


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="model-"))
        store = Projects(self.folder / "annotations.db")
        anna = store.create("Reef", by=ANNA)
        anna.add_media([Medium(name="m")])
        anna.give_role("user:ben", "review")
        self.store, self.projects = store, {"anna": anna, "ben": store.open("Reef", by=Person("ben"))}
        self.model = Modelled()
        self.marks: list[tuple[int, dict[str, Parts]]] = []

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @property
    def names(self) -> list[str]:
        return sorted(self.model.now)

    @rule(who=WHO, label=LABELS, n=st.integers(1, 3))
    def create(self, who: str, label: str, n: int) -> None:
        begin = len(self.model.now)
        made = {f"a{begin + i}": {"label": label, "status": "validated", "place": 0} for i in range(n)}
        new = [
            Annotation(id=name, medium="m", shape=Shape.of("point", (0, 0)), labels=(named(label, annotator="x", given_at="t"),))
            for name in made
        ]
        self.projects[who].write([Edit.new(each) for each in new])
        self.model.write(who, made)

    @precondition(lambda self: self.model.now)
    @rule(data=st.data(), who=WHO, status=st.none() | STATUSES, label=st.none() | LABELS, place=st.none() | PLACES)
    def edit(self, data: st.DataObject, who: str, status: str | None, label: str | None, place: int | None) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.names), min_size=1, max_size=3, unique=True))
        given = {name: value for name, value in (("status", status), ("label", label), ("place", place)) if value is not None}
        # The labels of the model have no author: who gives the same name again gives another label.
        project = self.projects[who]
        edits = []
        for name in chosen:
            held = project.get(name)
            labels = (
                None if label is None or label == self.model.now[name]["label"] else (named(label, annotator="x", given_at="t"),)
            )
            shape = None if place is None else Shape.of("point", (place, place))
            edits.append(Edit(id=name, base=held.version, status=status, shape=shape, labels=labels))  # type: ignore[arg-type]
        assert project.write(edits).conflicts == ()
        self.model.write(who, {name: dict(given) for name in chosen})

    @precondition(lambda self: self.model.now)
    @rule(data=st.data(), who=WHO, deleted=st.booleans())
    def delete(self, data: st.DataObject, who: str, deleted: bool) -> None:
        name = data.draw(st.sampled_from(self.names))
        project = self.projects[who]
        project.change(name, base=project.get(name).version, deleted=deleted)
        self.model.write(who, {name: {"deleted": deleted}})

    @precondition(lambda self: self.model.now)
    @rule(data=st.data())
    def edit_on_an_old_version(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.names))
        project = self.projects["anna"]
        version = project.get(name).version
        other = "dubious" if project.get(name).annotation.status != "dubious" else "validated"
        with pytest.raises(Conflict, match="meanwhile"):
            project.change(name, base=version - 1, status=other)

    @rule(who=WHO, redo=st.booleans())
    def take_back(self, who: str, redo: bool) -> None:
        project = self.projects[who]
        found = project.redo(leave_conflicts=True) if redo else project.undo(leave_conflicts=True)
        assert (found is not None) == self.model.take_back(who, redo=redo)

    @rule()
    def mark(self) -> None:
        self.marks.append((self.projects["anna"].head[0], copy.deepcopy(self.model.now)))

    @precondition(lambda self: self.marks)
    @rule(data=st.data(), who=WHO)
    def revert(self, data: st.DataObject, who: str) -> None:
        sequence, then = data.draw(st.sampled_from(self.marks))
        if not self.names:
            return
        name = data.draw(st.sampled_from(self.names))
        self.projects[who].revert(name, to=sequence)
        self.model.write(who, {name: then.get(name, {"deleted": True})})

    @precondition(lambda self: self.marks)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        sequence, then = data.draw(st.sampled_from(self.marks))
        found = {each.annotation.id: each.annotation.status for each in self.projects["anna"].state_at(sequence)}
        assert found == {name: parts["status"] for name, parts in then.items() if not parts["deleted"]}

    @rule()
    def rebuild(self) -> None:
        assert self.projects["anna"].rebuild() == len(self.model.now)

    @rule()
    def check(self) -> None:
        assert verify(self.projects["anna"]).problem == ""

    @invariant()
    def both_hold_the_same(self) -> None:
        project = self.projects["ben"]
        for name, parts in self.model.now.items():
            held = project.get(name)
            place = held.annotation.shape.numbers[0]
            found = {"label": held.annotation.label, "status": held.annotation.status, "place": place, "deleted": held.deleted}
            assert found == parts, name
        there = [each for each in self.model.now.values() if not each["deleted"]]
        assert sum(project.counts().statuses.values()) == len(there) == len(project.page().items)


def test_the_store_does_what_the_model_does() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=12, stateful_step_count=25, deadline=None))  # type: ignore[no-untyped-call]


@pytest.mark.slow
def test_the_store_does_what_the_model_does_for_long() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=60, stateful_step_count=50, deadline=None))  # type: ignore[no-untyped-call]
