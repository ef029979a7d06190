"""The network as an ONNX model, written node by node.

torch's own exporter needs 15 to 25 s for this network, most of the time that training a head takes; the network being a short list of
convolutions, writing it out takes a fraction of a second. Batch norm is folded into the convolution before it. Every graph is compared with
torch before it is kept (`imagine_kernels.inference.agreement.check_graph`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.models.network import MEAN, POOLING_POWER, SCALE, SMALLEST, STAGES, weights_of

#: Version of the ONNX operators.
OPSET = 18
#: Largest activation of the backbone, which uses ReLU6 throughout.
_CEILING = 6.0
_HEAD = ("shift", "scale", "head.weight", "head.bias")


def export_onnx(network: Any, *, size: int, morphometry: int) -> bytes:
    """The network as an ONNX model with a free number of pictures.

    Inputs ``pixels`` (n, 1, size, size) uint8 and, where there are any, ``morphometry`` (n, m) float32; outputs ``logits`` (n, k) and
    ``features`` (n, d), float32.

    Parameters
    ----------
    network : torch module
        As from `imagine_kernels.models.network.build_network`.
    size : int
        Side of the pictures in px.
    morphometry : int
        m.
    """
    from onnx import TensorProto, checker, helper

    graph = _Graph()
    weights = weights_of(network)
    backbone = network.backbone
    x = graph.add("Cast", "pixels", to=TensorProto.FLOAT)
    x = graph.add("Sub", graph.constant("white", np.float32(255.0 - MEAN)), x)
    x = graph.add("Div", x, graph.constant("contrast", np.float32(SCALE)))
    x, side = graph.convolution(x, "backbone.conv_stem", backbone.conv_stem, backbone.bn1, size)
    pooled = []
    for i, stage in enumerate(backbone.blocks):
        for j, block in enumerate(stage):
            x, side = _block(graph, x, f"backbone.blocks.{i}.{j}", block, side)
        if i in STAGES:
            pooled.append(graph.average(x))
    x, side = graph.convolution(x, "backbone.conv_head", backbone.conv_head, backbone.bn2, side)
    x = graph.add("Max", x, graph.constant("smallest", np.float32(SMALLEST)))
    x = graph.average(graph.add("Pow", x, graph.constant("power", np.float32(POOLING_POWER))))
    x = graph.add("Pow", x, graph.constant("root", np.float32(1 / POOLING_POWER)))
    x = graph.add("Concat", x, *reversed(pooled), axis=1, output="features")
    if morphometry:
        x = graph.add("Concat", x, "morphometry", axis=1)
    shift, scale, weight, bias = (graph.constant(name, weights[name]) for name in _HEAD)
    x = graph.add("Mul", graph.add("Sub", x, shift), scale)
    graph.add("Gemm", x, weight, bias, transB=1, output="logits")

    inputs = [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", 1, size, size])]
    if morphometry:
        inputs.append(helper.make_tensor_value_info("morphometry", TensorProto.FLOAT, ["n", morphometry]))
    classes, width = weights["head.weight"].shape
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width - morphometry]),
    ]
    made = helper.make_graph(graph.nodes, "vignettes", inputs, outputs, graph.tensors)
    # The oldest layout that holds these operators: runtimes of some years ago read it too.
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="imagine_kernels")
    checker.check_model(model)
    return bytes(model.SerializeToString())


def with_head(graph: bytes, network: Any) -> bytes:
    """A graph with the head that `network` has now; its backbone stays."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(graph)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = weights_of(network)
    for name in _HEAD:
        tensors[name].CopyFrom(numpy_helper.from_array(weights[name], name))
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and tensors as they are added."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def constant(self, name: str, value: NDArray[Any] | np.float32) -> str:
        from onnx import numpy_helper

        self.tensors.append(
            numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.asarray(value).dtype).reshape(np.shape(value)), name)
        )
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def average(self, x: str) -> str:
        """Mean over rows and columns: (n, c, h, w) to (n, c)."""
        return self.add("Flatten", self.add("GlobalAveragePool", x), axis=1)

    def convolution(self, x: str, name: str, convolution: Any, norm: Any, side: int, *, active: bool = True) -> tuple[str, int]:
        """A convolution with its batch norm folded in, and ReLU6 where `active`; gives the output and its side in px."""
        kernel = convolution.weight.detach().cpu().double().numpy()
        gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().cpu().double().numpy()
        offset = norm.bias.detach().cpu().double().numpy() - norm.running_mean.detach().cpu().double().numpy() * gain
        stride, reach = convolution.stride[0], convolution.kernel_size[0]
        after = -(-side // stride)
        # TensorFlow's "same" padding: what cannot be shared out evenly goes to the right and below.
        total = max((after - 1) * stride + reach - side, 0)
        x = self.add(
            "Conv",
            x,
            self.constant(f"{name}.weight", (kernel * gain[:, None, None, None]).astype(np.float32)),
            self.constant(f"{name}.bias", offset.astype(np.float32)),
            kernel_shape=[reach, reach],
            strides=[stride, stride],
            pads=[total // 2, total // 2, total - total // 2, total - total // 2],
            group=convolution.groups,
        )
        if active:
            low, high = (self.constant(f"{name}.{end}", np.float32(value)) for end, value in (("low", 0.0), ("high", _CEILING)))
            x = self.add("Clip", x, low, high)
        return x, after


def _block(graph: _Graph, x: str, name: str, block: Any, side: int) -> tuple[str, int]:
    """One block of the backbone; the last convolution of each has no activation."""
    given = x
    last = "conv_pwl" if hasattr(block, "conv_pwl") else "conv_pw"
    order = ["conv_pw", "conv_dw", "conv_pwl"] if last == "conv_pwl" else ["conv_dw", "conv_pw"]
    for i, part in enumerate(order, start=1):
        x, side = graph.convolution(
            x, f"{name}.{part}", getattr(block, part), getattr(block, f"bn{i}"), side, active=part != last
        )
    return (graph.add("Add", x, given) if block.has_skip else x), side
