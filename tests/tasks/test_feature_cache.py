"""Features that were computed before are taken from the file, and the model is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagine_kernels.samples.zooscan import make_sample
from imagine_kernels.tasks import Classification, candidates
from imagine_kernels.tasks.candidates import frozen_features
from imagine_kernels.tasks.feature_cache import FeatureCache, keys_of
from imagine_kernels.tasks.reading import read_labelled
from imagine_kernels.use_cases.zooscan import USE_CASE


def row(value: float, n: int = 64) -> np.ndarray:
    return np.full(n, value, dtype=np.float32)


def test_what_was_kept_is_found_again_by_another_process(tmp_path: Path) -> None:
    keys = keys_of(np.arange(12, dtype=np.uint8).reshape(3, 4), "network")
    FeatureCache(tmp_path / "a" / "f.db").put({keys[0]: row(0.1), keys[2]: row(2)})
    found = FeatureCache(tmp_path / "a" / "f.db").get(keys)
    assert set(found) == {keys[0], keys[2]}
    np.testing.assert_array_equal(found[keys[0]], row(0.1))


def test_a_key_follows_from_the_picture_and_from_all_else() -> None:
    pixels = np.zeros((2, 3, 3), dtype=np.uint8)
    pixels[1, 2, 2] = 1
    found = [*keys_of(pixels, b"weights", (1, 2)), *keys_of(pixels, b"other", (1, 2)), *keys_of(pixels, b"weights", (1, 4))]
    assert len(set(found)) == 6
    assert keys_of(pixels[::-1], b"weights", (1, 2)) == found[1::-1]
    assert keys_of(pixels, b"ab", b"c") != keys_of(pixels, b"a", b"bc")


def test_the_file_stays_small_and_drops_what_was_not_used_for_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FeatureCache(tmp_path / "f.db", max_bytes=10 * 256)
    keys = keys_of(np.arange(20, dtype=np.uint8).reshape(20, 1))
    for second, key in enumerate(keys[:10]):
        monkeypatch.setattr("imagine_kernels.tasks.feature_cache.time.time", lambda second=second: 1000 + second)
        cache.put({key: row(second)})
    monkeypatch.setattr("imagine_kernels.tasks.feature_cache.time.time", lambda: 2000)
    assert set(cache.get(keys[:1])) == {keys[0]}
    cache.put({keys[10]: row(10)})
    kept = cache.get(keys)
    assert {keys[0], keys[9], keys[10]} <= set(kept)
    assert len(kept) == 7
    assert keys[1] not in kept


@pytest.mark.parametrize("spoil", ["text", "folder"])
def test_a_broken_file_is_as_none(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "f.db"
    if spoil == "folder":
        path.mkdir()
    else:
        path.write_text("this is no database" * 100)
    cache, keys = FeatureCache(path), keys_of(np.zeros((1, 4), dtype=np.uint8))
    cache.put({keys[0]: row(1)})
    assert cache.get(keys) == {}


def test_features_are_computed_for_new_pictures_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    sample = USE_CASE.read(make_sample(tmp_path / "sample", 5), USE_CASE.read_settings())
    task = Classification(orientations=2)
    pictures = read_labelled(sample.where(np.arange(24)), task).pictures
    seen: list[int] = []
    real = candidates.averaged_features

    def counted(session, fresh, *given, **more):
        seen.append(len(fresh))
        return real(session, fresh, *given, **more)

    monkeypatch.setattr(candidates, "averaged_features", counted)
    whole = frozen_features(pictures, task=task, n_classes=3)
    (tmp_path / "home" / "cache" / "features.db").unlink()
    frozen_features(pictures.where(np.arange(24) < 16), task=task, n_classes=3)
    joined = frozen_features(pictures, task=task, n_classes=4)
    frozen_features(pictures, task=task, n_classes=3)
    assert seen == [24, 16, 8]
    assert set(joined.means) == set(whole.means) == {1, 2}
    for number in (1, 2):
        np.testing.assert_allclose(joined.means[number], whole.means[number], rtol=1e-5, atol=1e-5)
