"""Writes a BERT-style sentence encoder as an ONNX graph. Only while building; needs the `onnx` package.

Inputs input_ids and attention_mask, int64 (batch, length); output sentence_embedding, float32
(batch, hidden): the mean over the tokens, of length 1 (Reimers and Gurevych 2019, mean pooling).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder."""

    hidden: int
    layers: int
    heads: int
    epsilon: float


class Graph:
    """Collects nodes and weights; each method adds one operation and returns the name of its output."""

    def __init__(self, weights: Mapping[str, Array], shape: Shape) -> None:
        self._weights, self._shape = weights, shape
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def write(self, path: Path) -> None:
        """Build the encoder and save it."""
        self._encode()
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", self._shape.hidden])
        graph = helper.make_graph(self._nodes, "encoder", inputs, [output], list(self._constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, str(path))

    def _encode(self) -> None:
        mask = self._add("Cast", "attention_mask", to=TensorProto.FLOAT)
        x = self._embeddings()
        wide = self._add("Unsqueeze", mask, self._ints("axes_1_2", 1, 2))
        hidden = self._add("Sub", self._floats("one", 1.0), wide)
        bias = self._add("Mul", hidden, self._floats("far_below", -10000.0))
        for layer in range(self._shape.layers):
            x = self._layer(x, bias, f"encoder.layer.{layer}.")
        self._pool(x, mask)

    def _embeddings(self) -> str:
        prefix = "embeddings."
        words = self._add("Gather", self._constant("words", self._weights[prefix + "word"]), "input_ids")
        # The segment is always 0, so its row is folded into the table of positions.
        table = self._weights[prefix + "position"] + self._weights[prefix + "segment"][0]
        length = self._add("Slice", self._add("Shape", "input_ids"), self._ints("i1", 1), self._ints("i2", 2))
        places = self._add(
            "Slice", self._constant("positions", table), self._ints("i0", 0), length, self._ints("axis_0", 0)
        )
        return self._norm(self._add("Add", words, places), prefix + "norm")

    def _layer(self, x: str, bias: str, prefix: str) -> str:
        attended = self._attention(x, bias, prefix)
        x = self._norm(self._add("Add", self._linear(attended, prefix + "attention_out"), x), prefix + "attention_norm")
        inner = self._gelu(self._linear(x, prefix + "inner"))
        return self._norm(self._add("Add", self._linear(inner, prefix + "outer"), x), prefix + "outer_norm")

    def _attention(self, x: str, bias: str, prefix: str) -> str:
        head = self._shape.hidden // self._shape.heads
        split = self._ints("split_heads", 0, 0, self._shape.heads, head)
        query, key, value = (
            self._add("Transpose", self._add("Reshape", self._linear(x, prefix + name), split), perm=order)
            for name, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        scores = self._add("Div", self._add("MatMul", query, key), self._floats("root", float(np.sqrt(head))))
        share = self._add("Softmax", self._add("Add", scores, bias), axis=-1)
        mixed = self._add("Transpose", self._add("MatMul", share, value), perm=[0, 2, 1, 3])
        return self._add("Reshape", mixed, self._ints("join_heads", 0, 0, self._shape.hidden))

    def _gelu(self, x: str) -> str:
        error = self._add("Erf", self._add("Div", x, self._floats("root_2", float(np.sqrt(2.0)))))
        raised = self._add("Mul", x, self._add("Add", error, self._floats("one", 1.0)))
        return self._add("Mul", raised, self._floats("half", 0.5))

    def _pool(self, x: str, mask: str) -> None:
        weights = self._add("Unsqueeze", mask, self._ints("axis_2", 2))
        axis = self._ints("i1", 1)
        total = self._add("ReduceSum", self._add("Mul", x, weights), axis, keepdims=0)
        mean = self._add("Div", total, self._add("ReduceSum", weights, axis, keepdims=0))
        self._add("LpNormalization", mean, out="sentence_embedding", axis=-1, p=2)

    def _norm(self, x: str, name: str) -> str:
        scale = self._constant(name + ".scale", self._weights[name + ".scale"])
        shift = self._constant(name + ".shift", self._weights[name + ".shift"])
        return self._add("LayerNormalization", x, scale, shift, axis=-1, epsilon=self._shape.epsilon)

    def _linear(self, x: str, name: str) -> str:
        product = self._add("MatMul", x, self._constant(name + ".weight", self._weights[name + ".weight"].T))
        return self._add("Add", product, self._constant(name + ".bias", self._weights[name + ".bias"]))

    def _add(self, operation: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"t{len(self._nodes)}"
        label = f"{operation}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [name], name=label, **attributes))
        return name

    def _floats(self, name: str, value: float) -> str:
        return self._constant(name, np.asarray(value, np.float32))

    def _ints(self, name: str, *values: int) -> str:
        return self._constant(name, np.asarray(values, np.int64))

    def _constant(self, name: str, value: Array) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name
