"""Labels chosen by the library against labels of random objects, on real vignettes with real labels.

What a person would do is replayed: 20 random labels, a head on frozen features, a batch chosen with it, and so on until everything is labelled.
All ways begin with the same objects and are tested on the same held-out ones. ``--repeats N`` makes a shorter or longer run. Features are kept in
the cache of trainings (``IMAGINE_HOME``), so that a second run is quick.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import imagine_kernels as ik
from benchmarks.active_learning_report import Part, write_report
from benchmarks.labels_for_counts import Count, counts
from benchmarks.learning_curves import Runs, curves
from benchmarks.report import SHARED_DATA
from imagine_kernels.measures.choosing import Pool, Way, choose
from imagine_kernels.tasks import Classification
from imagine_kernels.tasks.calibration import fit_temperature
from imagine_kernels.tasks.candidates import frozen_features
from imagine_kernels.tasks.head import Head, fit_head
from imagine_kernels.tasks.reading import read_labelled

TASK = Classification()
#: BADGE is no way of the library: it was the default before, and is here to compare with.
WAYS = ("random", "mixed", "entropy", "diverse", "novel", "BADGE")
START, GROWTH = 20, 1.25
REPEATS = 10
HELD_OUT = 0.25
#: For counts: objects that the model learns from, parts for its calibration, and samples drawn with each model.
TAUGHT, CALIBRATION_FOLDS, TIMES = 100, 4, 20


@dataclass(frozen=True, kw_only=True)
class Source:
    """A labelled data set and how it is held out."""

    name: str
    words: str
    folder: str
    scale_bar_px: int = 0
    unit: Callable[[str], str] | None = None
    runs: tuple[str, ...] = ()
    pool: int | None = None
    balanced: bool = False
    counted: bool = False


def species(file: str) -> str:
    """Genus and epithet of the name of a picture.

    >>> species("Navicula/Navicula escambia -1_Navicula_escambia_1.jpg")
    'Navicula escambia'
    """
    found = re.match(r"([A-Z][a-z]+)\s+(?:cf\.?\s+)?([a-z]+)", file.rsplit("/", 1)[-1])
    return f"{found[1]} {found[2]}" if found else file


SOURCES = (
    Source(
        name="UVP6",
        words="700 vignettes of a UVP6, 10 classes of 70; a quarter of each class held out, by object: samples are not named",
        folder="zooscan/uvpec_uvp6_vignettes/img_sample",
        counted=True,
    ),
    Source(
        name="ZooScan",
        words="320 vignettes of a ZooScan, 4 classes of 80; a quarter of each class held out, by object: samples are not named",
        folder="zooscan/ecotaxa_ml_template_400",
        scale_bar_px=31,
    ),
    Source(
        name="diatoms",
        words="480 micrographs of diatoms, 12 genera of 40; a quarter of the species of each genus held out, so that no species is on both sides",
        folder="diatoms/njtech_genera12/train",
        unit=species,
    ),
    Source(
        name="FlowCam",
        words=(
            "2000 vignettes of two FlowCam runs, 3 classes, 78 % of them junk and 1 to 3 in 10 protists or missed ones; one run held out, each in"
            " turn, 500 of the other to choose from; balanced accuracy, the mean of the recalls, as most are junk"
        ),
        folder="flowcam/vickot_flowcam8000/Training/data/classes",
        runs=("NITRATE", "sulfate"),
        pool=500,
        balanced=True,
        counted=True,
    ),
)


@dataclass(frozen=True, eq=False)
class Data:
    """Features and labels in memory; `units` (n,) are species or objects, `runs` (n,) the run of each, `pool` the most to choose from."""

    features: NDArray[np.float32]
    target: NDArray[np.int64]
    units: NDArray[np.int64]
    runs: NDArray[np.int64]
    blocks: tuple[int, ...]
    classes: tuple[str, ...]
    pool: int | None


def load(source: Source) -> Data:
    sample = ik.use_case("zooscan").open(SHARED_DATA / source.folder, scale_bar_px=source.scale_bar_px)
    read = read_labelled(sample, TASK)
    frozen = frozen_features(read.pictures, task=TASK, n_classes=len(read.classes))
    files = read.sample.objects["file"].astype(str).tolist()
    units = [source.unit(file) for file in files] if source.unit else files
    runs = [next((i for i, run in enumerate(source.runs) if run in file), 0) for file in files]
    return Data(
        features=frozen.mean,
        target=read.pictures.target,
        units=np.unique(units, return_inverse=True)[1],
        runs=np.array(runs),
        blocks=frozen.blocks,
        classes=read.classes,
        pool=source.pool,
    )


def held_out(data: Data, repeat: int) -> NDArray[np.bool_]:
    """(n,) what is tested in a repeat."""
    if data.runs.any():
        return np.asarray(data.runs == repeat % (data.runs.max() + 1))
    rng = np.random.default_rng(1000 + repeat)
    tested = np.zeros(len(data.target), dtype=bool)
    for k in range(len(data.classes)):
        of, wanted = data.target == k, HELD_OUT * (data.target == k).sum()
        for unit in rng.permutation(np.unique(data.units[of])):
            if (tested & of).sum() + (also := of & (data.units == unit)).sum() <= wanted + 0.5:
                tested |= also
    return tested


def pool_of(data: Data, tested: NDArray[np.bool_], repeat: int) -> NDArray[np.int64]:
    """What is chosen from in a repeat."""
    pool = np.flatnonzero(~tested)
    if data.pool is None:
        return pool
    return np.sort(np.random.default_rng(2000 + repeat).choice(pool, data.pool, replace=False))


class Known:
    """A head that knows the classes that were labelled so far."""

    def __init__(self, data: Data, rows: NDArray[np.int64], strength: float | None) -> None:
        self.data = data
        self.classes, target = np.unique(data.target[rows], return_inverse=True)
        self.head: Head = fit_head(
            data.features[rows], target, blocks=data.blocks, n_classes=len(self.classes),
            exponent=TASK.class_weight_exponent, seed=0, strength=strength,
        )  # fmt: skip

    def probabilities(self, rows: NDArray[np.int64], temperature: float = 1.0) -> NDArray[np.float64]:
        """(rows, classes); 0 for classes that nobody has labelled."""
        from scipy.special import softmax

        found = np.zeros((len(rows), len(self.data.classes)))
        found[:, self.classes] = softmax(self.head.logits(self.data.features[rows]).astype(np.float64) / temperature, axis=1)
        return found


def points(n: int) -> NDArray[np.int64]:
    """Numbers of labels: a fifth more each time, to the end."""
    found = [START]
    while found[-1] * GROWTH < n * 0.95:
        found.append(round(found[-1] * GROWTH))
    return np.array([*found, n])


def start(data: Data, pool: NDArray[np.int64], repeat: int) -> NDArray[np.int64]:
    """Random objects of at least two classes, places in the pool."""
    rng = np.random.default_rng(repeat)
    while True:
        found = rng.choice(len(pool), START, replace=False)
        if len(np.unique(data.target[pool[found]])) > 1:
            return found


def chosen(pool: Pool, n: int, way: str, seed: int) -> NDArray[np.int64]:
    if way != "BADGE":
        return choose(pool, n, by=cast("Way", way), seed=seed).objects
    return badge(np.asarray(pool.probabilities), np.asarray(pool.embeddings, dtype=np.float64), ~pool.labelled, n, seed)


def badge(p: NDArray[np.float64], z: NDArray[np.float64], free: NDArray[np.bool_], n: int, seed: int) -> NDArray[np.int64]:
    """Ash et al. (2020), Deep batch active learning by diverse, uncertain gradient lower bounds, ICLR.

    k-means++ over the gradients that the most likely labels would give to the last layer: outer products of a = p - (1 at the most likely class)
    and the embedding, so that products of two of them are products of both parts.
    """
    rng = np.random.default_rng(seed)
    a = p.copy()
    a[np.arange(len(p)), p.argmax(axis=1)] -= 1
    length = (a**2).sum(axis=1) * (z**2).sum(axis=1)
    nearest, left = length.copy(), free.copy()
    found: list[int] = []
    while len(found) < n:
        weights = np.where(left, nearest, 0.0) if (nearest[left] > 0).any() else left.astype(np.float64)
        i = int(weights.argmax()) if not found else int(rng.choice(len(p), p=weights / weights.sum()))
        found.append(i)
        left[i] = False
        nearest = np.minimum(nearest, (length + length[i] - 2 * (a @ a[i]) * (z @ z[i])).clip(0))
    return np.array(found)


def replay(
    data: Data, strength: float, ways: tuple[str, ...], repeat: int
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int8]]]:
    """One repeat of all ways: numbers of labels (t,), and the predictions (t, n) by way."""
    tested = held_out(data, repeat)
    pool, test = pool_of(data, tested, repeat), np.flatnonzero(tested)
    numbers, first = points(len(pool)), start(data, pool, repeat)
    common = {START: Known(data, pool[first], strength), len(pool): Known(data, pool, strength)}
    # What the backbone sees, as in the annotator; the last block is morphometry.
    embeddings = data.features[pool][:, : sum(data.blocks[:4])]
    found = {}
    for way in ways:
        labelled = np.zeros(len(pool), dtype=bool)
        labelled[first] = True
        predicted = np.full((len(numbers), len(data.target)), -1, dtype=np.int8)
        for i, n in enumerate(numbers):
            known = common.get(int(n)) or Known(data, pool[labelled], strength)
            predicted[i, test] = known.probabilities(test).argmax(axis=1)
            if i + 2 < len(numbers):
                seen = Pool(labelled=labelled, probabilities=known.probabilities(pool), embeddings=embeddings)
                labelled[chosen(seen, int(numbers[i + 1] - n), way, 1000 * repeat + i)] = True
        found[way] = predicted
    return numbers, found


def replayed(data: Data, ways: tuple[str, ...], repeats: int) -> Runs:
    strength = Known(data, pool_of(data, held_out(data, 0), 0), None).head.strength
    # Not forked: the backbone has run in this process, with threads.
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as workers:
        done = list(workers.map(partial(replay, data, strength, ways), range(repeats)))
    shortest = min(len(numbers) for numbers, _ in done)
    numbers = np.array([*done[0][0][: shortest - 1], max(n[-1] for n, _ in done)])
    predicted = {way: np.stack([np.vstack([p[way][: shortest - 1], p[way][-1:]]) for _, p in done]) for way in ways}
    return Runs(numbers, predicted, data.target, data.units)


def counted(data: Data, source: Source, repeats: int) -> list[Count]:
    """Counts of a run with a model of the other; where there are no runs, of all that 100 random objects did not teach."""
    found: list[Count] = []
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        if source.runs:
            run = repeat % len(source.runs)
            learn, sample = np.flatnonzero(data.runs != run), np.flatnonzero(data.runs == run)
            learn = rng.choice(learn, TAUGHT, replace=False)
        else:
            learn = rng.choice(len(data.target), TAUGHT, replace=False)
            sample = np.setdiff1d(np.arange(len(data.target)), learn)
        known = Known(data, learn, None)
        logits = np.zeros((len(learn), len(known.classes)), dtype=np.float32)
        for part in range(CALIBRATION_FOLDS):
            held = np.arange(len(learn)) % CALIBRATION_FOLDS == part
            one = Known(data, learn[~held], known.head.strength)
            logits[held] = -30.0
            logits[np.ix_(held, np.searchsorted(known.classes, one.classes))] = one.head.logits(data.features[learn[held]])
        temperature = fit_temperature(logits, np.searchsorted(known.classes, data.target[learn]))
        found += counts(known.probabilities(sample, temperature), data.target[sample], times=TIMES, seed=repeat)
    return found


def kept(folder: Path | None, source: Source, data: Data, repeats: int) -> Runs:
    """What was predicted before, or now."""
    file = folder / f"{source.name}-{repeats}.npz" if folder else None
    if file is not None and file.is_file():
        with np.load(file) as stored:
            return Runs(stored["labels"], {way: stored[way] for way in WAYS}, data.target, data.units)
    runs = replayed(data, WAYS, repeats)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {"labels": runs.labels, **runs.predicted}
        np.savez_compressed(file, **arrays)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--keep", type=Path, help="a folder for what was predicted: what is there already is not replayed again")
    given = parser.parse_args()
    if not all((SHARED_DATA / source.folder).is_dir() for source in SOURCES):
        print("active_learning: left out, a data set in shared/data is absent.")
        return
    parts = []
    for source in SOURCES:
        data = load(source)
        runs = kept(given.keep, source, data, given.repeats)
        found = curves(runs, balanced=source.balanced)
        of_counts = counted(data, source, given.repeats) if source.counted else []
        parts.append(Part(source.name, source.words, data.classes, source.balanced, runs, found, of_counts))
        print(f"{source.name}: done", flush=True)
    write_report(parts, repeats=given.repeats, taught=TAUGHT, times=TIMES * given.repeats)


if __name__ == "__main__":
    main()
