"""Passages that say the same: a policy in three folders must not fill an answer's six places.

Two are twins if nearly all their runs of three words are the same, and every number: "28 days" and "30 days" in two
versions of one sentence are a contradiction that an answer has to show, not a repetition.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from appliance.knowledge.values import Passage

_RUN = 3
_ALIKE = 0.9
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class _Print:
    """What two texts are compared by."""

    words: tuple[str, ...]
    numbers: tuple[str, ...]
    runs: frozenset[tuple[str, ...]]


def joined(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the passages without those that repeat a better one, which keeps them as its twins."""
    kept: list[Passage] = []
    prints: list[_Print] = []
    for passage in passages:
        its = _print(passage.body)
        place = next((place for place, better in enumerate(prints) if _say_the_same(better, its)), None)
        if place is None:
            kept.append(passage)
            prints.append(its)
        else:
            kept[place] = replace(kept[place], twins=(*kept[place].twins, passage))
    return tuple(kept)


def are_twins(one: str, other: str) -> bool:
    """Say whether two texts say the same."""
    return _say_the_same(_print(one), _print(other))


def _say_the_same(one: _Print, other: _Print) -> bool:
    if one.words == other.words:
        return True
    fewer, more = sorted((len(one.runs), len(other.runs)))
    if fewer < _ALIKE * more or not fewer or one.numbers != other.numbers:
        return False
    shared = len(one.runs & other.runs)
    return shared >= _ALIKE * (fewer + more - shared)


def _print(text: str) -> _Print:
    words = tuple(_WORD.findall(text.casefold()))
    numbers = tuple(sorted(word for word in words if any(sign.isdigit() for sign in word)))
    return _Print(words, numbers, frozenset(words[start : start + _RUN] for start in range(len(words) - _RUN + 1)))
