"""What a model would call one thing that a person looks at."""

from __future__ import annotations

from imagine_kernels.assistance.items import Item, Path
from imagine_kernels.assistance.looking import Looker
from imagine_kernels.assistance.model import Model
from imagine_kernels.errors import DataError


def suggest(item: Item, model: Model, looker: Looker, *, n: int = 3) -> list[tuple[Path, float]]:
    """The n best labels for a mark, for a shape that was just drawn, or for a medium as a whole, with their probabilities.

    Raises
    ------
    DataError
        Its picture cannot be had.
    """
    opinion = model.opinion(looker, [item])
    if not opinion.good[0]:
        raise DataError(str(opinion.problems[0]))
    return opinion.top(0, n)
