"""New models are trained for real, never see the held-out media, and are offered only where they are better beyond doubt."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from assistance.conftest import TAXA, Bench, Vignettes, media_of

from imagine_kernels import settings
from imagine_kernels.assistance.comparing import compare
from imagine_kernels.assistance.items import is_held_out, items_of
from imagine_kernels.assistance.retraining import Retrained, material, retrain
from imagine_kernels.errors import Cancelled, LabelError
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.records import Annotation, LabelGiven, Medium, Shape
from imagine_kernels.workflow import use_case

#: What a project calls these that turns everything round: the model in use is never right there.
TURNED = {"Copepoda": "Chaetognatha", "Chaetognatha": "Oar-footed", "Appendicularia": "Ostracoda", "Ostracoda": "Appendicularia"}
PLAIN = {**dict(zip(TAXA, TAXA, strict=True)), "Copepoda": "Oar-footed"}


def fill(bench: Bench, vignettes: Vignettes, words: dict[str, str]) -> tuple[int, int]:
    """Named vignettes: 6 of each kind to train on, 6 of each held out."""
    names: list[str] = []
    for taxon in words:
        media = media_of(vignettes.folder, vignettes.of(taxon, 90))
        names += [each.name for each in media if not is_held_out(each)][:6]
        names += [each.name for each in media if is_held_out(each)][:6]
    bench.project.add_media(media_of(vignettes.folder, names))
    for name in names:
        given = LabelGiven(path=bench.path(words[vignettes.label[name]]))
        bench.project.add(Annotation(id=str(uuid4()), medium=name, shape=Shape("whole"), labels=(given,)))
    held_out = sum(is_held_out(item.medium) for item in items_of(bench.project))
    return len(names) - held_out, held_out


def run(bench: Bench, **given: object) -> Retrained:
    return retrain(bench.project, bench.model, bench.looker, bench.tree, **given)  # type: ignore[arg-type]


def test_a_better_model_is_offered_and_never_saw_what_it_is_judged_by(bench: Bench, vignettes: Vignettes) -> None:
    n_training, n_held_out = fill(bench, vignettes, TURNED)
    assert n_held_out >= 20
    lonely = LabelGiven(path=bench.path("Cladocera"))
    alone = next(each for each in media_of(vignettes.folder, vignettes.of("Cladocera", 20)) if not is_held_out(each))
    bench.project.add_media([alone])
    bench.project.add(Annotation(id="lonely", medium=alone.name, shape=Shape("whole"), labels=(lonely,)))
    found = run(bench)
    assert found.offer is not None
    compared = found.offer.compared
    assert compared.better
    assert (compared.items, compared.media) == (n_held_out, n_held_out)
    assert compared.now < 0.2
    assert compared.new > 0.6
    assert compared.gain == pytest.approx(compared.new - compared.now)
    assert 0 < compared.low < compared.gain <= compared.high <= 1
    assert "A new model is better:" in found.offer.words
    assert any(each.startswith("Animals > Cladocera was left out of the training: only 1 item") for each in found.problems)
    assert found.left_out == 1
    # What it was trained on is the other media, all of them and nothing else.
    bundle = ModelBundle.load(settings.home() / "models" / found.offer.model)
    given = material(bench.project)
    counts = Counter(item.path[-1] for item in given.training)
    assert bundle.details["data"]["counts"] == dict(counts)
    assert bundle.details["data"]["n"] == n_training == found.items
    assert not {item.medium.name for item in given.training} & {item.medium.name for item in given.held_out}
    # It can be used as any other.
    assert found.offer.model in {each["folder"] for each in use_case("zooscan").models()}


def test_one_that_is_not_better_is_not_offered(bench: Bench, vignettes: Vignettes) -> None:
    fill(bench, vignettes, PLAIN)
    before = {path.name for path in (settings.home() / "models").iterdir()}
    found = run(bench)
    assert found.offer is None
    assert found.compared is not None
    assert not found.compared.better
    assert found.compared.now > 0.8
    assert any(each.startswith("The model in use stays: ") for each in found.problems)
    # Nothing is left behind, not when it is stopped either.
    stop = threading.Event()

    def progress(_done: int, _total: int, what: str) -> None:
        if what == "fitting the head":
            stop.set()

    with pytest.raises(Cancelled):
        run(bench, cancel=stop, progress=progress)
    assert {path.name for path in (settings.home() / "models").iterdir()} == before


def test_too_little_is_said(bench: Bench, vignettes: Vignettes) -> None:
    with pytest.raises(LabelError, match="Training needs two labels or more with at least 2 items each"):
        run(bench)
    names = [name for taxon in ("Copepoda", "Ostracoda") for name in vignettes.of(taxon, 9)]
    bench.project.add_media(media_of(vignettes.folder, names))
    for i, name in enumerate(names):
        given = LabelGiven(path=bench.path(PLAIN[vignettes.label[name]]))
        # What a model has named, or what is in doubt, is nothing to learn from.
        status = "predicted" if i == 0 else "dubious" if i == 1 else "validated"
        bench.project.add(Annotation(id=str(i), medium=name, shape=Shape("whole"), labels=(given,), status=status))
    held = material(bench.project)
    assert len(held.training) + len(held.held_out) == len(names) - 2
    found = run(bench)
    assert (found.offer, found.compared) == (None, None)
    assert "There is too little to compare models on" in found.problems[-1]


def test_a_medium_is_always_on_the_same_side(bench: Bench) -> None:
    media = [Medium(name=f"{i}.png", sha256=f"{i:064x}") for i in range(400)]
    held = [is_held_out(each) for each in media]
    assert 50 < sum(held) < 110  # a fifth of 400 is 80, with a standard deviation of 8
    # Another name or folder changes nothing: the content decides.
    assert [is_held_out(replace(each, name=f"other/{each.name}")) for each in media] == held
    bench.project.add_media(media[:40])
    label = (LabelGiven(path=bench.path("Ostracoda")),)
    for medium in media[:40]:
        for k in range(3):
            shape = Shape.of("rectangle", (k, k, k + 9, k + 9))
            bench.project.add(Annotation(id=f"{medium.name}-{k}", medium=medium.name, shape=shape, labels=label))
    given = material(bench.project)
    assert {item.medium.name for item in given.held_out} == {each.name for each in media[:40] if is_held_out(each)}
    assert not {item.medium.name for item in given.held_out} & {item.medium.name for item in given.training}
    assert len(given.training) + len(given.held_out) == 120


def test_the_comparison_is_honest() -> None:
    workflow, rng = use_case("zooscan"), np.random.default_rng(8)
    n = 60
    true = [("a", "b", "c")[i % 3] for i in range(n)]
    media = [str(i) for i in range(n)]
    worse = ["a" if rng.random() < 0.5 else each for each in true]
    better = compare(workflow, true, worse, true, media)
    assert better.better
    assert better.new == 1
    assert not compare(workflow, true, true, worse, media).better
    same = compare(workflow, true, worse, worse, media)
    assert (same.gain, same.better) == (0, False)
    # The same items in four media are far less certain than in sixty.
    few = compare(workflow, true, worse, true, [str(i % 4) for i in range(n)])
    assert few.high - few.low > better.high - better.low or not few.better
    assert not few.better
    # Two items that turn right are no proof, though their differences are all the same.
    before = ["b", "b", *true[2:]]
    assert not compare(workflow, ["a", "a", *true[2:]], before, ["a", "a", *true[2:]], media).better
    # Where both are as good, chance alone is seldom offered.
    offered = 0
    for _ in range(400):
        first, second = ([each if rng.random() < 0.7 else "x" for each in true] for _ in range(2))
        offered += compare(workflow, true, first, second, media).better
    assert offered <= 20  # 2.5 % of 400 are 10, and 20 come up in 1 of 500
