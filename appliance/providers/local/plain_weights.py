"""Reads a BERT's weights from a safetensors file: eight bytes of length, a JSON directory, plain numbers.

Used only while a model is built.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.providers.local.onnx_graph import Shape

Array = NDArray[Any]
_LENGTH_BYTES = 8
_EMBEDDINGS = {
    "word": "word_embeddings.weight",
    "position": "position_embeddings.weight",
    "segment": "token_type_embeddings.weight",
    "norm.scale": "LayerNorm.weight",
    "norm.shift": "LayerNorm.bias",
}
_LINEARS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_out": "attention.output.dense",
    "inner": "intermediate.dense",
    "outer": "output.dense",
}
_NORMS = {"attention_norm": "attention.output.LayerNorm", "outer_norm": "output.LayerNorm"}


class Plain:
    """The weights in memory, with the sizes that the model's config.json gives."""

    def __init__(self, content: bytes, config: bytes) -> None:
        end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
        self._directory = json.loads(content[_LENGTH_BYTES:end])
        self._content, self._start = content, end
        sizes = json.loads(config)
        self.shape = Shape(
            sizes["hidden_size"], sizes["num_hidden_layers"], sizes["num_attention_heads"], sizes["layer_norm_eps"]
        )

    def weights(self) -> dict[str, Array]:
        """Return every tensor as float32, under the names that `onnx_graph` uses."""
        named = {f"embeddings.{ours}": self._tensor(f"embeddings.{theirs}") for ours, theirs in _EMBEDDINGS.items()}
        for layer in range(self.shape.layers):
            prefix = f"encoder.layer.{layer}."
            for ours, theirs in _LINEARS.items():
                for part in ("weight", "bias"):
                    named[f"{prefix}{ours}.{part}"] = self._tensor(f"{prefix}{theirs}.{part}")
            for ours, theirs in _NORMS.items():
                named[f"{prefix}{ours}.scale"] = self._tensor(f"{prefix}{theirs}.weight")
                named[f"{prefix}{ours}.shift"] = self._tensor(f"{prefix}{theirs}.bias")
        return named

    def _tensor(self, name: str) -> Array:
        entry = self._directory[name]
        if entry["dtype"] != "F32":
            raise ValueError(f"{name} is not float32")
        start, end = (self._start + offset for offset in entry["data_offsets"])
        return np.frombuffer(self._content[start:end], "<f4").reshape(entry["shape"])
