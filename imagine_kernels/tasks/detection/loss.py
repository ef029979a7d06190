"""Which points of the network are to say which box, and how wrong they are.

A point is to find a box that has its middle near it and is of a size that suits its step: 2 to 8 steps, so that most boxes have two. It is to say
how well its own box fits: the target of its probability is the intersection over union that it reaches (Li et al. 2020, Generalized focal loss,
NeurIPS, arXiv:2006.04388), which makes scores that rank boxes well. The sides are fitted with the generalised intersection over union
(Rezatofighi et al. 2019, CVPR, doi:10.1109/CVPR.2019.00075).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from imagine_kernels.models.detector import STEP, decoded, points
from imagine_kernels.tasks.detection.tiles import IGNORED_BOX

if TYPE_CHECKING:
    import torch

#: Sizes, in steps, that a step is there for; the finest has no lower and the coarsest no upper bound.
SMALLEST, LARGEST = 2.0, 8.0
#: How far the middle of a box may be from a point, in steps.
NEAR = 1.5
#: How much the sides count, against the classes.
SIDES = 2.0


def assigned(target: torch.Tensor, where: torch.Tensor, steps: torch.Tensor, *, finest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The box that each point is to find, and which points tell nothing.

    Parameters
    ----------
    target : (m, 5) tensor of float
        The boxes of one tile, as in `imagine_kernels.tasks.detection.tiles.BoxTiles`.
    where : (p, 2) tensor of float
    steps : (p,) tensor of float
    finest : int

    Returns
    -------
    box : (p,) tensor of int
        Its row in the target, -1 where there is none. Of several the smallest.
    ignored : (p,) tensor of bool
        In a box of which too little is seen.
    """
    import torch

    kind, sides = target[:, 0], target[:, 1:]
    sized = (sides[:, 2:] - sides[:, :2]).clamp(min=1e-3)
    area = sized.prod(1)
    middle = (sides[:, :2] + sides[:, 2:]) / 2
    inside = ((where[:, None] > sides[:, :2]) & (where[:, None] < sides[:, 2:])).all(2)
    size = area.sqrt() / steps[:, None]
    suits = ((size >= SMALLEST) | (steps[:, None] == finest)) & ((size < LARGEST) | (steps[:, None] == STEP))
    near = ((where[:, None] - middle).abs() < NEAR * steps[:, None, None]).all(2)
    # A box that is smaller than the finest step, or long and thin, may hold no point: then those beside its middle do.
    beside = (((where[:, None] - middle).abs() <= 0.5 * steps[:, None, None]).all(2)) & (steps[:, None] == finest)
    good = (kind >= 0) & ((inside & suits & near) | (beside & (suits | (sized.amin(1) < finest))))
    cost = torch.where(good, area, torch.inf)
    least, box = cost.min(1)
    found = torch.where(least.isfinite(), box, -1)
    return found, (inside & (kind == IGNORED_BOX)).any(1) & (found < 0)


def overlap_of(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Intersection over union of pairs of boxes (n, 4), (n,), and the generalised one."""
    low, high = first[:, :2].maximum(second[:, :2]), first[:, 2:].minimum(second[:, 2:])
    common = (high - low).clamp(min=0).prod(1)
    union = (first[:, 2:] - first[:, :2]).prod(1) + (second[:, 2:] - second[:, :2]).prod(1) - common
    around = (first[:, 2:].maximum(second[:, 2:]) - first[:, :2].minimum(second[:, :2])).prod(1)
    iou = common / union.clamp(min=1e-6)
    return iou, iou - (around - union) / around.clamp(min=1e-6)


def box_loss(size: int, finest: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The loss of what the network says (n, p, k + 4) of tiles of that side with boxes (n, m, 5)."""
    import torch

    where, steps = (torch.from_numpy(each) for each in points(size, finest))

    def loss(numbers: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        at, step = where.to(numbers.device), steps.to(numbers.device)
        said, wanted = numbers.float(), target.float()
        logits, boxes = said[..., :-4], decoded(said[..., -4:], at, step)
        goal = torch.zeros_like(logits)
        weight = torch.ones_like(logits[..., :1])
        wrong = logits.new_zeros(())
        n = 0
        for i, each in enumerate(wanted):
            box, ignored = assigned(each, at, step, finest=finest)
            weight[i, ignored] = 0
            rows = (box >= 0).nonzero()[:, 0]
            if len(rows):
                iou, generalised = overlap_of(boxes[i, rows], each[box[rows], 1:])
                goal[i, rows, each[box[rows], 0].long()] = iou.detach()
                wrong = wrong + (1 - generalised).sum()
                n += len(rows)
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, goal, reduction="none")
        focus = (goal - logits.detach().sigmoid()).square()
        return ((entropy * focus * weight).sum() + SIDES * wrong) / max(n, 1)

    return loss
