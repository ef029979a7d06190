"""Coefficients of agreement against published examples, scikit-learn, statsmodels, and what their intervals promise."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as other_fleiss

from imagine_kernels.errors import DataError, LabelError
from imagine_kernels.measures.agreement import (
    Draws,
    Ratings,
    cohen_kappa,
    confusion_of,
    dawid_skene,
    drift,
    fleiss_kappa,
    fleiss_null_error,
    gwet_ac1,
    krippendorff_alpha,
    majority,
    percent_agreement,
    rates,
)
from imagine_kernels.records import Annotation, LabelGiven, Shape

FEW = Draws(200, 1)
# Krippendorff (2011), section C: four observers, twelve units, with missing data.
OBSERVERS = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 ."""
KRIPPENDORFF = list(zip(*([None if c == "." else c for c in line.split()] for line in OBSERVERS.split("\n")[1:]), strict=True))
# Fleiss (1971), table 1: 30 patients, 6 psychiatrists each; depression, personality disorder, schizophrenia, neurosis, other.
FLEISS_1971 = """00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"""
FLEISS = [[str(k) for k, n in enumerate(row) for _ in range(int(n))] for row in FLEISS_1971.split()]


def paired(table):
    return Ratings.of([[i, j] for i, j in np.ndindex(*np.shape(table)) for _ in range(table[i][j])])


