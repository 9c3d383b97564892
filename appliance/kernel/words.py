"""Words and sentences: what counts as a term, the same wherever it is counted.

Used for BM25 over an organisation's chunks and by the built-in answerer.
"""

import re
import threading
import unicodedata
from functools import lru_cache

import Stemmer

_TERM_LIMIT = 64
# Scripts written without spaces: overlapping pairs of signs stand in for words.
_UNSPACED = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+(?:['’][^\W\d_{_UNSPACED}]+)?")
_PAIRED = re.compile(rf"[{_UNSPACED}]")
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "may",
        "must",
        "of",
        "on",
        "or",
        "our",
        "shall",
        "should",
        "that",
        "the",
        "their",
        "them",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "about",
        "into",
        "not",
        "than",
        "then",
        "aber",
        "als",
        "am",
        "an",
        "auch",
        "auf",
        "aus",
        "bei",
        "bin",
        "bis",
        "das",
        "dass",
        "dem",
        "den",
        "der",
        "des",
        "die",
        "doch",
        "du",
        "ein",
        "eine",
        "einem",
        "einen",
        "einer",
        "er",
        "es",
        "für",
        "hat",
        "ich",
        "ihr",
        "im",
        "in",
        "ist",
        "kann",
        "man",
        "mit",
        "nach",
        "nicht",
        "oder",
        "sich",
        "sie",
        "sind",
        "so",
        "und",
        "vom",
        "von",
        "vor",
        "war",
        "was",
        "wenn",
        "wer",
        "werden",
        "wie",
        "wir",
        "wird",
        "wo",
        "zu",
        "zum",
        "zur",
        "über",
    ]
)
_local = threading.local()

_BORDER = re.compile(r"(?<=[.!?؟。！？])[\"'”’)\]]*(?:\s+|(?<=[。！？]))|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs|no|nr|art|fig|sec|approx|bzw|ca|inkl|vgl|dr|mr|mrs|ms|prof|st|inc|ltd|jr|sr)|\b[A-Z]|\b\d{1,2})\.$",
    re.IGNORECASE,
)


def terms(text: str) -> list[str]:
    """Return the index terms of a text in order: normalised (NFKC), case-folded, stemmed, without stop words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[str] = []
    for word in _WORD.findall(folded):
        if _PAIRED.match(word):
            found += [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]
        elif word not in _STOP_WORDS:
            found.append(_stem(word[:_TERM_LIMIT]))
    return found


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans (start, end) of the sentences, in characters, without surrounding white space."""
    spans: list[tuple[int, int]] = []
    start = 0
    for border in _BORDER.finditer(text):
        if "\n" not in border.group() and _ABBREVIATION.search(text, start, border.start()):
            continue
        _add(spans, text, start, border.start() + len(border.group().rstrip()))
        start = border.end()
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        spans.append((start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # A stemmer keeps state between calls: one a thread. Words of other languages come out alike on both
    # sides, since the index and the question are cut in the same way.
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english")
    return str(_local.stemmer.stemWord(word))
