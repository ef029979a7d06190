"""The two recipes: a head that is trained on the frozen backbone, and the whole network trained on from there."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagine_kernels.models.detector import build_detector
from imagine_kernels.records import Progress
from imagine_kernels.tasks.detection import BoxAugmentation, Detection
from imagine_kernels.tasks.detection.loss import box_loss
from imagine_kernels.tasks.detection.tiles import IGNORED_BOX, LEAST_SEEN, NO_BOX, BoxTiles
from imagine_kernels.tasks.fitting import fit_one_cycle

if TYPE_CHECKING:
    import torch

#: Highest learning rate of the head on the frozen backbone, and steps of that training.
HEAD_RATE, HEAD_STEPS = 3e-3, 120
#: Highest learning rate when all is trained; the backbone takes a part of it, being trained already.
RATE, BACKBONE = 2e-3, 0.3
BATCH = 8
#: Longest gradient of a step.
CLIP = 5.0
#: An epoch shows so many tiles at least, so that few pictures are gone through several times.
LEAST_TILES = 600


def frozen_network(
    tiles: BoxTiles,
    *,
    task: Detection,
    n_classes: int,
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Any:
    """A head trained on what the frozen backbone sees, for `HEAD_STEPS` steps; `n_classes` without the background."""
    import torch

    torch.manual_seed(seed)
    network: Any = build_detector(backbone=task.backbone, classes=n_classes, channels=task.channels, finest=task.finest)
    network.backbone.requires_grad_(False)
    _fit(network, tiles, task, rates=[HEAD_RATE * BACKBONE, HEAD_RATE], epochs=1, steps=HEAD_STEPS, seed=seed,
         doing="training the head", progress=progress, cancel=cancel)  # fmt: skip
    network.backbone.requires_grad_(True)
    return network


def tuned_network(
    head: Any,
    tiles: BoxTiles,
    *,
    task: Detection,
    epochs: int,
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Any:
    """The network of `frozen_network` trained on as a whole, for so many epochs."""
    network = copy.deepcopy(head)
    steps = math.ceil(max(len(tiles), LEAST_TILES) / BATCH)
    _fit(network, tiles, task, rates=[RATE * BACKBONE, RATE], epochs=epochs, steps=steps, seed=seed,
         doing="training", progress=progress, cancel=cancel)  # fmt: skip
    return network


def _fit(
    network: Any,
    tiles: BoxTiles,
    task: Detection,
    *,
    rates: Sequence[float],
    epochs: int,
    steps: int,
    seed: int,
    doing: str,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> None:
    import torch

    generator = torch.Generator().manual_seed(seed)
    fit_one_cycle(
        network,
        [torch.from_numpy(tiles.pixels), torch.from_numpy(tiles.target)],
        loss=box_loss(task.tile, task.finest),
        groups=_groups,
        rates=rates,
        epochs=epochs,
        batch=BATCH,
        steps=steps,
        clip=CLIP,
        vary=lambda inputs, target: varied(inputs[0], target, task.augmentation, generator),
        seed=seed,
        doing=doing,
        progress=progress,
        cancel=cancel,
    )


def varied(
    pixels: torch.Tensor, target: torch.Tensor, augmentation: BoxAugmentation, generator: torch.Generator
) -> tuple[tuple[torch.Tensor], torch.Tensor]:
    """Turned, mirrored, zoomed, moved and lit tiles (n, c, s, s) with their boxes (n, m, 5); beyond the tile there is nothing.

    Boxes of which too little stays are ignored.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    n, channels, size = len(pixels), pixels.shape[1], pixels.shape[-1]
    device = pixels.device

    def uniform(reach: float, *shape: int) -> torch.Tensor:
        return ((torch.rand(n, *shape, generator=generator) * 2 - 1) * reach).to(device)

    def some(often: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) < often).to(device)

    swap = some(0.5 if augmentation.turns else 0.0)
    mirrors = torch.stack([some(0.5), some(0.5 if augmentation.turns else 0.0)], dim=1)
    # From a place in the new tile, -1 to 1, to that in the old one: old = scale · new + shift, its axes swapped where asked for.
    scale = uniform(math.log(augmentation.zoom)).exp()[:, None] * torch.where(mirrors, -1.0, 1.0)
    shift = uniform(2 * augmentation.shift, 2)
    old = torch.where(swap[:, None, None, None], pixels.transpose(2, 3), pixels)
    matrix = torch.zeros(n, 2, 3, device=device)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = scale[:, 0], scale[:, 1], shift
    grid = affine_grid(matrix, list(pixels.shape), align_corners=False)
    # The value of the network's zero is what lies outside.
    x = grid_sample(old.float() - 127, grid, padding_mode="zeros", align_corners=False) + 127
    gain = (uniform(augmentation.gain, 1) + uniform(augmentation.gain / 3, channels)).exp()[:, :, None, None]
    gamma = uniform(augmentation.gamma).exp()[:, None, None, None]
    lit = ((x.clamp(min=0) / 255).clamp(min=1e-4).pow(gamma) * gain * 255).clamp(0, 255)
    return (lit,), _moved(target, swap, scale, shift, size)


def _moved(target: torch.Tensor, swap: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, size: int) -> torch.Tensor:
    import torch

    sides = torch.where(swap[:, None, None], target[..., [2, 1, 4, 3]], target[..., 1:])
    corners = sides.reshape(*sides.shape[:2], 2, 2) * (2 / size) - 1
    new = ((corners - shift[:, None, None]) / scale[:, None, None] + 1) * (size / 2)
    low, high = new.amin(2), new.amax(2)
    area = (high - low).prod(2)
    low_seen, high_seen = low.clamp(0, size), high.clamp(0, size)
    seen = (high_seen - low_seen).prod(2) / area.clamp(min=1e-6)
    kind = target[..., 0]
    kind = torch.where((kind != NO_BOX) & (seen <= 0), NO_BOX, kind)
    kind = torch.where((kind >= 0) & (seen < LEAST_SEEN), IGNORED_BOX, kind)
    return torch.cat([kind[..., None], low_seen, high_seen], dim=2)


def _groups(network: Any) -> Sequence[list[Any]]:
    """Parameters of the backbone, and the others."""
    backbone = list(network.backbone.parameters())
    known = set(map(id, backbone))
    return [backbone, [parameter for parameter in network.parameters() if id(parameter) not in known]]
