"""Reads the weights of a BERT token classifier out of an ONNX file, without the `onnx` package. Only while building.

Matrices are stored as MatMulNBits of ONNX Runtime keeps them: blocks of 32 weights along the input, a float32 scale each,
two 4-bit values a byte, the lower first, around 8. Embeddings are uint8 or int8 with one scale (QuantizeLinear).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.providers.local.onnx_graph import Shape

Array = NDArray[Any]
_TYPES: Mapping[int, str] = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}  # TensorProto.DataType
_GRAPH, _NODE, _TENSOR = 7, 1, 5  # ModelProto.graph, GraphProto.node and .initializer
_MIDDLE, _LOW_HALF, _LOW_7_BITS = 8, 0x0F, 0x7F
_FIXED = {5: 4, 1: 8}  # protobuf's wire types of a fixed size
_LINEARS = {
    "query": "attention/self/query", "key": "attention/self/key", "value": "attention/self/value",
    "attention_out": "attention/output/dense", "inner": "intermediate/dense", "outer": "output/dense",
}  # fmt: skip


@dataclass(frozen=True)
class _Node:
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class PackedClassifier:
    """The model in memory: `labels` in the order of its outputs."""

    def __init__(self, content: bytes, config: bytes) -> None:
        told = json.loads(config)
        self.shape = Shape(
            told["hidden_size"], told["num_hidden_layers"], told["num_attention_heads"], told["layer_norm_eps"]
        )
        self.labels = tuple(told["id2label"][str(number)] for number in range(len(told["id2label"])))
        graph = next(value for field, value in _fields(memoryview(content)) if field == _GRAPH)
        parts = list(_fields(graph))
        self._tensors = dict(_tensor(part) for field, part in parts if field == _TENSOR)
        self._products = {
            node.outputs[0]: node.inputs
            for node in (_node(part) for field, part in parts if field == _NODE)
            if node.operation == "MatMulNBits"
        }

    def weights(self) -> dict[str, Array]:
        """Return every tensor as float32, under the names that `onnx_graph` uses."""
        named = {
            "embeddings.word": self._embedding("word"),
            "embeddings.position": self._embedding("position"),
            "embeddings.segment": self._embedding("token_type"),
            "embeddings.norm.scale": self._tensors["bert.embeddings.LayerNorm.weight"],
            "embeddings.norm.shift": self._tensors["bert.embeddings.LayerNorm.bias"],
            "classifier.weight": self._matrix("/classifier/MatMul_output_0"),
            "classifier.bias": self._tensors["classifier.bias"],
        }
        for layer in range(self.shape.layers):
            ours, theirs, path = (
                f"encoder.layer.{layer}.",
                f"bert.encoder.layer.{layer}.",
                f"/bert/encoder/layer.{layer}/",
            )
            for name, place in _LINEARS.items():
                named[f"{ours}{name}.weight"] = self._matrix(f"{path}{place}/MatMul_output_0")
                named[f"{ours}{name}.bias"] = self._tensors[f"{theirs}{place.replace('/', '.')}.bias"]
            for name, place in (("attention_norm", "attention.output"), ("outer_norm", "output")):
                named[f"{ours}{name}.scale"] = self._tensors[f"{theirs}{place}.LayerNorm.weight"]
                named[f"{ours}{name}.shift"] = self._tensors[f"{theirs}{place}.LayerNorm.bias"]
        return named

    def _embedding(self, name: str) -> Array:
        stem = f"bert.embeddings.{name}_embeddings.weight_"
        values, zero = self._tensors[stem + "quantized"].astype(np.float32), self._tensors[stem + "zero_point"]
        return np.asarray((values - zero.astype(np.float32)) * self._tensors[stem + "scale"], np.float32)

    def _matrix(self, product: str) -> Array:
        _activations, packed, scales = self._products[product]
        halves = self._tensors[packed]
        rows = halves.shape[0]
        values = np.stack([halves & _LOW_HALF, halves >> 4], axis=-1).reshape(rows, halves.shape[1], -1)
        wide = (values.astype(np.float32) - _MIDDLE) * self._tensors[scales].reshape(rows, -1, 1)
        return np.asarray(wide.reshape(rows, -1), np.float32)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size, at = (_FIXED[kind], at) if kind in _FIXED else _varint(message, at)
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & _LOW_7_BITS) << shift, shift + 7, at + 1
        if byte <= _LOW_7_BITS:
            return value, at


def _tensor(message: memoryview) -> tuple[str, Array]:
    sizes, kind, name, raw, few = list[int](), 0, "", memoryview(b""), list[float]()
    for field, value in _fields(message):
        if field == 1:
            sizes.append(value)
        elif field == 2:  # noqa: PLR2004 - TensorProto.data_type
            kind = value
        elif field == 4:  # noqa: PLR2004 - TensorProto.float_data
            few += np.frombuffer(value, "<f4").tolist()
        elif field == 5:  # noqa: PLR2004 - TensorProto.int32_data
            few += [value] if isinstance(value, int) else list(value)  # small numbers, one byte each
        elif field == 8:  # noqa: PLR2004 - TensorProto.name
            name = bytes(value).decode()
        elif field == 9:  # noqa: PLR2004 - TensorProto.raw_data
            raw = value
    plain = np.asarray(few, _TYPES[kind]) if few else np.frombuffer(raw, _TYPES[kind])
    return name, plain.reshape(sizes)


def _node(message: memoryview) -> _Node:
    told: dict[int, list[str]] = {1: [], 2: [], 4: []}
    for field, value in _fields(message):
        if field in told:
            told[field].append(bytes(value).decode())
    return _Node(told[4][0] if told[4] else "", tuple(told[1]), tuple(told[2]))
