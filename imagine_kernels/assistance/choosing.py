"""What to label next: what helps the model most, or what soonest makes a number certain."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.assistance.items import Item, Path
from imagine_kernels.assistance.looking import Looker
from imagine_kernels.assistance.model import Model, Opinion
from imagine_kernels.errors import DataError
from imagine_kernels.measures.choosing import (
    Drawn,
    Expected,
    Pool,
    Way,
    choose,
    draw,
    estimate,
    expected,
    labels_needed,
    labels_planned,
)
from imagine_kernels.records import Progress

By = Literal["uncertainty", "diversity", "novelty", "mixed"]
WAYS: Mapping[str, Way] = {"uncertainty": "entropy", "diversity": "diverse", "novelty": "novel", "mixed": "mixed"}
#: Of more items than these a part is looked at, drawn by chance: those to choose from, and the labelled ones to compare with.
POOL, COMPARED = 4000, 2000
#: How certain a number is to be: half of its 95 % interval over the number.
RELATIVE = 0.1


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item to label, with its score and the reason in words; `suggestions` are the labels that the model would give."""

    item: Item
    score: float
    why: str
    opinion: tuple[tuple[Path, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """How many items of a label there are, and how many more labels it takes to know.

    Attributes
    ----------
    labels : int
        Until the 95 % interval is ± `relative` of the value.
    relative : float
    value, error : float
        The number of items, and half of its 95 % interval.
    words : str
    """

    labels: int
    relative: float
    value: float
    error: float
    words: str


def choose_next(
    items: Sequence[Item],
    model: Model,
    looker: Looker,
    n: int,
    *,
    by: By = "mixed",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[Chosen]:
    """Items that nobody has named, the one that helps most first.

    Parameters
    ----------
    items : sequence of Item
        All of the project.
    n : int
    by : {"uncertainty", "diversity", "novelty", "mixed"}
        See `imagine_kernels.measures.choosing.choose`, which calls them ``entropy``, ``diverse``, ``novel`` and ``mixed``.

    Raises
    ------
    DataError
        There is no such way, or nothing to choose from.
    Cancelled
        `cancel` was set.
    """
    if by not in WAYS:
        raise DataError(f"There is no way {by!r} to choose what to label next: use one of {', '.join(WAYS)} or quantity.")
    free = _some([item for item in items if is_open(item)], POOL)
    if not free:
        raise DataError("Everything in this project has a label that a person gave: add media, or mark more in them.")
    apart = by in ("diversity", "novelty", "mixed")
    held = _some([item for item in items if item.by_people], COMPARED) if apart else []
    if by == "novelty" and not held:
        raise DataError("Nothing is labelled yet that new things could be compared with: label a few, or choose by diversity.")
    pool = [*free, *held]
    opinion = model.opinion(looker, pool, features=apart, progress=progress, cancel=cancel)
    good = np.flatnonzero(opinion.good)
    labelled = np.arange(len(pool)) >= len(free)
    if labelled[good].all():
        raise DataError(f"None of the pictures can be read ({opinion.problems[0]}): find the files again.")
    media = np.array([each.medium.name for each in pool], dtype=object)
    found = choose(
        Pool(
            labelled=labelled[good],
            probabilities=_with_rest(opinion)[good],
            embeddings=None if opinion.features is None else opinion.features[good],
            # Where each medium holds one item there is nothing to share out.
            groups=media[good] if len(set(media)) < len(media) else None,
        ),
        n,
        by=WAYS[by],
    )
    chosen = []
    for i, score in zip(good[found.objects].tolist(), found.scores.tolist(), strict=True):
        top = opinion.top(i)
        # Without anything to be far from, a distance is not a number.
        chosen.append(Chosen(pool[i], float(score) if np.isfinite(score) else 0.0, _why(by, score, top), tuple(top)))
    return chosen


def is_open(item: Item) -> bool:
    """Whether a person's label is still wanted: nobody has named, doubted or discarded it."""
    return item.status in ("", "predicted") or (not item.labels and item.status == "validated")


@dataclass(frozen=True)
class Counting:
    """The draws by which the number of items of a label is found out, to be kept between the sittings.

    Attributes
    ----------
    head : int
        Where the history stood at the first draw: what came into the project later was not to be drawn.
    batches : tuple of mapping
        ``keys`` of the items drawn (one may be there twice), and as lists or numbers the fields of
        `imagine_kernels.measures.choosing.Drawn`.
    """

    head: int
    batches: tuple[Mapping[str, Any], ...] = ()


def count_next(
    items: Sequence[Item],
    target: Path,
    model: Model,
    looker: Looker,
    n: int,
    *,
    head: int,
    counting: Counting | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> tuple[list[Chosen], Needed, Counting]:
    """Items to label so that the number of items of a label, or one below it, is known soonest; and how well it is known now.

    The items are drawn by chance, those of which the model is unsure more often; the labels that were given to them so far put the model's
    own count right. See `imagine_kernels.measures.choosing.quantities`. What people have named counts as it is, and is never drawn.

    Parameters
    ----------
    items : sequence of Item
        All of the project.
    target : tuple of str
    n : int
    head : int
        Where the history of the project stands.
    counting : Counting, optional
        As it was given back the last time. Where items were added since, it begins anew.

    Raises
    ------
    DataError
        There is nothing to count.
    Cancelled
        `cancel` was set.
    """
    there = [item for item in items if item.status != "discarded"]
    if not there:
        raise DataError("There is nothing in this project that could be counted: add media first.")
    if counting is None or any(item.since > counting.head for item in there):
        counting = Counting(head)
    opinion = model.opinion(looker, there, progress=progress, cancel=cancel)
    good = [i for i in range(len(there)) if opinion.good[i] or there[i].by_people]
    true = np.array([_is(there[i], target) if there[i].by_people else np.nan for i in good])
    expectation = _expected(opinion, good, true, target)
    place = {there[i].key: at for at, i in enumerate(good)}
    waiting = _waiting(counting, place, true)
    if not waiting and np.isnan(true).any():
        counting = _drawn_more(counting, expectation, [there[i].key for i in good], n, seed)
        waiting = _waiting(counting, place, true)
    lost = f" {len(there) - len(good)} items whose picture cannot be read are left out." if len(good) < len(there) else ""
    needed = _needed(counting, expectation, place, true, target, lost)
    chosen = []
    for at in waiting[:n]:
        top = opinion.top(good[at])
        p = float(expectation.added[at])
        why = f"drawn by chance to count {target[-1]}; the model gives it {p:.0%}"
        chosen.append(Chosen(there[good[at]], float(expectation.error[at]), why, tuple(top)))
    return chosen, needed, counting


def _expected(opinion: Opinion, good: Sequence[int], true: NDArray[np.float64], target: Path) -> Expected:
    worth = [1.0 if path[: len(target)] == target else 0.0 for path in opinion.naming.paths]
    if not any(worth):
        raise DataError(f"The model does not know the label {' > '.join(target)}: choose a model that does, or train one here.")
    rows = _with_rest(opinion)[list(good)]
    model = expected(rows, [*worth, 0.0])
    known = ~np.isnan(true)
    return Expected(
        np.where(known, np.nan_to_num(true), model.added),
        np.where(known, 0.0, model.spread),
        np.where(known, 0.0, model.doubt),
    )


def _drawn_more(counting: Counting, expectation: Expected, keys: Sequence[str], n: int, seed: int) -> Counting:
    drawn = draw(expectation, n, seed=seed + len(counting.batches))
    batch = {
        "keys": [keys[i] for i in drawn.objects.tolist()],
        "probabilities": drawn.probabilities.tolist(),
        "added": drawn.added.tolist(),
        "total": drawn.total,
        "scatter": drawn.scatter,
    }
    return replace(counting, batches=(*counting.batches, batch))


def _waiting(counting: Counting, place: Mapping[str, int], true: NDArray[np.float64]) -> list[int]:
    """Positions of what was drawn and is not named yet, in the order of drawing."""
    keys = dict.fromkeys(key for batch in counting.batches for key in batch["keys"])
    return [place[key] for key in keys if key in place and np.isnan(true[place[key]])]


def _needed(
    counting: Counting, expectation: Expected, place: Mapping[str, int], true: NDArray[np.float64], target: Path, lost: str
) -> Needed:
    name = target[-1]
    if not np.isnan(true).any():
        value = float(true.sum())
        words = f"{value:.0f} items are {name}: people have named all of them.{lost}"
        return Needed(labels=0, relative=RELATIVE, value=value, error=0.0, words=words)
    done = [each for batch in counting.batches if (each := _done(batch, place, true)) is not None]
    if sum(len(drawn.objects) for drawn, _ in done) >= 2:
        found = estimate(done)
        value, error = found.total.value, (found.total.high - found.total.low) / 2
        try:
            labels = labels_needed(found, RELATIVE)
        except DataError:
            return Needed(labels=0, relative=RELATIVE, value=value, error=error, words=f"None of what was drawn is {name}.{lost}")
        more = (
            f"about {labels} more labels of what is drawn make it ± {RELATIVE:.0%}"
            if labels
            else f"this is within ± {RELATIVE:.0%}"
        )
        words = f"{value:.0f} ± {error:.0f} items are {name}, by {found.n} draws that are named; {more}.{lost}"
        return Needed(labels=labels, relative=RELATIVE, value=value, error=error, words=words)
    value, error = expectation.total, 1.96 * float(np.sqrt((expectation.error**2).sum()))
    try:
        labels = labels_planned(expectation, RELATIVE)
    except DataError:
        labels = 0
    words = (
        f"The model expects {value:.0f} items to be {name}; if its probabilities are right, about {labels} labels of what is drawn make"
        f" that certain to ± {RELATIVE:.0%}.{lost}"
    )
    return Needed(labels=labels, relative=RELATIVE, value=value, error=error, words=words)


def _done(
    batch: Mapping[str, Any], place: Mapping[str, int], true: NDArray[np.float64]
) -> tuple[Drawn, NDArray[np.float64]] | None:
    """The draws of a batch up to the first that is not named; what is gone since, or discarded, adds nothing."""
    values: list[float] = []
    for key in batch["keys"]:
        value = float(true[place[key]]) if key in place else 0.0
        if np.isnan(value):
            break
        values.append(value)
    if not values:
        return None
    n = len(values)
    drawn = Drawn(
        np.arange(n), np.array(batch["probabilities"][:n]), np.array(batch["added"][:n]), batch["total"], batch["scatter"]
    )
    return drawn, np.array(values)


def _with_rest(opinion: Opinion) -> NDArray[np.float64]:
    """(n, m + 1) probabilities, the last of anything that is no label of the project; rows sum to 1."""
    p = opinion.probabilities.astype(np.float64)
    p = np.hstack([p, np.clip(1 - p.sum(axis=1, keepdims=True), 0, None)])
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _is(item: Item, target: Path) -> float:
    return 1.0 if item.path[: len(target)] == target else 0.0


def _some(items: list[Item], n: int) -> list[Item]:
    """At most n of them, always the same ones, by the hash of what stands for each."""
    if len(items) <= n:
        return items
    return sorted(items, key=lambda item: hashlib.sha256(item.key.encode()).digest())[:n]


def _why(by: By, score: float, top: Sequence[tuple[Path, float]]) -> str:
    doubt = " or ".join(f"{path[-1]} {probability:.0%}" for path, probability in top[:2])
    if by == "uncertainty":
        return f"unsure: {doubt}"
    if by == "novelty":
        return f"unlike what is labelled: {score:.1f} times as far as usual"
    if by == "diversity":
        return "unlike what is labelled and what is chosen before it"
    return f"unsure and unlike the others: {doubt}"
