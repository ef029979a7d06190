"""The network of detectors: its graph, its points, its boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from imagine_kernels.errors import SettingError, UnknownName
from imagine_kernels.inference.agreement import check_graph
from imagine_kernels.inference.sessions import cpu_session
from imagine_kernels.models.backbone import build_backbone
from imagine_kernels.models.detector import build_detector, build_for, decoded, export_detector, points
from imagine_kernels.models.network import MEAN, SCALE, load_weights, weights_of


def network(finest: int = 8, channels: int = 3) -> Any:
    torch.manual_seed(0)
    made: Any = build_detector(backbone="tf_efficientnet_lite0", classes=3, channels=channels, finest=finest)
    # As after some training: the head of a new network says the same everywhere.
    for layer in (made.logits, made.sides):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return made


@pytest.mark.parametrize(("finest", "channels", "side"), [(8, 3, 96), (4, 1, 64)])
def test_the_graph_says_what_torch_says(finest: int, channels: int, side: int) -> None:
    made = network(finest, channels)
    pixels = np.random.default_rng(0).integers(0, 255, (2, channels, side, side), dtype=np.uint8)
    graph = export_detector(made, size=side, channels=channels)
    with torch.inference_mode():
        expected = made(torch.from_numpy(pixels)).numpy()
    assert expected.shape == (2, len(points(side, finest)[0]), 7)
    assert expected.std(axis=1).min() > 0.01
    assert check_graph(graph, {"pixels": pixels}, expected) < 1e-4
    found: dict[int, Any] = {}
    cpu_session(graph, batch=4).run([(0, {"pixels": pixels[:1]})], lambda key, outputs: found.update({key: outputs["logits"]}))
    np.testing.assert_allclose(found[0], expected[:1], atol=2e-3)


def test_the_backbone_sees_what_the_classifiers_see() -> None:
    """The pretrained weights are in their places: the last features are those of the whole backbone."""
    pixels = (torch.randint(0, 255, (1, 3, 64, 64), generator=torch.Generator().manual_seed(1)).float() - MEAN) / SCALE
    whole = build_backbone(channels=3)
    with torch.inference_mode():
        x = whole.bn1(whole.conv_stem(pixels))
        for stage in whole.blocks:
            x = stage(x)
        np.testing.assert_allclose(network().backbone(pixels)[-1].numpy(), x.numpy(), atol=1e-4)


def test_weights_go_out_and_in() -> None:
    made = network()
    again = build_for({"backbone": "tf_efficientnet_lite0", "channels": 3, "finest": 8}, classes=3, imagenet=False)
    load_weights(again, weights_of(made))
    pixels = torch.zeros((1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        np.testing.assert_array_equal(again(pixels).numpy(), made(pixels).numpy())


def test_points_are_the_centres_of_their_cells() -> None:
    where, steps = points(64, 16)
    assert len(where) == 16 + 4
    np.testing.assert_array_equal(where[0], [8, 8])
    np.testing.assert_array_equal(where[1], [24, 8])
    np.testing.assert_array_equal(where[-1], [48, 48])
    assert steps.tolist() == [16.0] * 16 + [32.0] * 4


def test_boxes_of_arrays_and_tensors_are_those_of_the_formula() -> None:
    where, steps = points(64, 8)
    numbers = np.random.default_rng(0).normal(size=(2, len(where), 4)).astype(np.float32)
    boxes = decoded(numbers, where, steps)
    row = 17
    left, top, right, bottom = 2 * steps[row] * np.exp(numbers[1, row])
    x, y = where[row]
    np.testing.assert_allclose(boxes[1, row], [x - left, y - top, x + right, y + bottom], rtol=1e-5)
    tensors = decoded(*(torch.from_numpy(each) for each in (numbers, where, steps)))
    np.testing.assert_allclose(tensors.numpy(), boxes, rtol=1e-5, atol=1e-4)
    assert np.isfinite(decoded(numbers * 1e9, where, steps)).all()


def test_unknown_names_and_steps_are_refused() -> None:
    with pytest.raises(UnknownName, match="backbone"):
        build_detector(backbone="resnet", classes=1, channels=3)
    with pytest.raises(SettingError, match="8 px, not 16"):
        build_detector(backbone="tf_efficientnet_lite0", classes=1, channels=3, finest=16)
