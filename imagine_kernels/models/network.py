"""The network inside a bundle: one graph from grey pixels and morphometry to logits and features.

Both recipes share it. A linear head on features averaged over orientations equals the average of its logits, so orientations never enter the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagine_kernels.models.backbone import BACKBONES, build_backbone

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

#: Stages of the backbone whose averaged activations join the pooled last layer, with their channels.
STAGES = {4: 112, 5: 192, 6: 320}
#: What the ImageNet weights were trained on: ``(x - MEAN) / SCALE``. Photographs rarely have a white background; the inverted picture, a
#: light object on black, suits these weights better.
MEAN, SCALE = 127.0, 128.0
#: What the network gives, in this order, and the graph under these names.
OUTPUTS = ("logits", "features")
#: Exponent of the generalised mean that pools the last layer; 1 would be the average.
POOLING_POWER = 3.0
#: The root of zero has no slope: activations of the last layer are at least this.
SMALLEST = 1e-6


def feature_lengths(backbone: str) -> tuple[int, ...]:
    """Lengths of the blocks of features, in the order in which the network joins them."""
    return (BACKBONES[backbone], *reversed(STAGES.values()))


def build_network(*, backbone: str, classes: int, morphometry: int, imagenet: bool = True) -> torch.nn.Module:
    """The network with a head of zeros, which is still to be fitted; see `set_head`.

    Its ``forward(pixels, morphometry)`` takes (n, 1, s, s) uint8 and (n, m) float32 and gives logits (n, k) and features (n, d), float32.

    Parameters
    ----------
    backbone : str
        One of `imagine_kernels.models.backbone.BACKBONES`.
    classes : int
        k, the number of classes.
    morphometry : int
        m, the number of log-scaled features of shape and grey level; may be 0.
    imagenet : bool
        Start from the ImageNet weights.
    """
    import torch

    class VignetteNetwork(torch.nn.Module):
        """Backbone, pooling, standardisation, linear head."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone = build_backbone(backbone, imagenet=imagenet)
            width = sum(feature_lengths(backbone)) + morphometry
            # Standardisation is part of the graph, so that a bundle needs no second file of numbers.
            self.shift = torch.nn.Buffer(torch.zeros(width))
            self.scale = torch.nn.Buffer(torch.ones(width))
            self.head = torch.nn.Linear(width, classes)
            torch.nn.init.zeros_(self.head.weight)
            torch.nn.init.zeros_(self.head.bias)

        def features(self, pixels: torch.Tensor) -> torch.Tensor:
            x = (255.0 - pixels.float() - MEAN) / SCALE
            x = self.backbone.bn1(self.backbone.conv_stem(x))
            pooled = []
            for index, stage in enumerate(self.backbone.blocks):
                x = stage(x)
                if index in STAGES:
                    pooled.append(x.mean((2, 3)))
            x = self.backbone.bn2(self.backbone.conv_head(x))
            last = x.clamp(min=SMALLEST).pow(POOLING_POWER).mean((2, 3)).pow(1 / POOLING_POWER)
            return torch.cat([last, *reversed(pooled)], dim=1)

        def forward(self, pixels: torch.Tensor, morphometry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            found = self.features(pixels)
            joined = torch.cat([found, morphometry], dim=1)
            return self.head((joined - self.shift) * self.scale), found

    return VignetteNetwork().eval()


def set_head(
    network: Any,
    *,
    shift: NDArray[np.float32],
    scale: NDArray[np.float32],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> None:
    """Put a head that was fitted elsewhere into the network: logits = ((x - shift)·scale) @ weight.T + bias."""
    import torch

    with torch.no_grad():
        network.shift.copy_(torch.from_numpy(shift))
        network.scale.copy_(torch.from_numpy(scale))
        network.head.weight.copy_(torch.from_numpy(weight))
        network.head.bias.copy_(torch.from_numpy(bias))


def weights_of(network: Any) -> dict[str, NDArray[Any]]:
    """Every tensor of the network by name, as arrays."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def load_weights(network: Any, weights: dict[str, NDArray[Any]]) -> None:
    """Put arrays, as `weights_of` gives them, back into a network of the same shape."""
    import torch

    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()}, strict=True)
