"""A text as a model of names reads it: of numbers, addresses of programs, keys, hashes and what rules know only how they begin.

In such words are no names, or what rules say of them stands, and a model reads them in pieces of one or two signs: in prompts
that hold records they are more than half of what it would read.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from appliance.dlp.tags import Tag

_KEPT: Final = 4
_LONG: Final = re.compile(r"[A-Za-z0-9+/_.@%:-]{11,}[A-Za-z0-9]")
_PHONE: Final = re.compile(r"\+?\d{1,4}(?:[.-]\d{2,5}){2,4}")
_DIGIT: Final = re.compile(r"[0-9]")
_LIKE_A_WORD: Final = re.compile(r"[A-Za-z]{4}")
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f:.-]+")
_TURNS: Final = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_FEWEST_TURNS, _LONG_KEY = 3, 20


@dataclass(frozen=True)
class _Moved:
    label: str
    start: int
    end: int
    score: float


class Condensed:
    """`text` is what is left; tags of it are moved to where they stand in the whole."""

    def __init__(self, whole: str, known: Iterable[tuple[int, int]] = ()) -> None:
        """Leave out of these stretches, too, all but how they begin."""
        pieces, at, removed = list[str](), 0, 0
        self._places, self._removed = list[int](), [0]
        for start, end in _merged(whole, known):
            cut = max(start, at) + _KEPT
            if cut >= end:
                continue
            pieces.append(whole[at:cut])
            self._places.append(cut - removed)
            at, removed = end, removed + end - cut
            self._removed.append(removed)
        pieces.append(whole[at:])
        self.text = "".join(pieces)

    def moved(self, tags: Iterable[Tag]) -> Iterator[Tag]:
        """Return tags of the text as tags of the whole, but for those of words of which something was left out."""
        for one in tags:
            place = bisect_right(self._places, one.start)
            if place == len(self._places) or self._places[place] - _KEPT >= one.end:
                yield _Moved(one.label, self._whole(one.start), self._whole(one.end), one.score)

    def _whole(self, place: int) -> int:
        return place + self._removed[bisect_right(self._places, place)]


def _merged(whole: str, known: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Return what is known and what is opaque in order, and as one what overlaps."""
    opaque = (match.span() for match in _LONG.finditer(whole) if _is_opaque(match.group()))
    last = (0, 0)
    for start, end in sorted([*known, *opaque]):
        if start >= last[1]:
            yield last
            last = start, end
        else:
            last = last[0], max(last[1], end)
    yield last


def _is_opaque(word: str) -> bool:
    if not _DIGIT.search(word) or _PHONE.fullmatch(word):
        return False
    is_key = len(word) >= _LONG_KEY and len(_TURNS.findall(word)) >= _FEWEST_TURNS
    return is_key or not _LIKE_A_WORD.search(word) or _HEXADECIMAL.fullmatch(word) is not None
