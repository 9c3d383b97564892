"""Writes ONNX files, without the `onnx` package. Only while building.

ONNX is protobuf; of its schema (onnx.proto, ONNX IR 8) these few messages are enough to say one graph. Nothing in
here depends on the host, so the same weights give the same bytes everywhere and the result can be pinned by digest.
"""

import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_IR_VERSION = 8
_OPSET = 20
_FLOAT, _INT8, _INT64 = 1, 3, 7  # TensorProto.DataType
_TYPES = {"f4": _FLOAT, "i1": _INT8, "i8": _INT64}
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # protobuf's wire types
_LOW_7_BITS = 0x7F

FLOAT, INT64 = _FLOAT, _INT64


def node(operation: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: float | Sequence[int]) -> bytes:
    """Return a NodeProto; attributes are int, float or several ints."""
    return b"".join(
        [
            *(_text(1, name) for name in inputs),
            *(_text(2, name) for name in outputs),
            _text(4, operation),
            *(_bytes(5, _attribute(name, value)) for name, value in attributes.items()),
        ]
    )


def signal(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    """Return a ValueInfoProto: an input or output; a word in the shape is a size that varies."""
    sizes = b"".join(_bytes(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def tensor(name: str, value: NDArray[Any]) -> bytes:
    """Return a TensorProto; the value is float32, int8 or int64."""
    plain = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<"), copy=False)
    sizes = b"".join(_number(1, size) for size in value.shape)
    return sizes + _number(2, _TYPES[plain.dtype.str[1:]]) + _text(8, name) + _bytes(9, plain.tobytes())


def write(
    sink: BinaryIO, nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]
) -> None:
    """Write a ModelProto with one graph."""
    parts = [(1, part) for part in nodes] + [(2, b"encoder")] + [(5, part) for part in tensors]
    parts += [(11, part) for part in inputs] + [(12, part) for part in outputs]
    heads = [_head(number, len(part)) for number, part in parts]
    sink.write(_number(1, _IR_VERSION) + _bytes(8, _number(2, _OPSET)))
    # The graph is not joined in memory: its weights are most of the file.
    sink.write(_head(7, sum(len(head) + len(part) for head, (_, part) in zip(heads, parts, strict=True))))
    for head, (_, part) in zip(heads, parts, strict=True):
        sink.write(head)
        sink.write(part)


def _attribute(name: str, value: float | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, 2)
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | _FIXED32) + struct.pack("<f", value) + _number(20, 1)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value % (1 << 64))


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _head(field, len(value)) + value


def _head(field: int, size: int) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(size)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > _LOW_7_BITS:
        encoded.append(value & _LOW_7_BITS | 0x80)
        value >>= 7
    return bytes(encoded) + bytes([value])
