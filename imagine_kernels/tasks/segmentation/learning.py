"""The two recipes: a regression per pixel on frozen features, and a U-Net that is trained.

The loss of the U-Net is the cross-entropy plus the soft Jaccard distance 1 − Σpt / Σ(p + t − pt) of every class over the batch, which is the
intersection over union that counts in the end (Rahman and Wang 2016, Optimizing intersection-over-union in deep neural networks, ISVC).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.measures.mask_accuracy import IGNORED
from imagine_kernels.models.unet import FEATURE_STEP, build_pixel_head, build_unet, set_pixel_head
from imagine_kernels.records import Progress
from imagine_kernels.tasks.fitting import fit_one_cycle
from imagine_kernels.tasks.segmentation import Segmentation, TileAugmentation
from imagine_kernels.tasks.segmentation.tiles import Tiles

if TYPE_CHECKING:
    import torch

#: Highest learning rate of the decoder; the encoder takes a part of it, being trained already.
RATE, ENCODER = 2e-3, 0.3
BATCH = 8
#: Longest gradient of a step.
CLIP = 1.0
#: An epoch shows so many tiles at least, so that few pictures are gone through several times.
LEAST_TILES = 600
#: Pixels that the regression is fitted to, and how strongly it is regularised.
PIXELS, STRENGTH = 30_000, 0.01


def frozen_network(tiles: Tiles, *, task: Segmentation, n_classes: int, seed: int, cancel: threading.Event | None = None) -> Any:
    """A multinomial logistic regression of single pixels on what the frozen encoder sees at all its scales."""
    import torch
    from sklearn.linear_model import LogisticRegression

    network: Any = build_pixel_head(backbone=task.backbone, classes=n_classes, channels=task.channels)
    rng = np.random.default_rng(seed)
    half = FEATURE_STEP // 2
    targets = tiles.target[:, half::FEATURE_STEP, half::FEATURE_STEP]
    known = np.flatnonzero((targets != IGNORED).ravel())
    # As many of each class: the rare one is what is looked for. The shares come back in the offsets.
    labels = targets.ravel()[known]
    share = np.array([(labels == i).mean() for i in range(n_classes)])
    per_class = PIXELS // n_classes
    chosen = np.concatenate([rng.permutation(known[labels == i])[:per_class] for i in range(n_classes)])
    side = targets.shape[1] * targets.shape[2]
    rows: list[NDArray[np.float32]] = []
    numbers: list[NDArray[np.int64]] = []
    with torch.inference_mode():
        for i in np.unique(chosen // side):
            _stop_if(cancel)
            seen = network.features(torch.from_numpy(tiles.pixels[i : i + 1]))[0].flatten(1).numpy()
            inside = chosen[chosen // side == i] % side
            rows.append(seen[:, inside].T)
            numbers.append(targets[i].ravel()[inside].astype(np.int64))
    features, y = np.concatenate(rows), np.concatenate(numbers)
    shift, scale = features.mean(axis=0), 1 / (features.std(axis=0) + 1e-3)
    model = LogisticRegression(C=STRENGTH, max_iter=200).fit((features - shift) * scale, y)
    weight, bias = np.zeros((n_classes, features.shape[1])), np.full(n_classes, -30.0)
    if len(model.classes_) == 2:
        weight[model.classes_], bias[model.classes_] = (
            np.vstack([-model.coef_, model.coef_]) / 2,
            np.r_[-model.intercept_, model.intercept_] / 2,
        )
    else:
        weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    seen_share = np.array([(y == i).mean() for i in range(n_classes)])
    present = seen_share > 0
    bias[present] += np.log(share[present] / seen_share[present])
    set_pixel_head(network, weight=weight * scale, bias=bias - (weight * scale) @ shift)
    return network


def tuned_network(
    tiles: Tiles,
    *,
    task: Segmentation,
    n_classes: int,
    epochs: int,
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Any:
    """A U-Net trained for so many epochs on all `tiles`."""
    import torch

    torch.manual_seed(seed)
    network: Any = build_unet(backbone=task.backbone, classes=n_classes, channels=task.channels)
    generator = torch.Generator().manual_seed(seed)
    encoder = set(map(id, network.unet.encoder.modules()))
    fit_one_cycle(
        network,
        [torch.from_numpy(tiles.pixels), torch.from_numpy(tiles.target)],
        loss=overlap_loss,
        groups=_groups,
        rates=[RATE * ENCODER, RATE],
        epochs=epochs,
        batch=BATCH,
        steps=math.ceil(max(len(tiles), LEAST_TILES) / BATCH),
        clip=CLIP,
        vary=lambda inputs, target: _varied(inputs[0], target, task.augmentation, generator),
        frozen=lambda module: id(module) in encoder,
        seed=seed,
        doing="training",
        progress=progress,
        cancel=cancel,
    )
    return network


def overlap_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus soft Jaccard distance of (n, k, s, s) logits and (n, s, s) class indices; `IGNORED` pixels count nowhere."""
    import torch

    wanted = target.long()
    known = wanted != IGNORED
    entropy = torch.nn.functional.cross_entropy(logits, wanted, ignore_index=IGNORED)
    probabilities = logits.softmax(1) * known[:, None]
    k = logits.shape[1]
    truth = torch.nn.functional.one_hot(torch.where(known, wanted, 0), k).movedim(3, 1) * known[:, None]
    both = (probabilities * truth).sum((0, 2, 3))[1:]
    either = (probabilities + truth).sum((0, 2, 3))[1:] - both
    return entropy + (1 - (both + 1) / (either + 1)).mean()


def _varied(
    pixels: torch.Tensor, target: torch.Tensor, augmentation: TileAugmentation, generator: torch.Generator
) -> tuple[tuple[torch.Tensor], torch.Tensor]:
    """Turned, mirrored, zoomed and lit tiles with their targets; what comes in from outside is mirrored, and its target ignored."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    n, device = len(pixels), pixels.device

    def uniform(reach: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * reach

    angle = uniform(math.pi) if augmentation.turns else torch.zeros(n)
    zoom = uniform(math.log(augmentation.zoom)).exp()
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    turn = torch.stack(
        [
            torch.stack([angle.cos() * mirror * zoom, -angle.sin() * zoom, uniform(0.2)], dim=1),
            torch.stack([angle.sin() * mirror * zoom, angle.cos() * zoom, uniform(0.2)], dim=1),
        ],
        dim=1,
    ).to(device)
    grid = affine_grid(turn, list(pixels.shape), align_corners=False)
    x = grid_sample(pixels.float(), grid, padding_mode="reflection", align_corners=False)
    y = grid_sample(target[:, None].float(), grid, mode="nearest", padding_mode="reflection", align_corners=False)[:, 0]
    gain, gamma = (uniform(reach).exp().to(device)[:, None, None, None] for reach in (augmentation.gain, augmentation.gamma))
    lit = (x.clamp(min=0) / 255).clamp(min=1e-4).pow(gamma) * gain
    return ((lit * 255).clamp(0, 255),), y.round().to(torch.uint8)


def _groups(network: Any) -> Sequence[list[Any]]:
    """Parameters of the encoder, and the others."""
    encoder = list(network.unet.encoder.parameters())
    known = set(map(id, encoder))
    return [encoder, [parameter for parameter in network.parameters() if id(parameter) not in known]]


def _stop_if(cancel: threading.Event | None) -> None:
    from imagine_kernels.errors import Cancelled

    if cancel is not None and cancel.is_set():
        raise Cancelled("Stopped on request; no model was written.")
