"""Shapes of several people: how far they cover one another, and what is made of them, against exact areas and brute force."""

import itertools
import math

import numpy as np
import pytest

from imagine_kernels.errors import DataError
from imagine_kernels.measures.agreement import (
    NOTHING,
    Draws,
    Nearness,
    agreement,
    answers,
    between,
    compare,
    counting,
    individuals,
    match,
    match_all,
    overlap,
    planted,
    propose,
    score,
    things_rated,
    to_decide,
)
from imagine_kernels.measures.agreement.consensus import table
from imagine_kernels.records import Annotation, LabelGiven, Shape

FEW = Draws(200, 1)
BOX = Shape.of("rectangle", (10, 10, 30, 20))


def mask_of(pixels, x=0, y=0):
    """A mask with the runs of COCO from a (height, width) array."""
    flat = np.asarray(pixels).T.ravel().astype(int)
    runs, last = [0], 0
    for value in flat:
        if value != last:
            runs.append(0)
            last = value
        runs[-1] += 1
    return Shape.of("mask", (x, y, np.shape(pixels)[1], np.shape(pixels)[0], *runs))


def marked(medium, box, label="Sponge", **more):
    shape = box if isinstance(box, Shape) else Shape.of("rectangle", box)
    labels = (LabelGiven(path=("Biota", label)),) if label else ()
    return Annotation(medium=medium, shape=shape, labels=labels, **more)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (BOX, Shape.of("rectangle", (20, 10, 40, 20)), 100 / 300),
        (BOX, Shape.of("rectangle", (30, 10, 40, 20)), 0.0),
        (BOX, BOX, 1.0),
        (Shape.of("rotated_rectangle", (20, 15, 10, 20, 90)), BOX, 1.0),
        (Shape.of("rotated_rectangle", (0, 0, 2, 2, 45)), Shape.of("rectangle", (-1, -1, 1, 1)), 1 / math.sqrt(2)),
        (Shape.of("circle", (0, 0, 10)), Shape.of("circle", (0, 0, 5)), 0.25),
        (Shape.of("ellipse", (0, 0, 10, 5, 30)), Shape.of("circle", (0, 0, 10)), 0.5),
        (Shape.of("ellipse", (0, 0, 10, 5, 90)), Shape.of("ellipse", (0, 0, 5, 10, 0)), 1.0),
        (Shape.of("polygon", (0, 0, 10, 0, 0, 10)), Shape.of("rectangle", (0, 0, 10, 10)), 0.5),
        # A ring with a hole, by the even-odd rule, against the whole and against the hole.
        (
            Shape.of("polygon", (0, 0, 9, 0, 9, 9, 0, 9, math.nan, math.nan, 3, 3, 6, 3, 6, 6, 3, 6)),
            Shape.of("rectangle", (0, 0, 9, 9)),
            72 / 81,
        ),
        (
            Shape.of("polygon", (0, 0, 9, 0, 9, 9, 0, 9, math.nan, math.nan, 3, 3, 6, 3, 6, 6, 3, 6)),
            Shape.of("rectangle", (3, 3, 6, 6)),
            0.0,
        ),
        # A bow tie is two triangles.
        (Shape.of("polygon", (0, 0, 2, 2, 2, 0, 0, 2)), Shape.of("rectangle", (0, 0, 2, 2)), 0.5),
        (mask_of([[1, 1], [1, 0]]), Shape.of("rectangle", (0, 0, 2, 2)), 0.75),
        (mask_of([[1, 1], [1, 0]], x=5, y=7), mask_of([[0, 1], [1, 1]], x=5, y=7), 0.5),
        (mask_of([[1, 1, 1]], x=3), mask_of([[1, 1, 1]], x=4), 0.5),
        (Shape.of("point", (0, 0)), Shape.of("point", (3, 4)), 0.5),
        (Shape.of("point", (0, 0)), Shape.of("point", (8, 6)), 0.0),
        (Shape.of("point", (15, 15)), BOX, 1.0),
        (Shape.of("point", (35, 15)), BOX, 0.5),
        (Shape.of("keypoints", (0, 0, 2, 9, 9, 0)), Shape.of("keypoints", (5, 0, 1, 50, 50, 2)), 0.5),
        (Shape.of("whole"), Shape.of("whole"), 1.0),
        (Shape.of("whole"), BOX, 0.0),
    ],
)
def test_the_overlap_of_shapes_is_what_their_areas_say(one, other, expected):
    assert overlap(one, other) == pytest.approx(expected, rel=2e-3, abs=1e-9)
    assert overlap(other, one) == pytest.approx(overlap(one, other))


