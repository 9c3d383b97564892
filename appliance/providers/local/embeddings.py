"""Embeddings on this host: a built model of the catalogue, int8, on ONNX Runtime."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.kernel.computing import Aside, here, native_lock
from appliance.providers.base import Purpose, Vectors
from appliance.providers.errors import ModelMissing
from appliance.providers.local.catalogue import DEFAULT, Recipe

if TYPE_CHECKING:
    from tokenizers import Encoding

MANIFEST = "MANIFEST.json"
_BATCH, _BATCH_TOKENS = 16, 2048


class LocalEmbedder:
    """Loads on first use, then serves any thread."""

    def __init__(self, directory: Path, recipe: Recipe = DEFAULT, *, threads: int = 2, aside: Aside = here) -> None:
        self.name, self.dimension = recipe.name, recipe.dimension
        self._recipe = recipe
        self._directory = directory
        self._threads, self._aside = threads, aside
        self._lock = native_lock()
        self._loaded: _Loaded | None = None

    def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Vectors:
        """Return (len(texts), dimension) float32, each row of length 1. Raises ModelMissing."""
        model = self._aside(self._load)
        import numpy as np  # the runtime loaded it beside whoever waits

        before = self._recipe.prefixes[purpose]
        encoded = self._aside(
            lambda: model.tokenizer.encode_batch([f"{before}{text}".translate(model.table) for text in texts])
        )
        result = np.empty((len(texts), self.dimension), np.float32)
        for places in _batches(
            encoded
        ):  # a batch at a time, so that a question's turn comes between those of a long list
            result[places] = self._aside(partial(model.run, [encoded[place] for place in places]))
        return result

    def ping(self) -> None:
        """Raise ModelMissing unless the files are there."""
        if not all((self._directory / name).is_file() for name in ("model.onnx", MANIFEST)):
            raise ModelMissing(model=self.name)

    def _load(self) -> "_Loaded":
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    # 135 MB, about a tenth of a second: an altered model could steer every answer.
                    if not is_intact(self._directory):
                        raise ModelMissing(model=self.name)
                    self._loaded = _Loaded(self._directory, self._recipe.tokens, self._threads)
        return self._loaded


def is_intact(directory: Path) -> bool:
    """Say whether every file of a built model has the digest that its manifest gives it."""
    try:
        digests = json.loads((directory / MANIFEST).read_text())["sha256"]
        return "model.onnx" in digests and all(digest(directory / name) == value for name, value in digests.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Loaded:
    """The session, the tokenizer and the normalisation table."""

    def __init__(self, directory: Path, tokens: int, threads: int) -> None:
        from tokenizers import Tokenizer  # with the runtime eleven megabytes, for nothing where no text is embedded

        from appliance.providers.local.runtime import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads take the core from the web server beside them (measured: 17 against 22 chunks a CPU second).
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps the largest batch's memory for ever.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        model = str(directory / "model.onnx")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.tokenizer.enable_truncation(tokens)
        self.tokenizer.no_padding()
        table = json.loads((directory / "normalisation.json").read_text())
        self.table = {int(point): replacement for point, replacement in table.items()}

    def run(self, batch: "Sequence[Encoding]") -> Vectors:
        """Return the vectors of one padded batch."""
        import numpy as np

        length = max(len(encoding.ids) for encoding in batch)
        ids = np.zeros((len(batch), length), np.int64)
        mask = np.zeros((len(batch), length), np.int64)
        for row, encoding in enumerate(batch):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        output = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return np.asarray(output, np.float32)


def _batches(encoded: "Sequence[Encoding]") -> Iterator[list[int]]:
    # Texts of like length together: padding is computed as if it were text. Fewer of the long ones: attention takes
    # memory with the square of the length.
    batch: list[int] = []
    for place in sorted(range(len(encoded)), key=lambda place: len(encoded[place].ids)):
        if batch and (len(batch) == _BATCH or (len(batch) + 1) * len(encoded[place].ids) > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
