"""Writes a BERT-style encoder as an int8 ONNX graph. Only while building.

Inputs input_ids and attention_mask, int64 (batch, length). Of a sentence encoder the output is sentence_embedding, float32
(batch, hidden): the mean over the tokens, of length 1 (Reimers and Gurevych 2019, mean pooling). Of a token classifier it is
logits, float32 (batch, length, labels).

Weights are symmetric int8, one scale an output channel (Jacob et al. 2018); activations are quantised as they come
(DynamicQuantizeLinear), in the arrangement that ONNX Runtime fuses into one operation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.providers.local import onnx_file

Array = NDArray[Any]
# Half of int8's range: a processor without VNNI adds pairs of products in 16 bits, and 2 · 255 · 64 still fits. So
# every processor gives the same vectors; measured cost against the full range: .0005 of cosine to float32.
_TOP = np.float32(64)
_SLICE = 4096


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
        self._nodes: list[bytes] = []
        self._tensors: dict[str, bytes] = {}

    def write(self, path: Path) -> None:
        """Build the encoder and save it."""
        self._encode()
        sizes = ["batch", "length"]
        inputs = [onnx_file.signal(name, onnx_file.INT64, sizes) for name in ("input_ids", "attention_mask")]
        with path.open("wb") as sink:
            onnx_file.write(sink, self._nodes, list(self._tensors.values()), inputs, [self._output()])

    def _output(self) -> bytes:
        return onnx_file.signal("sentence_embedding", onnx_file.FLOAT, ["batch", self._shape.hidden])

    def _encode(self) -> None:
        mask = self._add("Cast", "attention_mask", to=onnx_file.FLOAT)
        x = self._embeddings()
        wide = self._add("Unsqueeze", mask, self._ints("axes_1_2", 1, 2))
        hidden = self._add("Sub", self._floats("one", 1.0), wide)
        bias = self._add("Mul", hidden, self._floats("far_below", -10000.0))
        for layer in range(self._shape.layers):
            x = self._layer(x, bias, f"encoder.layer.{layer}.")
        self._finish(x, mask)

    def _embeddings(self) -> str:
        prefix = "embeddings."
        table, scales = quantised(self._weights[prefix + "word"])
        words = self._add("Gather", self._constant("words", table), "input_ids")
        scale = self._add("Gather", self._constant("words.scale", scales[:, np.newaxis]), "input_ids")
        wide = self._add("Mul", self._add("Cast", words, to=onnx_file.FLOAT), scale)
        # The segment is always 0, so its row is folded into the table of positions.
        positions = self._weights[prefix + "position"] + self._weights[prefix + "segment"][0]
        length = self._add("Slice", self._add("Shape", "input_ids"), self._ints("i1", 1), self._ints("i2", 2))
        places = self._add(
            "Slice", self._constant("positions", positions), self._ints("i0", 0), length, self._ints("axis_0", 0)
        )
        return self._norm(self._add("Add", wide, places), prefix + "norm")

    def _layer(self, x: str, bias: str, prefix: str) -> str:
        attended = self._attention(x, bias, prefix)
        mixed = self._linear(self._rounded(attended), prefix + "attention_out")
        x = self._norm(self._add("Add", mixed, x), prefix + "attention_norm")
        inner = self._add("Gelu", self._linear(self._rounded(x), prefix + "inner"))
        outer = self._linear(self._rounded(inner), prefix + "outer")
        return self._norm(self._add("Add", outer, x), prefix + "outer_norm")

    def _attention(self, x: str, bias: str, prefix: str) -> str:
        head = self._shape.hidden // self._shape.heads
        split = self._ints("split_heads", 0, 0, self._shape.heads, head)
        rounded = self._rounded(x)
        query, key, value = (
            self._add("Transpose", self._add("Reshape", self._linear(rounded, prefix + name), split), perm=order)
            for name, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        scores = self._add("Div", self._add("MatMul", query, key), self._floats("root", float(np.sqrt(head))))
        share = self._add("Softmax", self._add("Add", scores, bias), axis=-1)
        mixed = self._add("Transpose", self._add("MatMul", share, value), perm=[0, 2, 1, 3])
        return self._add("Reshape", mixed, self._ints("join_heads", 0, 0, self._shape.hidden))

    def _finish(self, x: str, mask: str) -> None:
        weights = self._add("Unsqueeze", mask, self._ints("axis_2", 2))
        axis = self._ints("i1", 1)
        total = self._add("ReduceSum", self._add("Mul", x, weights), axis, keepdims=0)
        mean = self._add("Div", total, self._add("ReduceSum", weights, axis, keepdims=0))
        self._nodes.append(onnx_file.node("LpNormalization", [mean], ["sentence_embedding"], axis=-1, p=2))

    def _norm(self, x: str, name: str) -> str:
        scale = self._constant(name + ".scale", self._weights[name + ".scale"])
        shift = self._constant(name + ".shift", self._weights[name + ".shift"])
        return self._add("LayerNormalization", x, scale, shift, axis=-1, epsilon=self._shape.epsilon)

    def _rounded(self, x: str) -> tuple[str, str, str]:
        # uint8 values, their scale, their zero point.
        stem = f"t{len(self._nodes)}"
        names = (f"{stem}.values", f"{stem}.scale", f"{stem}.zero")
        self._nodes.append(onnx_file.node("DynamicQuantizeLinear", [x], names))
        return names

    def _linear(self, x: tuple[str, str, str], name: str) -> str:
        return self._add("Add", self._product(x, name), self._constant(name + ".bias", self._weights[name + ".bias"]))

    def _product(self, x: tuple[str, str, str], name: str) -> str:
        values, scale, zero = x
        weight, scales = quantised(self._weights[name + ".weight"])
        product = self._add(
            "MatMulInteger",
            values,
            self._constant(name + ".weight", weight.T),
            zero,
            self._constant(f"zero.{len(scales)}", np.zeros(len(scales), np.int8)),
        )
        unit = self._add("Mul", scale, self._constant(name + ".scale", scales))
        return self._add("Mul", self._add("Cast", product, to=onnx_file.FLOAT), unit)

    def _add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self._nodes)}"
        self._nodes.append(onnx_file.node(operation, inputs, [name], **attributes))
        return name

    def _floats(self, name: str, value: float) -> str:
        return self._constant(name, np.asarray(value, np.float32))

    def _ints(self, name: str, *values: int) -> str:
        return self._constant(name, np.asarray(values, np.int64))

    def _constant(self, name: str, value: Array) -> str:
        if name not in self._tensors:
            self._tensors[name] = onnx_file.tensor(name, value)
        return name


class ClassifierGraph(Graph):
    """The same encoder, with a label for each token instead of a mean."""

    def _finish(self, x: str, mask: str) -> None:
        del mask
        bias = self._constant("classifier.bias", self._weights["classifier.bias"])
        self._nodes.append(onnx_file.node("Add", [self._product(self._rounded(x), "classifier"), bias], ["logits"]))

    def _output(self) -> bytes:
        return onnx_file.signal("logits", onnx_file.FLOAT, ["batch", "length", len(self._weights["classifier.bias"])])


def quantised(matrix: Array) -> tuple[Array, Array]:
    """Return int8 values and the float32 scale of each row, which multiplied give the matrix back."""
    values, scales = np.empty(matrix.shape, np.int8), np.empty(len(matrix), np.float32)
    for start in range(0, len(matrix), _SLICE):
        rows = matrix[start : start + _SLICE]
        scale = np.abs(rows).max(axis=1) / _TOP
        scale[scale == 0] = 1
        values[start : start + _SLICE] = np.rint(rows / scale[:, np.newaxis])
        scales[start : start + _SLICE] = scale
    return values, scales
