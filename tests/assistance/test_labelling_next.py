"""What to label next, and likely mistakes, with the real model on real vignettes."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from assistance.conftest import TAXA, Bench, Vignettes, media_of

from imagine_kernels.assistance import items_of
from imagine_kernels.assistance.choosing import Counting, choose_next, count_next
from imagine_kernels.assistance.items import whole_id
from imagine_kernels.assistance.likely import by_name, items_with, likely_mistakes, newest
from imagine_kernels.errors import Cancelled, DataError
from imagine_kernels.measures.choosing import entropy
from imagine_kernels.media.viewing import natural
from imagine_kernels.records import Annotation, LabelGiven, Shape

WORDS = {"Copepoda": "Oar-footed"}


def name_it(bench: Bench, vignettes: Vignettes, name: str, label: str | None = None) -> None:
    """As a person who knows."""
    taxon = label or vignettes.label[name]
    given = LabelGiven(path=bench.path(WORDS.get(taxon, taxon)))
    medium = bench.project.medium(name).medium
    bench.project.add(
        Annotation(id=whole_id(bench.project, medium), medium=name, shape=Shape("whole"), labels=(given,), status="validated")
    )


def add(bench: Bench, vignettes: Vignettes, n: int, taxa: tuple[str, ...] = TAXA) -> list[str]:
    names = [name for taxon in taxa for name in vignettes.of(taxon, n)]
    bench.project.add_media(media_of(vignettes.folder, names))
    return names


def test_the_least_sure_comes_first(bench: Bench, vignettes: Vignettes) -> None:
    names = add(bench, vignettes, 6)
    for name in names[:3]:
        name_it(bench, vignettes, name)
    items = list(items_of(bench.project))
    assert len(items) == len(names)
    found = choose_next(items, bench.model, bench.looker, 5, by="uncertainty")
    assert not {each.item.medium.name for each in found} & set(names[:3])
    free = [item for item in items if item.id is None]
    p = bench.model.opinion(bench.looker, free).probabilities.astype(float)
    p = np.hstack([p, np.clip(1 - p.sum(axis=1, keepdims=True), 0, None)])
    scores = entropy(p / p.sum(axis=1, keepdims=True))
    assert [each.score for each in found] == pytest.approx(sorted(scores, reverse=True)[:5])
    assert found[0].why.startswith("unsure: ")
    assert found[0].item.medium.name == free[int(scores.argmax())].medium.name
    with pytest.raises(DataError, match="There is no way 'fancy'"):
        choose_next(items, bench.model, bench.looker, 5, by="fancy")  # type: ignore[arg-type]


def test_what_is_unlike_anything_labelled(bench: Bench, vignettes: Vignettes) -> None:
    names = add(bench, vignettes, 9, ("Ostracoda", "Chaetognatha"))
    with pytest.raises(DataError, match="Nothing is labelled yet"):
        choose_next(list(items_of(bench.project)), bench.model, bench.looker, 3, by="novelty")
    # Nobody has named an arrow worm yet, which is long and thin where an ostracod is round.
    for name in names[:5]:
        name_it(bench, vignettes, name)
    items = list(items_of(bench.project))
    novel = choose_next(items, bench.model, bench.looker, 4, by="novelty")
    assert {vignettes.label[each.item.medium.name] for each in novel} == {"Chaetognatha"}
    assert "times as far as usual" in novel[0].why
    for by in ("diversity", "mixed"):
        found = choose_next(items, bench.model, bench.looker, 4, by=by)  # type: ignore[arg-type]
        assert len({each.item.medium.name for each in found}) == 4
        assert all(not each.item.labels and each.opinion for each in found)
    everything = [each for each in names if bench.project.medium(each).counts == {}]
    for name in everything:
        name_it(bench, vignettes, name)
    with pytest.raises(DataError, match="Everything in this project has a label"):
        choose_next(list(items_of(bench.project)), bench.model, bench.looker, 4)


def test_a_count_gets_certain(bench: Bench, vignettes: Vignettes) -> None:
    names = add(bench, vignettes, 12)
    target, truth = bench.path("Oar-footed"), 12
    counting, labels, errors, named = None, 0, [], set()
    for _ in range(30):
        items = list(items_of(bench.project))
        head = bench.project.head[0]
        chosen, needed, counting = count_next(items, target, bench.model, bench.looker, 10, head=head, counting=counting, seed=3)
        errors.append(needed.error)
        assert needed.relative == 0.1
        if labels >= 10:
            assert abs(needed.value - truth) <= max(needed.error, 1e-9) * 1.5
        if not chosen:
            break
        for each in chosen:
            assert each.item.medium.name not in named
            name_it(bench, vignettes, each.item.medium.name)
            named.add(each.item.medium.name)
            labels += 1
    assert len(named) == len(names)
    assert (needed.value, needed.error, needed.labels) == (truth, 0, 0)
    assert "people have named all of them" in needed.words
    # Beyond the first draws, more labels make it more certain.
    assert errors[-2] < errors[1]
    with pytest.raises(DataError, match="The model does not know the label Ship"):
        count_next(items, ("Ship",), bench.model, bench.looker, 5, head=head)


def test_a_count_is_kept_between_sittings(bench: Bench, vignettes: Vignettes) -> None:
    names = add(bench, vignettes, 6)
    target = bench.path("Chaetognatha")
    args = (target, bench.model, bench.looker, 6)
    first, plan, counting = count_next(list(items_of(bench.project)), *args, head=bench.project.head[0])
    assert "if its probabilities are right" in plan.words
    assert plan.value == pytest.approx(6, abs=2)
    again, _, same = count_next(list(items_of(bench.project)), *args, head=bench.project.head[0], counting=counting)
    assert same == counting
    assert [each.item.key for each in again] == [each.item.key for each in first]
    # One of them is named: it is the first that is done, and the rest still waits.
    name_it(bench, vignettes, first[0].item.medium.name)
    rest, _, _ = count_next(list(items_of(bench.project)), *args, head=bench.project.head[0], counting=counting)
    assert [each.item.key for each in rest] == [each.item.key for each in first[1:]]
    # What came later could not be drawn: the count begins anew.
    more = [name for name in vignettes.of("Copepoda", 10) if name not in names]
    bench.project.add_media(media_of(vignettes.folder, more))
    _, _, anew = count_next(list(items_of(bench.project)), *args, head=bench.project.head[0], counting=counting)
    assert isinstance(anew, Counting)
    assert anew.head > counting.head


def test_swapped_labels_come_first(bench: Bench, vignettes: Vignettes) -> None:
    names = add(bench, vignettes, 8, ("Copepoda", "Chaetognatha", "Siphonophorae"))
    items = list(items_of(bench.project))
    opinion = bench.model.opinion(bench.looker, items)
    said = {item.medium.name: opinion.top(i, 1)[0][0][-1] for i, item in enumerate(items)}
    model_is_right = [name for name in names if said[name] == WORDS.get(vignettes.label[name], vignettes.label[name])]
    assert len(model_is_right) >= 20
    worms = [name for name in model_is_right if vignettes.label[name] == "Chaetognatha"]
    copepods = [name for name in model_is_right if vignettes.label[name] == "Copepoda"]
    swapped = {worms[1], worms[4], copepods[2]}
    for name in names:
        wrong = {"Chaetognatha": "Copepoda", "Copepoda": "Chaetognatha"}
        name_it(bench, vignettes, name, wrong[vignettes.label[name]] if name in swapped else None)
    found = likely_mistakes(items_with(bench.project, None), bench.model, bench.looker)
    assert {item.medium.name for item in found[:3]} == swapped
    of_one = likely_mistakes(items_with(bench.project, bench.path("Oar-footed")), bench.model, bench.looker)
    assert {item.medium.name for item in of_one[:2]} == {worms[1], worms[4]}
    assert {item.path for item in of_one} == {bench.path("Oar-footed")}
    assert items_with(bench.project, ("Animals",), ("predicted",)) == []
    assert len(items_with(bench.project, ())) == 0
    assert [item.medium.name for item in by_name(found)] == sorted(names, key=natural)
    assert [item.version for item in newest(found)] == sorted((item.version for item in found), reverse=True)
    stop = threading.Event()
    stop.set()
    fresh = vignettes.of("Ostracoda", 2)
    bench.project.add_media(media_of(vignettes.folder, fresh))
    with pytest.raises(Cancelled):
        likely_mistakes(items_with(bench.project, None), bench.model, bench.looker, cancel=stop)
