"""One cycle of training with fastai: low rates for early layers, batch-norm statistics left as they are, the best epoch kept.

Batch-norm statistics of a short training on few pictures are so poor that merely saving a picture again flips predictions; they stay those
of ImageNet, while scale and offset are trained.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from imagine_kernels.errors import Cancelled
from imagine_kernels.records import Progress


def fit_one_cycle(
    model: Any,
    data: Sequence[Any],
    *,
    loss: Any,
    groups: Callable[[Any], Sequence[list[Any]]],
    rates: Sequence[float],
    epochs: int,
    batch: int,
    steps: int | None = None,
    decay: float = 0.01,
    clip: float | None = None,
    vary: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    score: Callable[[], float] | None = None,
    patience: int | None = None,
    frozen: Callable[[Any], bool] | None = None,
    seed: int,
    doing: str = "fine-tuning",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[float]:
    """Train a model in place.

    Parameters
    ----------
    model : torch module
        On whatever device; it is left on the CPU, in evaluation mode.
    data : sequence of tensor
        The inputs of n things, then their target.
    loss : callable ``(outputs, target) -> tensor``
    groups : callable ``(model) -> lists of parameters``
        From early to late, one for each of `rates`.
    rates : sequence of float
        Highest learning rates.
    epochs, batch : int
    steps : int, optional
        Steps of an epoch; without it an epoch goes once through the data.
    decay : float
        Weight decay.
    clip : float, optional
        Longest gradient.
    vary : callable ``(inputs, target) -> (inputs, target)``, optional
        Augments a training batch.
    score : callable ``() -> float``, optional
        How good the model is after an epoch; the best epoch is kept. Without it the last one is.
    patience : int, optional
        Epochs without a better score after which training stops.
    frozen : callable ``(module) -> bool``, optional
        Which layers of batch norm keep their statistics; by default all.
    seed : int
        The same seed gives the same weights.
    doing : str
        What is said of it in the progress.
    progress, cancel
        As everywhere.

    Returns
    -------
    list of float
        The score after each epoch.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    import fastai.callback.schedule  # noqa: F401  (gives Learner its one-cycle schedule)
    import torch
    from fastai.callback.core import Callback, CancelFitException
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.optimizer import Adam
    from fastai.torch_core import set_seed

    set_seed(seed, reproducible=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    history: list[float] = []
    stopped = False

    class KeepStatistics(Callback):  # type: ignore[misc]
        """Batch norm uses, and does not update, its statistics."""

        order = 10

        def before_train(self) -> None:
            for module in self.model.modules():
                if isinstance(module, torch.nn.BatchNorm2d) and (frozen is None or frozen(module)):
                    module.eval()

    class Vary(Callback):  # type: ignore[misc]
        """Augments the training batches, and keeps gradients short."""

        order = 20

        def before_batch(self) -> None:
            if vary is not None and self.training:
                inputs, target = vary(self.learn.xb, self.learn.yb[0])
                self.learn.xb, self.learn.yb = inputs, (target,)

        def before_step(self) -> None:
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)

    class Watch(Callback):  # type: ignore[misc]
        """Keeps the best epoch, stops early, reports, and listens to the person."""

        order = 60

        def before_fit(self) -> None:
            self.best, self.kept, self.since = -np.inf, None, 0

        def after_batch(self) -> None:
            nonlocal stopped
            if cancel is not None and cancel.is_set():
                stopped = True
                raise CancelFitException
            if progress is not None and self.training:
                done = self.epoch * self.n_iter + self.iter + 1
                progress(done, epochs * self.n_iter, f"{doing}, epoch {self.epoch + 1} of {epochs}")

        def after_epoch(self) -> None:
            if score is None:
                return
            reached = score()
            history.append(reached)
            if reached >= self.best:
                self.best, self.kept, self.since = reached, copy.deepcopy(model.state_dict()), 0
            else:
                self.since += 1
                if patience is not None and self.since >= patience:
                    raise CancelFitException

        def after_fit(self) -> None:
            if self.kept is not None:
                model.load_state_dict(self.kept)

    # Depthwise convolutions train about 1.5 times faster in this order of memory.
    model.to(device).to(memory_format=torch.channels_last)
    dataset = torch.utils.data.TensorDataset(*data)
    # A last batch of one or two pictures would be a step of noise.
    loader = DataLoader(
        dataset, bs=batch, shuffle=True, drop_last=len(dataset) > batch, num_workers=0, device=torch.device(device),
        n=None if steps is None else steps * batch, n_inp=len(data) - 1,
    )  # fmt: skip
    if steps is not None:
        loader.get_idxs = _repeated(len(dataset), steps * batch)
    none = DataLoader(torch.utils.data.TensorDataset(*(part[:0] for part in data)), bs=batch, num_workers=0, n_inp=len(data) - 1)
    learner = Learner(
        DataLoaders(loader, none, device=torch.device(device)), model, loss_func=loss, opt_func=Adam, wd=decay, splitter=groups,
        cbs=[KeepStatistics(), Vary(), Watch()], train_bn=True,
    )  # fmt: skip
    for callback in list(learner.cbs):
        if callback.name in ("progress", "recorder"):
            learner.remove_cb(callback)
    if device == "cuda":
        learner.to_fp16()
    with learner.no_logging():
        learner.fit_one_cycle(epochs, lr_max=np.array(list(rates)))
    model.eval().to("cpu").to(memory_format=torch.contiguous_format)
    if stopped:
        raise Cancelled("Stopped on request; no model was written.")
    return history


def _repeated(n: int, wanted: int) -> Callable[[], list[int]]:
    """So many indices as are wanted: all n in a new order, again and again."""
    import torch

    def indices() -> list[int]:
        rounds = [torch.randperm(n) for _ in range(-(-wanted // n))]
        return [int(i) for i in torch.cat(rounds)[:wanted]]

    return indices