def test_the_overlap_of_blobs_is_that_of_their_pixels():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.random((2, 12, 15)) < 0.6
        expected = (a & b).sum() / (a | b).sum()
        assert overlap(mask_of(a), mask_of(b)) == pytest.approx(expected)
        polygon = Shape.of("polygon", (2.5, 1.2, 13.1, 3.3, 9.7, 11.4))
        # By many points instead of areas.
        points = rng.random((40_000, 2)) * (15, 12)
        x, y = points.T
        corners = np.reshape(polygon.numbers, (3, 2))
        side = [
            (corners[(i + 1) % 3, 0] - corners[i, 0]) * (y - corners[i, 1])
            - (corners[(i + 1) % 3, 1] - corners[i, 1]) * (x - corners[i, 0])
            > 0
            for i in range(3)
        ]
        inside, on = np.all(side, axis=0), a[y.astype(int), x.astype(int)]
        assert overlap(mask_of(a), polygon) == pytest.approx((inside & on).sum() / (inside | on).sum(), abs=0.015)


def test_lines_are_the_same_within_a_band():
    near = Nearness(px=5)
    line, beside, away = (Shape.of("line", (0, y, 100, y)) for y in (0, 2, 11))
    assert overlap(line, beside, near) == pytest.approx(8 / 12, abs=0.02)
    assert overlap(line, away, near) == 0.0


def test_times_and_frequencies_have_scales_of_their_own():
    call, other = Shape.of("rectangle", (1.0, 2000, 1.5, 4000)), Shape.of("rectangle", (1.25, 2000, 1.75, 4000))
    assert overlap(call, other) == pytest.approx(1 / 3)
    near = Nearness(px=(0.1, 500))
    assert overlap(Shape.of("point", (1.0, 1000)), Shape.of("point", (1.05, 1000)), near) == pytest.approx(0.5)
    assert overlap(Shape.of("point", (1.0, 1000)), Shape.of("point", (1.0, 1250)), near) == pytest.approx(0.5)
    assert overlap(Shape.of("point", (1.2, 1000)), Shape.of("point", (1.0, 1000)), near) == 0.0


def test_spans_and_tracks_are_compared_in_time():
    def span(begin, end):
        return Shape("whole", ((), ()), (begin, end))

    assert overlap(span(0, 10), span(5, 15)) == pytest.approx(1 / 3)
    assert overlap(span(0, 1), span(2, 3)) == 0.0

    def track(times, boxes):
        return Shape("rectangle", tuple(tuple(map(float, box)) for box in boxes), tuple(times))

    moving = track((0.0, 10.0), [(0, 0, 10, 10), (100, 0, 110, 10)])
    # Half way along it is where it would be, so one that is there agrees; only common times count.
    assert overlap(moving, track((5.0,), [(50, 0, 60, 10)])) == pytest.approx(1.0)
    assert overlap(moving, track((5.0, 12.0), [(50, 0, 60, 10), (120, 0, 130, 10)])) == pytest.approx(1.0)
    still = track((0.0, 10.0), [(0, 0, 10, 10), (0, 0, 10, 10)])
    assert overlap(moving, still) == pytest.approx(0.5)
    assert overlap(moving, track((11.0,), [(100, 0, 110, 10)])) == 0.0
    gap = Shape("rectangle", ((0.0, 0.0, 10.0, 10.0), (), (100.0, 0.0, 110.0, 10.0)), (0.0, 2.0, 10.0))
    assert overlap(moving, gap) == pytest.approx(1.0)  # at 0 s and 10 s; at 2 s it is not to be seen
    assert overlap(moving, BOX) == 0.0


def test_parts_of_a_track_are_one_individual():
    parts = [
        marked("v", Shape("rectangle", ((float(t), 0.0, t + 10.0, 10.0),), (float(t),)), label, track="t1")
        for t, label in ((2, "Cod"), (0, "Cod"), (1, "Saithe"))
    ]
    (found, alone) = sorted(individuals([*parts, marked("v", BOX, "Cod")]), key=lambda each: -len(each.shape.frames))
    assert (found.shape.frames, found.label, found.track) == ((0.0, 1.0, 2.0), "Cod", "t1")
    assert alone.shape == BOX


