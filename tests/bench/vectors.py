"""Embeds each text once, and keeps its vector in build/: a bench that is run again measures, and does not embed again."""

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appliance.providers.base import Embedder, Purpose, Vectors


class Remembering:
    """An Embedder over another one, with a file of what is known. The model's digest is part of the key."""

    def __init__(self, inner: Embedder, file: Path, *, model: str) -> None:
        self.name, self.dimension, self._inner, self._model = inner.name, inner.dimension, inner, model
        file.parent.mkdir(exist_ok=True)
        self._file = sqlite3.connect(file, check_same_thread=False)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL)")

    def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Vectors:
        keys = [hashlib.sha256(f"{self._model}\0{purpose}\0{text}".encode()).hexdigest() for text in texts]
        known = {key: vector for key in dict.fromkeys(keys) if (vector := self._find(key)) is not None}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if new:
            vectors = self._inner.embed(list(new.values()), purpose=purpose)
            known |= dict(zip(new, vectors, strict=True))
            rows = [(key, known[key].tobytes()) for key in new]
            with self._file:
                self._file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        return np.stack([known[key] for key in keys])

    def ping(self) -> None:
        self._inner.ping()

    def _find(self, key: str) -> Vectors | None:
        row = self._file.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return np.frombuffer(row[0], np.float32) if row else None
