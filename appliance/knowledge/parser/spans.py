"""From pdfium's characters to clean text, without losing where each of them stands.

Text is cleaned (composed, folded, without controls), so that an offset in it is no index of pdfium's any more. Most
lines are clean as they are and have one span; in the others each run of unchanged characters has one.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from .blocks import Span, clean

HYPHENS = ("\u0002", "\ufffe", "\u00ad")


def placed(line: str, first: int) -> tuple[str, tuple[Span, ...]]:
    """Return a line's clean text and the spans of its pieces; `first` is the index of its first character."""
    text = clean(line)
    if text == line and HYPHENS[2] not in text:
        return text, ((0, len(text), first, len(text)),) if text else ()
    pieces: list[tuple[str, int, int]] = []  # (clean text, index, count)
    for place, sign in enumerate(line, start=first):
        kept = "" if sign in HYPHENS else clean(f"|{sign}|")[1:-1]
        if unicodedata.combining(sign) and pieces:
            base, index, _ = pieces.pop()
            pieces.append((unicodedata.normalize("NFC", base + sign), index, place + 1 - index))
        elif kept and not (kept == " " and (not pieces or pieces[-1][0] == " ")):
            pieces.append((kept, place, 1))
    while pieces and pieces[-1][0] == " ":
        pieces.pop()
    return "".join(piece for piece, _, _ in pieces), tuple(_runs(pieces))


def _runs(pieces: Iterable[tuple[str, int, int]]) -> list[Span]:
    runs: list[Span] = []
    offset = 0
    for text, index, count in pieces:
        if runs and len(text) == count == 1:
            start, length, first, counted = runs[-1]
            if length == counted and first + counted == index:
                runs[-1] = (start, length + 1, first, counted + 1)
                offset += 1
                continue
        runs.append((offset, len(text), index, count))
        offset += len(text)
    return runs


def moved(spans: Sequence[Span], by: int) -> list[Span]:
    """Return the spans of a text that stands so much further behind."""
    return [(offset + by, length, first, count) for offset, length, first, count in spans]


def without_last(spans: list[Span]) -> list[Span]:
    """Return the spans of a text that loses its last character, a hyphen."""
    offset, length, first, count = spans[-1]
    return spans[:-1] if length == 1 else [*spans[:-1], (offset, length - 1, first, count - 1)]
