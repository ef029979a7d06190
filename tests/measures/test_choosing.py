"""What to label next: scores by hand, batches against what they are for, and estimates against the exact truth of simulated samples."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from imagine_kernels.errors import DataError
from imagine_kernels.measures.choosing import (
    WAYS,
    Expected,
    Pool,
    choose,
    draw,
    entropy,
    estimate,
    expected,
    labels_needed,
    labels_planned,
    least_confidence,
    margin,
    novelty,
)

P = np.array([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0], [0.7, 0.1, 0.1, 0.1]])


def test_scores_of_uncertainty_by_hand():
    assert entropy(P) == pytest.approx([0, 1, 0.5, -(0.7 * np.log(0.7) + 0.3 * np.log(0.1)) / np.log(4)])
    assert margin(P) == pytest.approx([0, 1, 1, 0.4])
    assert least_confidence(P) == pytest.approx([0, 1, 2 / 3, 0.4])


def test_novelty_is_the_distance_to_the_labelled():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1500, 8))
    z[1400:] += 9  # a cloud that nobody has labelled
    labelled = np.arange(1500) < 300
    found = novelty(z, labelled, k=5)
    other = NearestNeighbors(n_neighbors=6).fit(z[labelled])
    apart = other.kneighbors(z[~labelled], n_neighbors=5)[0].mean(axis=1)
    usual = np.median(other.kneighbors(z[labelled])[0][:, 1:].mean(axis=1))
    assert found[~labelled] == pytest.approx(apart / usual)
    assert np.median(found[labelled]) == pytest.approx(1.0)
    assert found[1400:].min() > found[:1400].max()
    with pytest.raises(DataError, match="Novelty needs two labelled objects or more, not 1"):
        novelty(z, np.arange(1500) < 1)


def clouds(seed=0, n=40):
    """Ten clouds of objects; the model is unsure of those in three of them. Samples of very different size."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(10), n)
    centres = rng.normal(0, 8, (10, 6))
    z = centres[of] + rng.normal(size=(len(of), 6))
    sure = np.where(np.isin(of, (2, 5, 7)), 0.4, 0.97) + rng.uniform(-0.02, 0.02, len(of))
    p = np.column_stack([sure, 1 - sure])
    groups = np.array(["s1", "s2", "s3", "s4"])[rng.choice(4, len(of), p=[0.85, 0.05, 0.05, 0.05])]
    return of, Pool(labelled=of == 0, probabilities=p, embeddings=z, groups=groups)


@pytest.mark.parametrize("by", WAYS)
def test_a_batch_is_new_shared_out_and_the_same_for_the_same_seed(by):
    _, pool = clouds()
    found = choose(pool, 20, by=by, seed=3)
    assert len(set(found.objects)) == 20
    assert not pool.labelled[found.objects].any()
    assert max(np.unique(pool.groups[found.objects], return_counts=True)[1]) == 5
    assert choose(pool, 20, by=by, seed=3).objects.tolist() == found.objects.tolist()
    assert (
        max(np.unique(pool.groups[choose(pool, 20, by=by, per_group=2).objects], return_counts=True)[1]) >= 5
    )  # 4 groups give 8 only
    assert len(choose(pool, 10_000, by=by).objects) == 360
    assert set(choose(pool, 10_000, by=by).objects) == set(np.flatnonzero(~pool.labelled))
    assert len(choose(pool, 0, by=by).objects) == 0


def test_ways_with_chance_hang_on_the_seed():
    _, pool = clouds()
    for by in ("mixed", "random"):
        assert choose(pool, 20, by=by, seed=1).objects.tolist() != choose(pool, 20, by=by, seed=2).objects.tolist()


def alone(pool):
    return Pool(labelled=pool.labelled, probabilities=pool.probabilities, embeddings=pool.embeddings)


def test_each_way_chooses_what_it_is_for():
    of, pool = clouds()
    free = alone(pool)
    for by in ("entropy", "margin", "least_confidence"):
        found = choose(free, 30, by=by)
        assert set(of[found.objects]) <= {2, 5, 7}
        assert (np.diff(found.scores) <= 0).all()
    assert len(set(of[choose(free, 9, by="diverse").objects])) == 9  # one of each cloud that is not labelled
    mixed = [of[choose(free, 12, by="mixed", seed=seed).objects] for seed in range(5)]
    assert all({2, 5, 7} <= set(each) for each in mixed)
    assert np.mean([np.isin(each, (2, 5, 7)).mean() for each in mixed]) > 0.6
    assert np.isnan(choose(free, 3, by="random").scores).all()


