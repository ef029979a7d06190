"""Items of overlapping photos, each counted once: exact synthetic truth with errors shared by all items of a photo."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from imagine_kernels.errors import DataError
from imagine_kernels.measures.same_items import merge_by_position


def survey(rng, *, shared_m: float, own_m: float, density: float = 0.5):
    """A strip of 40 m by 6 m seen by photos of 5 m that overlap by 60 %: rows of east, north, photo, label, size, and the true item."""
    n = rng.poisson(density * 240)
    place = np.column_stack([rng.uniform(0, 40, n), rng.uniform(0, 6, n)])
    kind, size = rng.integers(0, 4, n), rng.uniform(3, 60, n)
    rows = []
    for number, start in enumerate(np.arange(-1, 38, 2.0)):
        shift = rng.normal(0, shared_m, 2)
        for k in np.flatnonzero((place[:, 0] >= start) & (place[:, 0] < start + 5)):
            x, y = place[k] + shift + rng.normal(0, own_m, 2)
            rows.append((x, y, f"p{number:02d}", str(kind[k]), size[k] * rng.uniform(0.9, 1.1), k))
    return [list(column) for column in zip(*rows, strict=True)], place


def truth_and_found(rng, **errors):
    (x, y, photos, labels, sizes, truth), place = survey(rng, **errors)
    same = merge_by_position(x, y, photos, labels, size_cm=sizes, shared_error_m=errors["shared_m"], own_error_m=errors["own_m"])
    return np.array(truth), same, photos, place


@pytest.mark.parametrize("shared_m", [0.02, 0.3, 1.5])
def test_the_number_of_items_is_right_although_positions_err_by_more_than_their_distance(shared_m):
    # At 0.5 items per m² neighbours lie 0.7 m apart; satellites alone err by more.
    found, true, split, joined, per_item = 0, 0, 0, 0, []
    for seed in range(6):
        truth, same, photos, _ = truth_and_found(np.random.default_rng(seed), shared_m=shared_m, own_m=0.05)
        found, true = found + len(same), true + len(set(truth))
        pairs = {(t, f) for t, f in zip(truth, same.item, strict=True)}
        split += len(pairs) - len(set(truth))
        joined += len(pairs) - len(same)
        per_item.append(
            all(
                len({photos[k] for k in rows}) == len(rows) for rows in (np.flatnonzero(same.item == f) for f in range(len(same)))
            )
        )
    assert all(per_item)
    assert found == pytest.approx(true, rel=0.02)
    assert split <= 0.02 * true
    assert joined <= 0.02 * true


def test_positions_are_the_better_the_more_photos_saw_them():
    gaps, stated = [], []
    for seed in range(20):
        truth, same, _, place = truth_and_found(np.random.default_rng(seed), shared_m=0.5, own_m=0.05)
        for f in range(len(same)):
            k = truth[same.item == f][0]
            gaps += [same.east_m[f] - place[k, 0], same.north_m[f] - place[k, 1]]
            stated += [same.error_m[f]] * 2
    assert np.std(np.array(gaps) / np.array(stated)) == pytest.approx(1, abs=0.12)
    assert np.mean(stated) < 0.4


def test_kinds_and_sizes_keep_apart():
    together = merge_by_position([0, 0.01], [0, 0], ["a", "b"], ["can", "can"], own_error_m=0.1)
    assert (together.item.tolist(), together.n_photos.tolist()) == ([0, 0], [2])
    assert len(merge_by_position([0, 0.01], [0, 0], ["a", "b"], ["can", "bag"], own_error_m=0.1)) == 2
    assert len(merge_by_position([0, 0.01], [0, 0], ["a", "b"], ["can", "bag"], own_error_m=0.1, by_label=False)) == 1
    assert len(merge_by_position([0, 0.01], [0, 0], ["a", "b"], ["can", "can"], size_cm=[5, 40], own_error_m=0.1)) == 2
    assert len(merge_by_position([0, 0.01], [0, 0], ["a", "a"], ["can", "can"], own_error_m=0.1)) == 2
    assert len(merge_by_position([0, 0.9], [0, 0], ["a", "b"], ["can", "can"], own_error_m=0.1)) == 2


def test_what_has_no_position_stays_alone():
    same = merge_by_position([0, np.nan, np.nan], [0, 0, np.nan], ["a", "b", "c"], ["can"] * 3)
    assert len(same) == 3
    assert np.isnan(same.east_m).tolist() == [False, True, True]


def test_nothing_and_what_does_not_fit():
    assert len(merge_by_position([], [], [], [])) == 0
    with pytest.raises(DataError, match="another number of photos"):
        merge_by_position([0.0], [0.0], [], ["a"])
    with pytest.raises(DataError, match="below 0 m"):
        merge_by_position([0.0], [0.0], ["p"], ["a"], own_error_m=-1)


def test_what_photos_show_helps_where_few_items_are_shared():
    # Two photos of 5 m side by side share a strip of 1.5 m with two items or so; alone, two chance neighbours of one kind can mislead.
    wrong = {True: 0, False: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = rng.poisson(20)
        place, kind = np.column_stack([rng.uniform(0, 8.5, n), rng.uniform(0, 5, n)]), rng.integers(0, 3, n)
        rows, prints = [], {}
        for photo, start in (("a", 0.0), ("b", 3.5)):
            shift = rng.normal(0, 1.0, 2)
            prints[photo] = shapely.box(start, 0, start + 5, 5)
            prints[photo] = shapely.affinity.translate(prints[photo], *shift)
            for k in np.flatnonzero((place[:, 0] >= start) & (place[:, 0] < start + 5)):
                rows.append((*(place[k] + shift + rng.normal(0, 0.03, 2)), photo, str(kind[k]), k))
        x, y, photos, labels, truth = (list(column) for column in zip(*rows, strict=True))
        for known in (True, False):
            same = merge_by_position(
                x, y, photos, labels, shared_error_m=1.0, own_error_m=0.05, footprints=prints if known else None
            )
            wrong[known] += abs(len(same) - len(set(truth)))
    assert wrong[True] < 0.7 * wrong[False]
    assert wrong[True] <= 0.04 * 60 * 20
