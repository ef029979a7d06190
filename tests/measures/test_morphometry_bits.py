"""Bits in words against numpy, and where what is compiled is kept."""

import os
import subprocess
import sys

import numpy as np

from imagine_kernels.measures.morphometry_bits import between, count, highest, lowest

PLACE = """
import os, sys
import numpy as np
from imagine_kernels.measures.morphometry_zooprocess import ZOOPROCESS_FEATURES
assert "numba" not in sys.modules, "numba is imported before anything is measured"
from imagine_kernels.measures.morphometry_bits import count, kernel

def twice(word):
    return count(word) + count(word)

print(int(kernel(twice)(np.uint64(7))))
"""


def words():
    rng = np.random.default_rng(3)
    some = rng.integers(0, 2**64, 300, dtype=np.uint64) & rng.integers(0, 2**64, 300, dtype=np.uint64)
    return [1, 2**63, 2**64 - 1, *(int(word) for word in some if word)]


def test_counts_and_ends():
    for word in words():
        assert int(count(np.uint64(word))) == word.bit_count()
        assert lowest(np.uint64(word)) == (word & -word).bit_length() - 1
        assert highest(np.uint64(word)) == word.bit_length() - 1


def test_what_lies_between():
    rng = np.random.default_rng(4)
    for _ in range(200):
        at = np.sort(rng.choice(64, 2 * rng.integers(1, 9), replace=False))
        starts, ends = (sum(1 << int(place) for place in at[k::2]) for k in (0, 1))
        wanted = sum(1 << x for first, last in at.reshape(-1, 2).tolist() for x in range(first, last + 1))
        assert int(between(np.uint64(starts), np.uint64(ends))) == wanted
    # A single pixel is a start and an end; without an end all the rest lies between.
    assert int(between(np.uint64(8), np.uint64(8))) == 8
    assert int(between(np.uint64(1 << 60), np.uint64(0))) == 0b1111 << 60


def test_where_nothing_can_be_written_it_is_compiled_in_memory(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PLACE)
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "NUMBA_CACHE_LOCATOR_CLASSES": "UserWideCacheLocator"}
    done = subprocess.run([sys.executable, program], env={**os.environ, **nowhere}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "6"