def test_k_centre_is_twice_the_best_at_most():
    """Gonzalez (1985): against all choices of three centres."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        z = rng.random((12, 2))
        apart = np.sqrt(((z[:, None] - z[None]) ** 2).sum(axis=-1))
        found = choose(Pool(labelled=np.arange(12) == 0, embeddings=z), 2, by="diverse").objects
        radius = apart[:, [0, *found]].min(axis=1).max()
        best = min(apart[:, [0, i, j]].min(axis=1).max() for i in range(12) for j in range(12))
        assert best - 1e-9 <= radius <= 2 * best + 1e-9


def test_mixed_takes_one_of_each_place_where_the_model_is_unsure():
    of, pool = clouds()
    for seed in range(5):
        found = choose(alone(pool), 3, by="mixed", seed=seed)
        assert set(of[found.objects]) == {2, 5, 7}
        assert (np.diff(found.scores) <= 0).all()
        assert found.scores == pytest.approx(margin(pool.probabilities)[found.objects])


def test_mixed_leaves_odd_objects_alone():
    """What is unsure because it is like nothing else is far off, and teaches little about the others."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 5)) + np.repeat(3 * np.eye(5)[:3], 100, axis=0)
    z[:6] += rng.normal(0, 60, (6, 5))
    p = np.column_stack([np.full(300, 0.5), np.full(300, 0.5)])
    pool = Pool(labelled=np.arange(300) == 299, probabilities=p, embeddings=z)
    odd = [np.isin(choose(pool, 6, by="mixed", seed=seed).objects, range(6)).mean() for seed in range(10)]
    assert np.mean(odd) < 0.3
    assert np.isin(choose(pool, 6, by="diverse").objects, range(6)).mean() > 0.9


def test_mixed_sees_all_features_alike_whatever_their_units():
    _, pool = clouds()
    other = Pool(labelled=pool.labelled, probabilities=pool.probabilities, embeddings=pool.embeddings * [1, 2, 4, 0.7, 3, 2] + 5)
    assert choose(other, 20, by="mixed").objects.tolist() == choose(alone(pool), 20, by="mixed").objects.tolist()