def test_the_pairs_make_the_largest_sum():
    """Against every possible assignment."""
    rng = np.random.default_rng(4)
    for _ in range(30):
        boxes = [np.column_stack([c := rng.random((n, 2)) * 12, c + 6 + rng.random((n, 2)) * 6]) for n in (4, 5)]
        first, second = ([marked("m", tuple(box)) for box in each] for each in boxes)
        near = Nearness(iou=0.2)
        worth = np.array([[overlap(a.shape, b.shape) for b in second] for a in first])
        worth[worth < 0.2] = 0
        best = max(sum(worth[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(5), 4))
        found = match(first, second, near=near)
        assert sum(pair.overlap for pair in found) == pytest.approx(best)
        assert all(pair.overlap >= 0.2 for pair in found)
        assert len({id(pair.second) for pair in found}) == len(found)


def test_a_greedy_choice_would_be_worse():
    first = [marked("m", (0, 0, 10, 10)), marked("m", (3, 0, 13, 10))]
    second = [marked("m", (2, 0, 12, 10)), marked("m", (6, 0, 16, 10))]
    found = match(first, second)
    assert [(first.index(p.first), second.index(p.second)) for p in found] == [(0, 0), (1, 1)]
    assert match(first, [marked("other", (0, 0, 10, 10))]) == []
    assert match(first, second, near=Nearness(iou=0.9)) == []


def test_thousands_in_one_medium_are_paired_without_a_table_of_all():
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(np.arange(70), np.arange(70)), axis=-1).reshape(-1, 2) * 20.0
    first = [marked("m", (x, y, x + 15, y + 15)) for x, y in corners]
    second = [
        marked("m", (x + dx, y + dy, x + 15 + dx, y + 15 + dy))
        for (x, y), (dx, dy) in zip(corners, rng.random((4900, 2)), strict=True)
    ]
    found = match(first, second)
    assert len(found) == 4900
    assert all(first.index(pair.first) == second.index(pair.second) for pair in found[::500])


def test_things_do_not_hang_on_the_order_of_people():
    rng = np.random.default_rng(2)
    true = rng.random((12, 2)) * 300
    marks = {
        name: [
            marked("m", (x + dx, y + dy, x + 30 + dx, y + 30 + dy))
            for (x, y), (dx, dy) in zip(true, rng.normal(0, 2, (12, 2)), strict=True)
        ]
        for name in ("anna", "ben", "carla")
    }
    found = match_all(marks)
    again = match_all(dict(reversed(marks.items())))
    as_sets = [{frozenset((p, id(a)) for p, a in thing.marks.items()) for thing in things} for things in (found, again)]
    assert as_sets[0] == as_sets[1]
    assert sorted(len(thing.marks) for thing in found) == [3] * 12
    assert all(len({marks[p].index(a) for p, a in thing.marks.items()}) == 1 for thing in found)


# Two sets side by side


def scene():
    a = [marked("m1", (0, 0, 10, 10), id="a1"), marked("m1", (50, 0, 60, 10), id="a2"), marked("m2", (0, 0, 9, 9), id="a3")]
    b = [
        marked("m1", (1, 0, 11, 10), id="b1"),
        marked("m1", (51, 0, 61, 10), "Coral", id="b2"),
        marked("m1", (90, 90, 99, 99), id="b3"),
    ]
    return a, b


def test_what_is_in_one_set_or_in_both_is_said_thing_by_thing():
    found = compare(*scene())
    assert found.counts() == {"only_first": 1, "only_second": 1, "same_label": 1, "other_label": 1}
    rows = [(d.medium, d.found, d.first and d.first.id, d.second and d.second.id) for d in found.differences]
    assert rows == [
        ("m1", "same_label", "a1", "b1"),
        ("m1", "other_label", "a2", "b2"),
        ("m1", "only_second", None, "b3"),
        ("m2", "only_first", "a3", None),
    ]
    assert [d.found for d in found.of("m2")] == ["only_first"]
    printed = found.table()
    assert printed.loc[1].tolist() == ["m1", "other_label", "a2", "Biota > Sponge", "b2", "Biota > Coral", pytest.approx(9 / 11)]
    assert list(compare([], []).table().columns) == list(printed.columns)


