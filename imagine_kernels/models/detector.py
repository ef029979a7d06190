"""A network that says where things are: one stage, without anchors, on the backbone.

What the backbone sees at its steps of 8, 16 and 32 px (and of 4 px, for small things) is joined from coarse to fine [1]_, and one head, the
same for all steps, says at every point of every step what is there and how far the sides of its box are [2]_. Choosing among the boxes is no
part of the graph.

``forward(pixels)`` takes (n, c, s, s) uint8 and gives (n, p, k + 4) float32: the logits of k classes at p points, then four numbers from which
`decoded` makes boxes.

References
----------
.. [1] Lin, T.-Y. et al. (2017): Feature pyramid networks for object detection. CVPR. doi:10.1109/CVPR.2017.106
.. [2] Tian, Z. et al. (2019): FCOS: fully convolutional one-stage object detection. ICCV. doi:10.1109/ICCV.2019.00972
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError, UnknownName
from imagine_kernels.models.backbone import BACKBONES, imagenet_weights
from imagine_kernels.models.network import MEAN, SCALE

if TYPE_CHECKING:
    import torch

#: Sides of tiles are multiples of it: five times halved.
STEP = 32
#: The finest step that may be asked for, px.
FINEST = (4, 8)
OUTPUTS = ("logits",)
#: Channels of the joined features and of the head, and layers of the head.
WIDTH, DEPTH, _GROUPS = 96, 2, 8
#: A point is a thing with this probability before anything was learnt, so that the many empty points do not swamp the first steps.
_PRIOR = 0.01
#: Largest exponent of a distance: that of a box of 20 000 px.
_MOST = 6.0


def points(size: int, finest: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where the points of a tile are, (p, 2) x and y in px, and the step of each, (p,)."""
    where, steps = [], []
    step = finest
    while step <= STEP:
        at = (np.arange(size // step, dtype=np.float32) + 0.5) * step
        y, x = np.meshgrid(at, at, indexing="ij")
        where.append(np.stack([x.ravel(), y.ravel()], axis=1))
        steps.append(np.full(x.size, step, dtype=np.float32))
        step *= 2
    return np.concatenate(where), np.concatenate(steps)


def decoded(numbers: Any, where: Any, steps: Any) -> Any:
    """Boxes (…, p, 4) as x_min, y_min, x_max, y_max in px of the tile, of the last four numbers (…, p, 4) of the network.

    The sides lie ``2 · step · exp(number)`` from the point. Arrays or tensors alike.
    """
    distances = numbers.clip(-_MOST, _MOST).exp() if hasattr(numbers, "exp") else np.exp(np.clip(numbers, -_MOST, _MOST))
    reach = distances * (2 * steps[:, None])
    x, y = where[:, 0], where[:, 1]
    sides = [x - reach[..., 0], y - reach[..., 1], x + reach[..., 2], y + reach[..., 3]]
    if isinstance(reach, np.ndarray):
        return np.stack(sides, axis=-1)
    import torch

    return torch.stack(sides, dim=-1)


def build_detector(*, backbone: str, classes: int, channels: int, finest: int = 8, imagenet: bool = True) -> torch.nn.Module:
    """The network with a head that is still to be trained.

    Parameters
    ----------
    backbone : str
        One of `imagine_kernels.models.backbone.BACKBONES`.
    classes : int
        k, without the background.
    channels : int
        c: 1 for grey pictures, 3 for red, green and blue.
    finest : int
        The finest step, px: 8, or 4 where things measure less than some 12 px.
    imagenet : bool
        Start from the ImageNet weights.

    Raises
    ------
    UnknownName
        No backbone has that name.
    SettingError
        There is no such step.
    """
    import timm
    import torch
    from torch import nn

    if backbone not in BACKBONES:
        raise UnknownName.among("backbone", backbone, BACKBONES)
    if finest not in FINEST:
        raise SettingError(f"The finest step of a detector is {' or '.join(map(str, FINEST))} px, not {finest}.")
    stages = (1, 2, 3, 4) if finest == 4 else (2, 3, 4)

    def separable() -> nn.Module:
        """A 3 × 3 convolution that costs little on a processor."""
        return nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False),
            nn.Conv2d(WIDTH, WIDTH, 1, bias=False),
            nn.GroupNorm(_GROUPS, WIDTH),
            nn.ReLU(),
        )

    class Detector(nn.Module):
        """Standardisation, backbone, joined features, head."""

        def __init__(self) -> None:
            super().__init__()
            seeing: Any = timm.create_model(backbone, pretrained=False, features_only=True, out_indices=stages, in_chans=channels)
            if imagenet:
                weights = imagenet_weights()
                if channels == 1:
                    weights["conv_stem.weight"] = weights["conv_stem.weight"].sum(dim=1, keepdim=True)
                seeing.load_state_dict({name: weights[name] for name in seeing.state_dict()}, strict=True)
            self.backbone = seeing
            self.inner = nn.ModuleList(
                nn.Sequential(nn.Conv2d(width, WIDTH, 1, bias=False), nn.GroupNorm(_GROUPS, WIDTH))
                for width in seeing.feature_info.channels()
            )
            self.joined = nn.ModuleList(separable() for _ in stages)
            self.what = nn.Sequential(*(separable() for _ in range(DEPTH)))
            self.where = nn.Sequential(*(separable() for _ in range(DEPTH)))
            self.logits = nn.Conv2d(WIDTH, classes, 3, padding=1)
            self.sides = nn.Conv2d(WIDTH, 4, 3, padding=1)
            for layer, start in ((self.logits, -math.log((1 - _PRIOR) / _PRIOR)), (self.sides, 0.0)):
                nn.init.normal_(layer.weight, std=0.01)
                assert layer.bias is not None
                nn.init.constant_(layer.bias, start)
            self.scales = nn.Parameter(torch.ones(len(stages)))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            seen = [inner(x) for inner, x in zip(self.inner, self.backbone((pixels.float() - MEAN) / SCALE), strict=True)]
            for i in range(len(seen) - 2, -1, -1):
                seen[i] = seen[i] + nn.functional.interpolate(seen[i + 1], scale_factor=2.0, mode="nearest")
            found = []
            for i, (join, x) in enumerate(zip(self.joined, seen, strict=True)):
                level = join(x)
                each = torch.cat([self.logits(self.what(level)), self.sides(self.where(level)) * self.scales[i]], dim=1)
                found.append(each.flatten(2).transpose(1, 2))
            return torch.cat(found, dim=1)

    return Detector().eval()


def build_for(given: Mapping[str, Any], *, classes: int, imagenet: bool = True) -> torch.nn.Module:
    """The network that the ``input`` of a ``bundle.json`` names; `classes` without the background."""
    return build_detector(
        backbone=given["backbone"], classes=classes, channels=given["channels"], finest=given["finest"], imagenet=imagenet
    )


def export_detector(network: Any, *, size: int, channels: int) -> bytes:
    """The network as an ONNX model with a free number of tiles.

    Input ``pixels`` (n, c, size, size) uint8; output ``logits`` (n, p, k + 4) float32.

    Parameters
    ----------
    network : torch module
        As from `build_detector`.
    size : int
        Side of the tiles in px, a multiple of `STEP`.
    channels : int
        c.
    """
    import torch

    example = torch.zeros((2, channels, size, size), dtype=torch.uint8)
    target = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that traces is called the old one; see `imagine_kernels.models.unet.export_unet`.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval().cpu(),
            (example,),
            target,  # type: ignore[arg-type]
            input_names=["pixels"],
            output_names=list(OUTPUTS),
            dynamic_axes={"pixels": {0: "n"}, "logits": {0: "n"}},
            opset_version=18,
            dynamo=False,
        )
    return target.getvalue()
