"""Draw the graphs of EfficientNet-Lite as ONNX files without weights.

    python -m lookalike.encoders.families.graphs.build [FOLDER]

Needs ``onnx`` (the ``dev`` extra). The graphs are kept beside this file so that a user needs only
onnxruntime; a test draws them again and compares. Each initializer is declared as external data and
is filled from memory at load, batch normalisation folded in (see ``lite.py``).

Source of the architecture: EfficientNet-Lite, https://github.com/tensorflow/tpu (Apache-2.0): no
squeeze-and-excite, ReLU6, no depth scaling of stem and head. Padding follows the PyTorch weights: the
TensorFlow "same" padding, which is asymmetric for stride 2 on an even size.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from lookalike.encoders.families.lite import BUNDLED, Block, Lite, LiteNetwork


@dataclass
class _Graph:
    """The nodes and initializers drawn so far."""

    nodes: list[onnx.NodeProto]
    initializers: list[onnx.TensorProto]
    side: int

    def external(self, name: str, shape: tuple[int, ...]) -> str:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="memory")
        self.initializers.append(tensor)
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x: str, name: str, shape: tuple[int, int, int], *, stride: int, group: int) -> str:
        """A convolution with folded batch normalisation. shape: (outputs, inputs a group, kernel)."""
        outputs, inputs, kernel = shape
        weight = self.external(f"{name}.weight", (outputs, inputs, kernel, kernel))
        bias = self.external(f"{name}.bias", (outputs,))
        result = -(-self.side // stride)
        total = max((result - 1) * stride + kernel - self.side, 0)
        before, after = total // 2, total - total // 2
        self.side = result
        return self.node(
            "Conv",
            [x, weight, bias],
            name,
            strides=[stride, stride],
            group=group,
            kernel_shape=[kernel, kernel],
            pads=[before, before, after, after],
        )

    def relu6(self, x: str) -> str:
        return self.node("Clip", [x, "zero", "six"], f"{x}.relu6")


def _stem(graph: _Graph) -> str:
    for name, value in {"zero": 0.0, "six": 6.0, "mean": 127.0, "std": 128.0}.items():
        graph.initializers.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    x = graph.node("Cast", ["images"], "float", to=TensorProto.FLOAT)
    x = graph.node("Sub", [x, "mean"], "centred")
    x = graph.node("Div", [x, "std"], "scaled")
    x = graph.node("Transpose", [x], "channels_first", perm=[0, 3, 1, 2])
    return graph.relu6(graph.conv(x, "stem", (32, 3, 3), stride=2, group=1))


def _block(graph: _Graph, x: str, index: int, block: Block) -> str:
    source, name = x, f"block{index}"
    hidden = block.inputs * block.expand
    if block.expand > 1:
        x = graph.relu6(graph.conv(x, f"{name}.expand", (hidden, block.inputs, 1), stride=1, group=1))
    x = graph.conv(x, f"{name}.depthwise", (hidden, 1, block.kernel), stride=block.stride, group=hidden)
    x = graph.conv(graph.relu6(x), f"{name}.project", (block.outputs, hidden, 1), stride=1, group=1)
    if block.stride == 1 and block.inputs == block.outputs:
        x = graph.node("Add", [x, source], f"{name}.add")
    return x


def _blocks(graph: _Graph, blocks: list[Block]) -> Iterator[str]:
    x = _stem(graph)
    for index, block in enumerate(blocks):
        x = _block(graph, x, index, block)
        yield x


def _pooled(graph: _Graph, x: str) -> str:
    return graph.node("Flatten", [graph.node("GlobalAveragePool", [x], f"{x}.mean")], f"{x}.pooled")


def draw_graph(entry: Lite) -> onnx.ModelProto:
    """The graph of one reading of one network."""
    graph = _Graph([], [], entry.network.side)
    patches = _inner(graph, entry.network) if entry.reading == "inner" else _last(graph, entry.network)
    return _model(graph, entry, patches)


def _inner(graph: _Graph, network: LiteNetwork) -> int:
    """Three blocks: the global mean of each, unit length each, side by side; patches from the first two."""
    inner, blocks = network.inner(), network.blocks()
    outputs = list(_blocks(graph, blocks[: inner[-1] + 1]))
    parts = [graph.node("LpNormalization", [_pooled(graph, outputs[i])], f"part{i}", axis=1, p=2) for i in inner]
    graph.node("Concat", parts, "vectors", axis=1)
    # The map of patch vectors: the two shallower blocks before pooling, both on the finer grid of stride 16. The
    # deepest, on half that grid, finds less and places it worse (docs/regions.md).
    maps = [graph.node("LpNormalization", [outputs[i]], f"map{i}", axis=1, p=2) for i in inner[:2]]
    graph.node("Transpose", [graph.node("Concat", maps, "maps", axis=1)], "patches", perm=[0, 2, 3, 1])
    return sum(blocks[i].outputs for i in inner[:2])


def _last(graph: _Graph, network: LiteNetwork) -> int:
    """The pooled feature before the classifier."""
    *_, x = _blocks(graph, network.blocks())
    head = graph.relu6(graph.conv(x, "head", (1280, network.blocks()[-1].outputs, 1), stride=1, group=1))
    graph.node("Identity", [_pooled(graph, head)], "vectors")
    graph.node("Transpose", [head], "patches", perm=[0, 2, 3, 1])
    return 1280


def _model(graph: _Graph, entry: Lite, patches: int) -> onnx.ModelProto:
    side = entry.network.side
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", side, side, 3])
    outputs = [
        helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", entry.spec.dim]),
        helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", "rows", "columns", patches]),
    ]
    drawn = helper.make_graph(graph.nodes, entry.graph, [images], outputs, graph.initializers)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(drawn, opset_imports=opset, ir_version=8, producer_name="lookalike")


def write_graphs(folder: Path) -> None:
    """Write every graph into ``folder``."""
    for entry in BUNDLED:
        (folder / f"{entry.graph}.onnx").write_bytes(draw_graph(entry).SerializeToString())


if __name__ == "__main__":
    write_graphs(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
