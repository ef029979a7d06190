"""Marks of one label side by side, likely mistakes first."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from imagine_kernels.annotation import Project
from imagine_kernels.assistance.items import Item, Path, items_of
from imagine_kernels.assistance.looking import Looker
from imagine_kernels.assistance.model import Model
from imagine_kernels.media.viewing import natural
from imagine_kernels.records import Progress

#: More items than these are not sorted by what a model says: the first of them in the order of the project are.
MOST = 20_000


def items_with(project: Project, path: Path | None, statuses: Sequence[str] = ()) -> list[Item]:
    """The items with a label or one below it; with an empty path those without label, with None all."""

    def fits(item: Item) -> bool:
        if statuses and item.status not in statuses:
            return False
        return path is None or (item.path[: len(path)] == path if path else not item.path)

    return [item for item in items_of(project) if fits(item)]


def likely_mistakes(
    items: Sequence[Item],
    model: Model,
    looker: Looker,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[Item]:
    """Items by the probability that the model gives the label that they have, the lowest first; then what it cannot say.

    This is the self-confidence by which label errors are ranked in Northcutt, Jiang and Chuang (2021), Confident learning, J. Artif. Intell.
    Res. 70, 1373-1411. Of a model that was trained on these very labels it says less.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    chosen = list(items[:MOST])
    opinion = model.opinion(looker, chosen, progress=progress, cancel=cancel)
    own = np.array([np.inf if (p := opinion.own(i, item.path)) is None else p for i, item in enumerate(chosen)])
    return [chosen[i] for i in np.argsort(own, kind="stable")]


def by_name(items: Sequence[Item]) -> list[Item]:
    """Items by the name of their medium, as people sort names."""
    return sorted(items, key=lambda item: natural(item.medium.name))


def newest(items: Sequence[Item]) -> list[Item]:
    """Items by when they were changed last, the newest first."""
    return sorted(items, key=lambda item: -item.version)
