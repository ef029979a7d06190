"""Networks that say for every pixel what it is: a U-Net whose encoder is the backbone, or one linear layer on what the backbone sees.

The decoder of the U-Net is that of `segmentation_models_pytorch`. ``forward(pixels)`` takes (n, c, s, s) uint8 and gives logits (n, k, s, s)
float32.

References
----------
Ronneberger, O., Fischer, P. and Brox, T. (2015): U-Net: convolutional networks for biomedical image segmentation. MICCAI.
doi:10.1007/978-3-319-24574-4_28
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagine_kernels.errors import UnknownName
from imagine_kernels.models.backbone import BACKBONES, imagenet_weights
from imagine_kernels.models.network import MEAN, SCALE

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

#: Channels of the five steps of the decoder, from coarse to fine.
DECODER = (128, 64, 48, 32, 16)
#: Sides of tiles are multiples of it: five times halved.
STEP = 32
OUTPUTS = ("logits",)
#: A linear layer sees what the backbone sees at every so many px.
FEATURE_STEP = 4


def build_unet(*, backbone: str, classes: int, channels: int, imagenet: bool = True) -> torch.nn.Module:
    """The network with a decoder that is still to be trained.

    Parameters
    ----------
    backbone : str
        One of `imagine_kernels.models.backbone.BACKBONES`.
    classes : int
        k, the background included.
    channels : int
        c: 1 for grey pictures, 3 for red, green and blue.
    imagenet : bool
        Start from the ImageNet weights.

    Raises
    ------
    UnknownName
        No backbone has that name.
    """
    import segmentation_models_pytorch as smp
    import torch

    if backbone not in BACKBONES:
        raise UnknownName.among("backbone", backbone, BACKBONES)

    class Unet(torch.nn.Module):
        """Standardisation, encoder, decoder."""

        def __init__(self) -> None:
            super().__init__()
            self.unet = smp.Unet(
                f"tu-{backbone}", encoder_weights=None, in_channels=channels, classes=classes, decoder_channels=DECODER
            )
            if imagenet:
                weights = imagenet_weights()
                if channels == 1:
                    weights["conv_stem.weight"] = weights["conv_stem.weight"].sum(dim=1, keepdim=True)
                encoder = self.unet.encoder.model
                encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()}, strict=True)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.unet((pixels.float() - MEAN) / SCALE)
            return logits

    return Unet().eval()


def build_pixel_head(*, backbone: str, classes: int, channels: int, imagenet: bool = True) -> torch.nn.Module:
    """The backbone with a linear layer for every pixel, which is still to be fitted; see `set_pixel_head`.

    ``features(pixels)`` gives what all five scales of the backbone see, (n, d, s / `FEATURE_STEP`, s / `FEATURE_STEP`) float32.

    Parameters
    ----------
    backbone, classes, channels, imagenet
        As in `build_unet`.

    Raises
    ------
    UnknownName
        No backbone has that name.
    """
    import torch

    class PixelHead(torch.nn.Module):
        """Standardisation, encoder, one linear layer."""

        def __init__(self) -> None:
            super().__init__()
            whole: Any = build_unet(backbone=backbone, classes=classes, channels=channels, imagenet=imagenet)
            self.encoder = whole.unet.encoder
            self.head = torch.nn.Conv2d(sum(self.encoder.out_channels[1:]), classes, 1)

        def features(self, pixels: torch.Tensor) -> torch.Tensor:
            stages = self.encoder((pixels.float() - MEAN) / SCALE)[1:]
            side = pixels.shape[-1] // FEATURE_STEP
            same = [
                torch.nn.functional.interpolate(stage, size=(side, side), mode="bilinear", align_corners=False)
                for stage in stages
            ]
            return torch.cat(same, dim=1)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            size = (pixels.shape[-1], pixels.shape[-1])
            logits: torch.Tensor = torch.nn.functional.interpolate(
                self.head(self.features(pixels)), size=size, mode="bilinear", align_corners=False
            )
            return logits

    return PixelHead().eval()


def set_pixel_head(network: Any, *, weight: NDArray[Any], bias: NDArray[Any]) -> None:
    """Put a regression that was fitted elsewhere into the network: logits = weight (k, d) @ features + bias (k,)."""
    import torch

    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(weight[:, :, None, None]))
        network.head.bias.copy_(torch.from_numpy(bias))


def build_for(given: Mapping[str, Any], *, classes: int, imagenet: bool = True) -> torch.nn.Module:
    """The network that the ``input`` of a ``bundle.json`` names."""
    build = build_pixel_head if given["network"] == "pixel head" else build_unet
    return build(backbone=given["backbone"], classes=classes, channels=given["channels"], imagenet=imagenet)


def export_unet(network: Any, *, size: int, channels: int) -> bytes:
    """The network as an ONNX model with a free number of tiles.

    Input ``pixels`` (n, c, size, size) uint8; output ``logits`` (n, k, size, size) float32.

    Parameters
    ----------
    network : torch module
        As from `build_unet` or `build_pixel_head`.
    size : int
        Side of the tiles in px, a multiple of `STEP`.
    channels : int
        c.
    """
    import torch

    example = torch.zeros((2, channels, size, size), dtype=torch.uint8)
    target = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that traces is called the old one; the new one takes twenty times as long and gives the same graph.
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