def test_agreement_of_a_small_scene_by_hand():
    a, b = scene()
    found = agreement({"anna": a, "ben": b}, looked={"anna": {"m1", "m2"}, "ben": {"m1", "m2", "m3"}}, draws=FEW)
    assert (found.n_media, found.n_things) == (2, 4)
    assert found.f1.value == pytest.approx(2 * 2 / (3 + 3))
    assert found.iou.value == pytest.approx(9 / 11)
    assert found.label_agreement.value == pytest.approx(0.5)
    (pair,) = found.pairs
    assert (pair.first, pair.n_first, pair.n_second, pair.n_both) == ("anna", 3, 3, 2)
    assert (pair.f1.value, pair.kappa.value) == (found.f1.value, pytest.approx(0.0))
    assert set(found.table().figure) == {"f1", "iou", "label_agreement", "label_kappa", "label_ac1", "alpha", "kappa"}
    ratings = things_rated(found.things, ["anna", "ben"], looked={"anna": {"m1", "m2"}, "ben": {"m1", "m2"}})
    assert sum(ratings.classes[c] == NOTHING for c in ratings.codes.ravel()) == 2
    # Where ben has not looked, anna's mark is not held against him.
    alone = agreement({"anna": a, "ben": b}, looked={"anna": {"m1", "m2"}, "ben": {"m1"}}, draws=FEW)
    assert (alone.n_media, alone.n_things, alone.f1.value) == (1, 3, pytest.approx(4 / 5))
    with pytest.raises(DataError, match="Agreement needs two people who have looked at the same media"):
        agreement({"anna": a, "ben": b}, looked={"anna": {"m1"}, "ben": {"m2"}})


def simulated(seed, *, n_media=40, seen=(0.9, 0.8, 0.7), right=0.85):
    """People who overlook some things, shift boxes, and mistake labels; the truth is known."""
    rng = np.random.default_rng(seed)
    labels = ["Sponge", "Coral", "Fish"]
    marks, truth = {name: [] for name in "abc"[: len(seen)]}, []
    for m in range(n_media):
        for k in range(rng.poisson(5)):
            x, y, label = 60.0 * k, 60.0 * rng.integers(0, 8), labels[rng.integers(0, 3)]
            truth.append(marked(f"m{m:02d}", (x, y, x + 40, y + 40), label))
            for name, chance in zip(marks, seen, strict=True):
                if rng.random() < chance:
                    dx, dy = rng.normal(0, 2, 2)
                    said = label if rng.random() < right else labels[rng.integers(0, 3)]
                    marks[name].append(marked(f"m{m:02d}", (x + dx, y + dy, x + 40 + dx, y + 40 + dy), said))
    return marks, truth, {name: {f"m{m:02d}" for m in range(n_media)} for name in marks}


def test_intervals_by_medium_hold_the_truth():
    # F1 of two who see 0.9 and 0.8 of the same things, independently of one another: 2 · 0.72 / 1.7.
    held = []
    for seed in range(60):
        marks, _, looked = simulated(seed, seen=(0.9, 0.8), n_media=25)
        found = agreement(marks, looked=looked, draws=Draws(150, seed))
        held.append(found.f1.low <= 2 * 0.72 / 1.7 <= found.f1.high)
    assert np.mean(held) >= 0.86


def test_agreement_of_three_tells_who_differs():
    marks, _, looked = simulated(1)
    found = agreement(marks, looked=looked, draws=FEW)
    f1 = {pair.first + pair.second: pair.f1.value for pair in found.pairs}
    assert f1["ab"] > f1["ac"] > f1["bc"]
    assert 0.6 < found.label_kappa.value < 0.75
    assert found.alpha.value < found.label_kappa.value  # what was overlooked counts against it


# Out of several, one


def test_the_shape_between_several():
    boxes = [Shape.of("rectangle", (0, 0, 10, 10)), Shape.of("rectangle", (1, 0, 11, 10)), Shape.of("rectangle", (2, 0, 30, 10))]
    middle, together = between(boxes)
    assert middle.numbers == (1, 0, 11, 10)
    assert together == pytest.approx(np.mean([overlap(middle, box) for box in boxes]))
    polygons = [Shape.of("polygon", (0, 0, n, 0, n, n, 0, n)) for n in (10, 11, 20)]
    assert between(polygons)[0] == polygons[1]
    assert between([BOX]) == (BOX, 1.0)
    assert between([BOX, Shape.of("polygon", (10, 10, 30, 10, 30, 20, 10, 20))])[1] == pytest.approx(1.0)


