"""Fine-tuning the backbone with fastai: one cycle, low rates for early layers, batch-norm statistics left as they are.

The head starts from the one fitted on frozen features, so that the first steps do not wreck the backbone (Kumar et al. 2022, Fine-tuning can
distort pretrained features, ICLR). Batch-norm statistics of a short training on few pictures are so poor that merely saving a picture again
flips predictions; they stay those of ImageNet, while scale and offset are trained.
"""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import Cancelled
from imagine_kernels.records import Progress
from imagine_kernels.tasks.classification import Augmentation

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
    import fastai.callback.schedule  # noqa: F401  (gives Learner its one-cycle schedule)
    import torch
    from fastai.callback.core import Callback, CancelFitException
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import Adam
    from fastai.torch_core import set_seed

    set_seed(seed, reproducible=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(seed)
    weights = torch.tensor(class_weights, dtype=torch.float32, device=device)
    history: list[float] = []
    stopped = False

    class Logits(torch.nn.Module):
        """fastai wants one output."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor, morphometry: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.network(pixels, morphometry)[0]
            return logits

    class KeepStatistics(Callback):  # type: ignore[misc]
        """Batch norm uses, and does not update, its statistics."""

        order = 10

        def before_train(self) -> None:
            for module in self.model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.eval()

    class Vary(Callback):  # type: ignore[misc]
        """Augments the pictures of a training batch."""

        def before_batch(self) -> None:
            if self.training:
                pixels, morphometry = self.learn.xb
                self.learn.xb = (vary(pixels, augmentation, generator), morphometry)

    class Watch(Callback):  # type: ignore[misc]
        """Keeps the best epoch, stops early, reports, and listens to the person."""

        order = 60

        def before_fit(self) -> None:
            self.best, self.kept, self.since = -1.0, None, 0

        def after_batch(self) -> None:
            nonlocal stopped
            if cancel is not None and cancel.is_set():
                stopped = True
                raise CancelFitException
            if progress is not None and self.training:
                done = self.epoch * self.n_iter + self.iter + 1
                progress(done, schedule.epochs * self.n_iter, f"fine-tuning, epoch {self.epoch + 1} of {schedule.epochs}")

        def after_epoch(self) -> None:
            score = balanced_accuracy(_predicted(network, watch, device, schedule.batch), watch.target)
            history.append(score)
            if score >= self.best:
                self.best, self.kept, self.since = score, copy.deepcopy(network.state_dict()), 0
            else:
                self.since += 1
                if self.since >= schedule.patience:
                    raise CancelFitException

        def after_fit(self) -> None:
            if self.kept is not None:
                network.load_state_dict(self.kept)

    # Depthwise convolutions train about 1.5 times faster in this order of memory.
    network.to(memory_format=torch.channels_last)
    loaders = DataLoaders(
        _loader(train, schedule.batch, shuffled=True, device=device),
        _loader(watch, schedule.batch, device=device),
        device=torch.device(device),
    )
    learner = Learner(
        loaders,
        Logits(),
        loss_func=torch.nn.CrossEntropyLoss(weight=weights, label_smoothing=schedule.smoothing),
        opt_func=Adam,
        wd=schedule.decay,
        splitter=_groups,
        cbs=[KeepStatistics(), Vary(), Watch()],
        train_bn=True,
    )
    for callback in list(learner.cbs):
        if callback.name in ("progress", "recorder"):
            learner.remove_cb(callback)
    if device == "cuda":
        learner.to_fp16()
    rates = [schedule.rate * schedule.early, schedule.rate * schedule.late, schedule.rate]
    with learner.no_logging():
        learner.fit_one_cycle(schedule.epochs, lr_max=np.array(rates))
    network.eval().to("cpu").to(memory_format=torch.contiguous_format)
    if stopped:
        raise Cancelled("Stopped on request; no model was written.")
    return history


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


def _loader(pictures: Pictures, batch: int, *, device: str, shuffled: bool = False) -> Any:
    import torch
    from fastai.data.load import DataLoader

    dataset = torch.utils.data.TensorDataset(
        torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.morphometry), torch.from_numpy(pictures.target)
    )
    # A last batch of one or two pictures would be a step of noise.
    short = shuffled and len(pictures) > batch
    return DataLoader(dataset, bs=batch, shuffle=shuffled, drop_last=short, num_workers=0, device=torch.device(device), n_inp=2)


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
