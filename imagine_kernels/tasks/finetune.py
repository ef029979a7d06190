"""Fine-tuning the backbone of a classifier, with its pictures varied.

The head starts from the one fitted on frozen features, so that the first steps do not wreck the backbone (Kumar et al. 2022, Fine-tuning can
distort pretrained features, ICLR).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records import Progress
from imagine_kernels.tasks.classification import Augmentation
from imagine_kernels.tasks.fitting import fit_one_cycle

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a backbone is fine-tuned.

    Attributes
    ----------
    epochs : int
    rate : float
        Highest learning rate of the head; middle and early layers take a fraction of it.
    early, late : float
        These fractions, for the first half of the backbone and for its second half.
    decay : float
        Weight decay.
    batch : int
        Pictures per step.
    smoothing : float
        Label smoothing.
    patience : int
        Epochs without a better balanced accuracy after which training stops.
    """

    epochs: int
    rate: float = 2e-4
    early: float = 0.1
    late: float = 0.3
    decay: float = 0.01
    batch: int = 32
    smoothing: float = 0.05
    patience: int = 5


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Labelled pictures in memory.

    Attributes
    ----------
    pixels : (n, 1, s, s) ndarray of uint8
    morphometry : (n, m) ndarray of float32
    target : (n,) ndarray of int
        Class indices.
    """

    pixels: NDArray[np.uint8]
    morphometry: NDArray[np.float32]
    target: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)

    def where(self, rows: NDArray[Any]) -> Pictures:
        """Some of them, by mask or position."""
        return Pictures(pixels=self.pixels[rows], morphometry=self.morphometry[rows], target=self.target[rows])


def fine_tune(
    network: Any,
    train: Pictures,
    watch: Pictures,
    *,
    schedule: Schedule,
    augmentation: Augmentation,
    class_weights: NDArray[np.float64],
    seed: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[float]:
    """Fine-tune a network in place; it is left with the weights of its best epoch.

    Parameters
    ----------
    network : torch module
        As from `imagine_kernels.models.network.build_network`, with a fitted head.
    train, watch : Pictures
        To learn from; to stop early by.
    schedule : Schedule
    augmentation : Augmentation
    class_weights : (k,) ndarray
    seed : int
        The same seed gives the same weights.
    progress, cancel
        As everywhere.

    Returns
    -------
    list of float
        Balanced accuracy on `watch` after each epoch.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(seed)
    weights = torch.tensor(class_weights, dtype=torch.float32, device=device)

    class Logits(torch.nn.Module):
        """fastai wants one output."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor, morphometry: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.network(pixels, morphometry)[0]
            return logits

    return fit_one_cycle(
        Logits(),
        [torch.from_numpy(part) for part in (train.pixels, train.morphometry, train.target)],
        loss=torch.nn.CrossEntropyLoss(weight=weights, label_smoothing=schedule.smoothing),
        groups=_groups,
        rates=[schedule.rate * schedule.early, schedule.rate * schedule.late, schedule.rate],
        epochs=schedule.epochs,
        batch=schedule.batch,
        decay=schedule.decay,
        vary=lambda inputs, target: ((vary(inputs[0], augmentation, generator), inputs[1]), target),
        score=lambda: balanced_accuracy(_predicted(network, watch, device, schedule.batch), watch.target),
        patience=schedule.patience,
        seed=seed,
        progress=progress,
        cancel=cancel,
    )


def vary(pixels: torch.Tensor, augmentation: Augmentation, generator: torch.Generator) -> torch.Tensor:
    """Turned, mirrored, zoomed and lit pictures (n, 1, s, s) float32 of pictures (n, 1, s, s); what turns in from outside is white."""
    import torch

    n, device = len(pixels), pixels.device

    def uniform(reach: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * reach

    angle = uniform(math.radians(augmentation.rotation_deg))
    zoom = 1 + uniform(augmentation.zoom)
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0) if augmentation.flips else torch.ones(n)
    zero = torch.zeros(n)
    turn = (
        torch.stack(
            [
                torch.stack([angle.cos() * mirror, -angle.sin(), zero], dim=1),
                torch.stack([angle.sin() * mirror, angle.cos(), zero], dim=1),
            ],
            dim=1,
        )
        * zoom[:, None, None]
    )
    grid = torch.nn.functional.affine_grid(turn.to(device), list(pixels.shape), align_corners=False)
    # Inverted for the turn, so that the zeros around it are white afterwards.
    turned = torch.nn.functional.grid_sample(255.0 - pixels.float(), grid, align_corners=False)
    light = (1 + uniform(augmentation.lighting)).to(device)[:, None, None, None]
    return 255.0 - (turned * light).clamp(0, 255)


def balanced_accuracy(predicted: NDArray[np.int64], target: NDArray[np.int64]) -> float:
    """The mean recall of the classes that occur in `target`."""
    return float(np.mean([(predicted[target == label] == label).mean() for label in np.unique(target)]))


def _predicted(network: Any, pictures: Pictures, device: str, batch: int) -> NDArray[np.int64]:
    import torch

    network.eval()
    parts: list[NDArray[np.int64]] = []
    with torch.inference_mode():
        for i in range(0, len(pictures), batch):
            pixels, morphometry = (torch.from_numpy(a[i : i + batch]).to(device) for a in (pictures.pixels, pictures.morphometry))
            parts.append(network(pixels, morphometry)[0].argmax(1).cpu().numpy())
    return np.concatenate(parts)


def _groups(model: Any) -> Sequence[list[Any]]:
    """Parameters from early to late: stem and first half of the blocks, second half, head."""
    backbone = model.network.backbone
    half = len(backbone.blocks) // 2
    early = [backbone.conv_stem, backbone.bn1, *backbone.blocks[:half]]
    late = [*backbone.blocks[half:], backbone.conv_head, backbone.bn2]
    return [
        [parameter for module in early for parameter in module.parameters()],
        [parameter for module in late for parameter in module.parameters()],
        list(model.network.head.parameters()),
    ]