def simulated(n, r, seed, *, classes=4, right=0.7, missing=0.0, media=None):
    rng = np.random.default_rng(seed)
    true = rng.choice(classes, n, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    said = np.where(rng.random((n, r)) < right, true[:, None], rng.integers(0, classes, (n, r)))
    table = np.where(rng.random((n, r)) < missing, None, said.astype(object))
    clusters = None if media is None else rng.integers(0, media, n)
    return Ratings.of(table, classes=[str(k) for k in range(classes)], clusters=clusters), true


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)])
def test_alpha_is_that_of_krippendorffs_paper(level, published):
    found = krippendorff_alpha(Ratings.of(KRIPPENDORFF), level=level, draws=FEW)
    assert found.value == pytest.approx(published, abs=5e-4)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_is_that_of_its_definition_pair_by_pair(level):
    """Every pair of ratings of a unit against every pair of all, without a matrix of coincidences."""
    ratings, _ = simulated(25, 4, 3, missing=0.25)
    units = [[int(c) for c in row if c >= 0] for row in ratings.codes]
    units = [unit for unit in units if len(unit) > 1]
    every = [c for unit in units for c in unit]
    n_c = np.bincount(every, minlength=4)

    def squared(c, k):
        low, high = min(c, k), max(c, k)
        return {
            "nominal": float(c != k),
            "ordinal": (n_c[low : high + 1].sum() - (n_c[low] + n_c[high]) / 2) ** 2 * (c != k),
            "interval": (c - k) ** 2,
            "ratio": ((c - k) / (c + k)) ** 2 if c + k else 0.0,
        }[level]

    within = sum(sum(squared(a, b) for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in units)
    by_chance = sum(squared(a, b) for a, b in itertools.permutations(every, 2)) / (len(every) - 1)
    assert krippendorff_alpha(ratings, level=level, draws=Draws(2)).value == pytest.approx(1 - within / by_chance)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohens_kappa_is_that_of_others_with_its_interval(weights):
    for table in ([[106, 10, 4], [22, 28, 10], [2, 12, 6]], [[4, 0, 1, 0], [1, 8, 2, 0], [0, 1, 5, 3], [2, 0, 1, 9]]):
        ratings = paired(table)
        found, other = cohen_kappa(ratings, weights=weights), cohens_kappa(np.array(table), wt=weights)
        assert found.value == pytest.approx(cohen_kappa_score(*ratings.codes.T, weights=weights))
        assert (found.value, found.low, found.high) == pytest.approx((other.kappa, other.kappa_low, other.kappa_upp))
    # Fleiss, Cohen and Everitt (1969): 0.429 for the first of them.
    assert cohen_kappa(paired([[106, 10, 4], [22, 28, 10], [2, 12, 6]])).value == pytest.approx(0.429, abs=5e-4)


def test_fleiss_kappa_is_that_of_his_paper_and_of_statsmodels():
    ratings = Ratings.of(FLEISS)
    found = fleiss_kappa(ratings)
    assert found.value == pytest.approx(0.430, abs=5e-4)
    assert found.value == pytest.approx(other_fleiss(aggregate_raters(ratings.codes)[0]))
    # With the error of Fleiss, Nee and Landis (1979): z = 17.65, as R's irr says for the same table.
    assert found.value / fleiss_null_error(ratings) == pytest.approx(17.65, abs=0.01)
    assert found.low < 0.43 < found.high
    with pytest.raises(DataError, match="needs the same number of ratings of each item"):
        fleiss_null_error(Ratings.of([["a", "b", "a"], ["a", "a", None]]))


def test_ac1_stays_where_kappa_falls():
    """Gwet (2002): 118 times both yes, 7 times one of them, never both no."""
    ratings = Ratings.of([["yes", "yes"]] * 118 + [["yes", "no"]] * 5 + [["no", "yes"]] * 2)
    assert percent_agreement(ratings, draws=FEW).value == pytest.approx(0.944)
    assert cohen_kappa(ratings).value == pytest.approx(-0.0234, abs=5e-5)
    assert gwet_ac1(ratings).value == pytest.approx(0.9408, abs=5e-5)


@pytest.mark.parametrize("coefficient", [fleiss_kappa, gwet_ac1])
def test_the_variance_is_that_of_a_jackknife(coefficient):
    ratings, _ = simulated(150, 3, 5, missing=0.2)
    found = coefficient(ratings)
    leave_out = [
        coefficient(
            Ratings(np.delete(ratings.codes, i, 0), ratings.classes, ratings.raters, np.arange(149), ratings.values)
        ).value
        for i in range(150)
    ]
    n = 150
    error = np.sqrt((n - 1) / n * ((np.array(leave_out) - np.mean(leave_out)) ** 2).sum())
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize(
    ("coefficient", "kwargs"),
    [
        (cohen_kappa, {}),
        (fleiss_kappa, {}),
        (gwet_ac1, {}),
        (krippendorff_alpha, {"draws": FEW}),
        (percent_agreement, {"draws": FEW}),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(coefficient, kwargs):
    truth = coefficient(simulated(40_000, 2, 0)[0], draws=Draws(2)).value
    found = [coefficient(simulated(150, 2, seed)[0], **kwargs) for seed in range(1, 201)]
    held = np.mean([each.low <= truth <= each.high for each in found])
    assert 0.91 <= held <= 0.98


def test_items_of_the_same_medium_are_drawn_together():
    """Where all items of a medium are one item many times over, the interval is that of the media, not narrower."""
    alone, _ = simulated(60, 2, 9)
    repeated = Ratings(np.repeat(alone.codes, 20, 0), alone.classes, alone.raters, np.repeat(np.arange(60), 20), alone.values)
    free = Ratings(repeated.codes, alone.classes, alone.raters, np.arange(1200), alone.values)
    for coefficient in (cohen_kappa, fleiss_kappa, gwet_ac1, krippendorff_alpha):
        width = [(f := coefficient(ratings, draws=Draws(400))).high - f.low for ratings in (alone, repeated, free)]
        assert width[1] == pytest.approx(width[0], rel=0.25), coefficient
        assert width[2] < width[0] / 3


def test_the_same_seed_gives_the_same_limits():
    ratings, _ = simulated(50, 3, 1)
    assert krippendorff_alpha(ratings, draws=Draws(100, 3)) == krippendorff_alpha(ratings, draws=Draws(100, 3))
    assert krippendorff_alpha(ratings, draws=Draws(100, 3)) != krippendorff_alpha(ratings, draws=Draws(100, 4))


def test_a_few_that_all_agree_are_no_certainty():
    ratings = Ratings.of([["a", "a"]] * 4 + [["b", "b"]] * 4)
    for coefficient in (cohen_kappa, fleiss_kappa, gwet_ac1, krippendorff_alpha, percent_agreement):
        found = coefficient(ratings)
        assert found.value == found.high == pytest.approx(1.0)
        assert found.low < 0.7, coefficient
    same = Ratings.of([["a", "a"]] * 8)
    assert np.isnan(cohen_kappa(same).value)  # nothing but one class: nothing beyond chance can be told
    assert gwet_ac1(same).value == 1.0


def test_what_nobody_or_one_has_looked_at_says_nothing():
    ratings = Ratings.of([["a", None], ["b", ""], [float("nan"), "a"]])
    for coefficient in (cohen_kappa, fleiss_kappa, gwet_ac1, krippendorff_alpha, percent_agreement):
        assert np.isnan(coefficient(ratings).value), coefficient


def test_bad_ratings_are_said():
    with pytest.raises(LabelError, match="The class 'c' is not among those that may be given: a, b"):
        Ratings.of([["a", "c"]], classes=["a", "b"])
    for table in ([], [[]], [["a", "b"], ["a"]]):
        with pytest.raises(DataError, match="Ratings need one row for each item"):
            Ratings.of(table)
    with pytest.raises(DataError, match="must fit the table"):
        Ratings.of([["a", "b"]], raters=["anna"])
    three = Ratings.of([["a", "b", "a"], ["b", "b", "a"]])
    with pytest.raises(DataError, match=r"Cohen's kappa is of two raters, not 3: choose two with Ratings.pair"):
        cohen_kappa(three)
    with pytest.raises(DataError, match="Unknown weights 'cubic'"):
        cohen_kappa(three.pair("1", "2"), weights="cubic")
    with pytest.raises(DataError, match="Unknown level 'cardinal'"):
        krippendorff_alpha(three, level="cardinal")
    with pytest.raises(DataError, match="ben has rated nothing here: choose among 1, 2, 3"):
        three.pair("1", "ben")


def test_labels_on_the_same_annotation_are_ratings_and_the_latest_counts():
    def named(name, who, time):
        return LabelGiven(path=("Biota", name), annotator=who, given_at=time)

    point = Shape.of("point", (1, 1))
    annotations = [
        Annotation(
            medium="m1", shape=point, labels=(named("Coral", "anna", "2026-01-02"), named("Sponge", "anna", "2026-01-01"))
        ),
        Annotation(medium="m1", shape=point, labels=(named("Coral", "anna", "2026-01-02"), named("Sponge", "ben", "2026-01-01"))),
        Annotation(medium="m2", shape=point),
    ]
    ratings = Ratings.of_labels(annotations)
    assert (ratings.raters, ratings.classes) == (("anna", "ben"), ("Biota > Coral", "Biota > Sponge"))
    assert ratings.codes.tolist() == [[0, -1], [0, 1], [-1, -1]]
    assert ratings.clusters.tolist() == [0, 0, 1]


# Annotators


def crowd(n=1500, seed=0):
    """Five raters of known confusion, the last of whom calls every class 1 a 2."""
    rng = np.random.default_rng(seed)
    true = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    confusions = [np.full((3, 3), (1 - s) / 2) + np.eye(3) * (s - (1 - s) / 2) for s in (0.9, 0.8, 0.7, 0.6)]
    confusions.append(np.array([[0.9, 0.05, 0.05], [0.05, 0.05, 0.9], [0.05, 0.05, 0.9]]))
    said = np.stack([[rng.choice(3, p=c[t]) for t in true] for c in confusions], axis=1)
    return Ratings.of(said, raters=["a", "b", "c", "d", "e"]), true, np.array(confusions)


def test_dawid_and_skene_find_the_confusion_of_each():
    ratings, true, confusions = crowd()
    found = dawid_skene(ratings)
    assert np.abs(found.confusion - confusions).max() < 0.08
    assert found.prevalence == pytest.approx([0.5, 0.3, 0.2], abs=0.04)
    right = (found.probabilities.argmax(axis=1) == true).mean()
    by_majority = (majority(ratings) == true).mean()
    assert right > by_majority + 0.02
    assert found.probabilities.sum(axis=1) == pytest.approx(1.0)
    assert found.skill[:4] == pytest.approx([0.9, 0.8, 0.7, 0.6], abs=0.05)
    # The probabilities mean what they say.
    sure = found.probabilities.max(axis=1)
    assert right == pytest.approx(sure.mean(), abs=0.03)


# Dawid and Skene (1979), table 1: 45 patients, five anaesthetists, the first of whom looked three times.
ANAESTHETISTS = """1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212
1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121 1111111
3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222"""


def test_dawid_and_skene_of_their_paper():
    ratings = Ratings.of([list(patient) for patient in ANAESTHETISTS.split()], raters=["1", "1", "1", "2", "3", "4", "5"])
    found = dawid_skene(ratings, right=1e-9, wrong=1e-9)
    assert (found.raters, found.confusion.shape) == (("1", "2", "3", "4", "5"), (5, 4, 4))
    # Tables 2 and 4 of the paper: prevalence, and the first row of the first observer.
    assert found.prevalence == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.006)
    assert found.confusion[0, 0] == pytest.approx([0.89, 0.11, 0, 0], abs=0.006)


def test_dawid_and_skene_without_ratings():
    ratings = Ratings.of([["1", "1", "1"], ["3", "3", "3"], ["2", "2", "3"], [None, None, None]])
    found = dawid_skene(ratings)
    assert found.probabilities.argmax(axis=1).tolist()[:3] == [0, 2, 1]
    assert found.probabilities[3] == pytest.approx(found.prevalence, abs=1e-5)
    with pytest.raises(DataError, match="There are no ratings to estimate a consensus from"):
        dawid_skene(Ratings(np.empty((0, 2), dtype=np.int64), (), ("a", "b"), np.empty(0, dtype=np.int64), np.empty(0)))


def test_the_majority_is_that_of_the_others():
    ratings = Ratings.of([["a", "b", "b"], ["a", "b", None], ["a", "a", "b"]], raters=["x", "y", "z"])
    assert majority(ratings).tolist() == [1, -1, 0]
    assert majority(ratings, without="z").tolist() == [-1, -1, 0]
    assert confusion_of(ratings, "z").counts.tolist() == [[0, 1], [0, 0]]
    assert confusion_of(ratings, "x", true=np.array([0, 0, -1])).counts.tolist() == [[2, 0], [0, 0]]


def test_rates_are_shares_with_wilsons_interval():
    ratings, true, _ = crowd(400)
    found = rates(confusion_of(ratings, "e", true=true))
    said = ratings.codes[:, 4]
    assert found["1"][0].value == pytest.approx((said[true == 1] == 1).mean())
    assert found["2"][1].value == pytest.approx((said[true != 2] != 2).mean())
    assert found["1"][0].high < 0.2
    assert found["0"][0].low > 0.8


def test_a_drift_is_told_from_none():
    rng = np.random.default_rng(0)
    days = [f"2026-03-{day:02d}T10:00:00+00:00" for day in range(1, 11) for _ in range(40)]
    worse = drift([rng.random() < 0.95 - 0.04 * int(day[8:10]) for day in days], days)
    same = [drift([rng.random() < 0.8 for _ in days], days).p for _ in range(300)]
    assert worse.p < 1e-4
    assert np.mean(np.array(same) < 0.05) == pytest.approx(0.05, abs=0.035)
    assert (worse.days[0], worse.n[0], worse.rate[0].value) == ("2026-03-01", 40, worse.agreed[0] / 40)
    assert list(worse.table().columns) == ["day", "agreed", "n", "rate", "low", "high"]
    assert np.isnan(drift([True, True], ["2026-03-01", "2026-03-02"]).p)