def test_mixed_fills_the_batch_where_groups_have_few_candidates():
    """All uncertain objects are of one group, but each of the five gets its share."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(5), [400, 3, 3, 3, 3])
    unsure = np.where(groups == 0, 0.5, 0.99)
    pool = Pool(
        labelled=np.zeros(412, bool),
        probabilities=np.column_stack([unsure, 1 - unsure]),
        embeddings=rng.normal(size=(412, 4)),
        groups=groups,
    )
    for n in (1, 5, 7, 50, 412):
        found = choose(pool, n, by="mixed").objects
        assert len(set(found)) == n
        assert max(np.bincount(groups[found])[1:], default=0) <= 3
    assert np.bincount(groups[choose(pool, 10, by="mixed").objects]).tolist() == [2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("pool", "by", "said"),
    [
        (Pool(labelled=np.zeros(4, bool)), "entropy", "To choose by entropy it takes a model's probabilities"),
        (Pool(labelled=np.zeros(4, bool)), "diverse", "To choose by diverse it takes embeddings"),
        (
            Pool(labelled=np.zeros(3, bool), probabilities=P),
            "entropy",
            "There are 4 probabilities for 3 objects: give one for each",
        ),
        (Pool(labelled=np.zeros(4, bool), probabilities=P * 2), "entropy", "must lie between 0 and 1 and add up to 1"),
        (
            Pool(labelled=np.zeros(4, bool), probabilities=P[:, 0]),
            "margin",
            "one row for each object and one column for each class",
        ),
        (Pool(labelled=np.zeros(4, bool)), "best", "Unknown way to choose 'best': use one of entropy, margin"),
    ],
)
def test_what_is_missing_is_said(pool, by, said):
    with pytest.raises(DataError, match=said):
        choose(pool, 2, by=by)


# Quantities


def sample(seed, *, n=6000, sureness=1.0, rare=0.05):
    """Objects with true classes, sizes and what a model says: calibrated with `sureness` 1, too sure above it."""
    rng = np.random.default_rng(seed)
    share = np.array([rare, 0.3, 0.7 - rare])
    true = rng.choice(3, n, p=share)
    x = rng.normal(size=(n, 3))
    x[np.arange(n), true] += 2.0
    logits = sureness * (2.0 * x + np.log(share))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return true, p / p.sum(axis=1, keepdims=True), rng.lognormal(0, 1, n)


def repeated(model, added, n, times):
    return [estimate([(drawn := draw(model, n, seed=seed), added[drawn.objects])]) for seed in range(times)]


def held(found, truth):
    return float(np.mean([each.total.low <= truth <= each.total.high for each in found]))


@pytest.mark.parametrize("weighted", [False, True], ids=["count", "biovolume"])
@pytest.mark.parametrize("sureness", [1.0, 1.5, 0.6], ids=["calibrated", "too sure", "unsure"])
@pytest.mark.parametrize("n", [60, 250])
def test_the_interval_holds_the_truth_and_the_estimate_has_no_bias(weighted, sureness, n):
    true, p, size = sample(11, sureness=sureness)
    s = size if weighted else np.ones(len(true))
    model, added = expected(p, [1, 0, 0], size=s), s * (true == 0)
    found = repeated(model, added, n, 600)
    assert 0.92 <= held(found, added.sum()) <= 0.985
    values = np.array([each.total.value for each in found])
    assert abs(values.mean() - added.sum()) < 3.5 * values.std() / np.sqrt(len(values))
    # The model alone is off by more than that where it is not calibrated.
    if sureness == 0.6:
        assert abs(model.total - added.sum()) > 20 * values.std() / np.sqrt(len(values))


def test_fewer_labels_for_the_same_width_than_by_chance():
    """Against the same number of labels of objects drawn with equal chances: without a model, and with it."""
    true, p, size = sample(3)
    added = size * (true == 0)
    model = expected(p, [1, 0, 0], size=size)
    even = Expected(model.added, np.ones(len(added)), np.zeros(len(added)))
    without = Expected(np.zeros(len(added)), np.ones(len(added)), np.zeros(len(added)))

    def spread(chosen):
        return np.std([each.total.value for each in repeated(chosen, added, 150, 300)])

    ours, by_chance, no_model = spread(model), spread(even), spread(without)
    # Labels go with the square of the spread.
    assert (by_chance / ours) ** 2 > 3
    assert (no_model / ours) ** 2 > 8


def test_as_many_labels_as_were_foretold_give_the_width():
    true, p, size = sample(5, n=20_000)
    added = size * (true == 0)
    model = expected(p, [1, 0, 0], size=size)
    first = draw(model, 100, seed=1)
    so_far = estimate([(first, added[first.objects])])
    more = labels_needed(so_far, 0.15)
    second = draw(model, more, seed=2)
    found = estimate([(batch, added[batch.objects]) for batch in (first, second)])
    assert found.n == 100 + more
    assert found.relative_half_width == pytest.approx(0.15, rel=0.2)
    assert labels_needed(found, 0.3) == 0


def test_as_many_labels_as_were_planned_give_the_spread():
    true, p, size = sample(5, n=20_000)
    added = size * (true == 0)
    model = expected(p, [1, 0, 0], size=size)
    planned = labels_planned(model, 0.15)
    values = [each.total.value for each in repeated(model, added, planned, 400)]
    assert 1.96 * np.std(values) / added.sum() == pytest.approx(0.15, rel=0.15)
    assert labels_planned(model, 0.075) == pytest.approx(4 * planned, rel=0.02)


def test_batches_of_two_models_go_into_one_estimate():
    true, p, size = sample(8)
    _, worse, _ = sample(8, sureness=0.4)
    added = size * (true == 0)
    models = [expected(each, [1, 0, 0], size=size) for each in (worse, p)]
    found = []
    for seed in range(400):
        drawn = [draw(model, 80, seed=2 * seed + i) for i, model in enumerate(models)]
        found.append(estimate([(each, added[each.objects]) for each in drawn]))
    assert 0.92 <= held(found, added.sum()) <= 0.985
    values = np.array([each.total.value for each in found])
    assert abs(values.mean() - added.sum()) < 3.5 * values.std() / 20


def test_a_perfect_model_is_not_taken_at_its_word_at_once():
    true = np.random.default_rng(0).integers(0, 2, 3000)
    model = expected(np.eye(2)[true], [1, 0])
    assert model.total == (true == 0).sum()
    widths = [
        estimate([(d := draw(model, n), (true[d.objects] == 0).astype(float))]).relative_half_width for n in (20, 100, 1000)
    ]
    assert widths[0] > widths[1] > widths[2] > 0
    assert widths[2] < 0.01


def test_what_an_object_adds_by_hand():
    model = expected(np.array([[0.5, 0.5], [1.0, 0.0]]), [2, 0], size=np.array([3.0, 1.0]), doubt=0.01)
    assert model.added == pytest.approx([3.0, 2.0])
    assert model.spread == pytest.approx([3.0, 0.0])
    assert model.error == pytest.approx([3 * np.sqrt(1.04), 0.2])
    drawn = draw(model, 1000, seed=0)
    assert (drawn.objects == 0).mean() == pytest.approx(model.error[0] / model.error.sum(), abs=0.03)
    assert drawn.scatter == pytest.approx(model.error.sum())


def test_what_cannot_be_estimated_is_said():
    model = expected(np.array([[0.5, 0.5], [0.9, 0.1]]), [1, 0])
    drawn = draw(model, 3)
    for batches, said in (
        ([], "An interval needs two labels or more, not 0"),
        ([(drawn, [1.0, 0.0])], "A batch of 3 draws needs a label for each"),
        ([(drawn, [1.0, 0.0, np.nan])], "A batch of 3 draws needs a label for each"),
    ):
        with pytest.raises(DataError, match=said):
            estimate(batches)
    found = estimate([(drawn, [1.0, 0.0, 1.0])])
    for wrong in (0, -1):
        with pytest.raises(DataError, match="No number of labels gives"):
            labels_needed(found, wrong)
    with pytest.raises(DataError, match="No number of labels gives"):
        labels_planned(Expected(np.zeros(2), np.ones(2), np.zeros(2)), 0.1)
    with pytest.raises(DataError, match="A quantity needs a finite worth for each class"):
        expected(P, [1, 0])
    with pytest.raises(DataError, match="The doubt in the model is 0: give a share above 0"):
        expected(P, [1, 0, 0, 0], doubt=0)
    with pytest.raises(DataError, match="No object can add anything to this quantity"):
        draw(expected(P, [0, 0, 0, 0]), 2)