def test_a_consensus_comes_with_how_sure_it_is_and_why_not():
    def thing(*labels, shift=0.0, x=0.0):
        return {
            who: marked("m", (x + shift * i, 0, x + 10 + shift * i, 10), label)
            for i, (who, label) in enumerate(zip("abcd", labels, strict=False))
            if label
        }

    scenes = [
        thing("Sponge", "Sponge", "Sponge", "Sponge"),
        thing("Coral", "Coral", "Fish", "Fish", x=100),
        thing("", "", "Fish", x=200),
        thing("Fish", "Fish", "Fish", "Coral", x=300),
        thing("Fish", "Fish", "Fish", "Fish", x=400, shift=2.2),
    ]
    marks = {who: [each[who] for each in scenes if who in each] for who in "abcd"}
    looked = {who: {"m"} for who in "abcd"}
    found = {
        round(each.annotation.shape.numbers[0] / 100): each
        for each in propose(match_all(marks, near=Nearness(iou=0.3)), looked=looked)
    }
    assert {n: each.reasons for n, each in found.items()} == {0: (), 1: ("tie",), 2: ("alone",), 3: ("label",), 4: ("overlap",)}
    assert (found[0].certainty, found[1].certainty, found[2].certainty) == (1.0, 0.5, 0.25)
    assert found[3].certainty == pytest.approx(0.75)
    assert (found[3].annotation.label, found[3].annotation.labels[0].annotator) == ("Fish", "consensus")
    assert [found[n].is_there for n in range(5)] == [True, True, False, True, True]
    order = to_decide(list(found.values()))
    assert [each.certainty for each in order] == sorted(each.certainty for each in order)
    assert len(order) == 4
    printed = table(order)
    assert printed.reasons[0] == "one person alone has seen it"
    # Who is known to be right more often weighs more.
    skilled = propose(match_all(marks, near=Nearness(iou=0.3)), looked=looked, skill={"a": 0.6, "b": 0.6, "c": 0.95, "d": 0.9})
    assert {each.annotation.label for each in skilled if each.annotation.shape.numbers[0] == 100} == {"Fish"}


def test_a_consensus_of_three_is_better_than_any_of_them_and_certain_where_it_is_right():
    marks, truth, looked = simulated(3, n_media=60, seen=(0.9, 0.9, 0.9), right=0.75)
    proposals = propose(match_all(marks), looked=looked)
    kept = [each for each in proposals if each.is_there]
    n_right = compare(truth, [each.annotation for each in kept]).counts()["same_label"]
    assert n_right > max(compare(truth, of).counts()["same_label"] for of in marks.values()) + 20
    right = {id(pair.second) for pair in match(truth, [each.annotation for each in kept]) if pair.same_label}
    certainty = [[each.certainty for each in kept if (id(each.annotation) in right) is wanted] for wanted in (True, False)]
    assert np.mean(certainty[0]) > np.mean(certainty[1]) + 0.15


def test_who_counts_too_much_or_too_little_is_seen():
    marks, truth, looked = simulated(5, n_media=60, seen=(1.0, 0.6))
    there = dict.fromkeys(looked["a"], 0)
    for each in truth:
        there[each.medium] += 1
    found = counting(marks, there, looked=looked, draws=FEW)
    assert found["a"].value == pytest.approx(1.0)
    assert found["b"].value == pytest.approx(0.6, abs=0.08)
    assert found["b"].low < 0.6 < found["b"].high < 1


# Controls


def test_controls_are_mixed_in_evenly_and_by_chance():
    queue, controls = list(range(100)), ["c1", "c2", "c3", "c4", "c5"]
    found = planted(queue, controls, every=20, seed=1)
    assert [each for each in found if isinstance(each, int)] == queue
    assert sorted(each for each in found if isinstance(each, str)) == controls
    places = [i for i, each in enumerate(found) if isinstance(each, str)]
    assert all(21 * k <= place < 21 * (k + 1) for k, place in enumerate(places))
    assert found == planted(queue, controls, every=20, seed=1) != planted(queue, controls, every=20, seed=2)
    with pytest.raises(DataError, match="A control after every 0 others cannot be"):
        planted(queue, controls, every=0)


def test_an_alarm_comes_when_it_can_be_told_and_not_before():
    given = {"few": [True] * 5, "good": [True] * 98 + [False] * 2, "bad": [True] * 15 + [False] * 5, "none": []}
    found = {each.person: each for each in score(given, limit=0.8)}
    few, good, bad, none = (found[name] for name in given)
    assert (few.needed, few.alarm, good.alarm, bad.alarm, none.alarm) == (16, False, False, True, False)
    assert good.rate.low == pytest.approx(0.9300, abs=1e-4)  # Wilson, 98 of 100
    assert [each.person for each in score({"x": [True, True], "y": [True, False]})] == ["y", "x"]
    with pytest.raises(DataError, match=r"The limit for controls is 1\.2"):
        score({}, limit=1.2)


def test_a_control_is_right_where_it_was_found_and_named():
    known = [marked("m1", (0, 0, 10, 10)), marked("m1", (50, 0, 60, 10)), marked("m2", (0, 0, 10, 10))]
    marks = {"anna": [marked("m1", (1, 0, 11, 10)), marked("m1", (50, 0, 60, 10), "Coral")], "ben": []}
    assert answers(marks, known, looked={"anna": {"m1"}, "ben": {"m1", "m2"}}) == {"anna": [True, False], "ben": [False] * 3}
