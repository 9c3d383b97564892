"""Passages that say the same: a policy in three folders must not fill an answer's six places.

Two are twins if nearly all their runs of three words are the same, and every number: "28 days" and "30 days" in two
versions of one sentence are a contradiction that an answer has to show, not a repetition.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from appliance.knowledge.values import Passage

_RUN = 3
_ALIKE = 0.9
_WORD = re.compile(r"\w+")


def joined(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the passages without those that repeat a better one, which keeps them as its twins."""
    kept: list[Passage] = []
    for passage in passages:
        place = next((place for place, better in enumerate(kept) if are_twins(better.body, passage.body)), None)
        if place is None:
            kept.append(passage)
        else:
            kept[place] = replace(kept[place], twins=(*kept[place].twins, passage))
    return tuple(kept)


def are_twins(one: str, other: str) -> bool:
    """Say whether two texts say the same."""
    words, others = _WORD.findall(one.casefold()), _WORD.findall(other.casefold())
    if words == others:
        return True
    if _numbers(words) != _numbers(others):
        return False
    runs, further = _runs(words), _runs(others)
    return len(runs & further) >= _ALIKE * len(runs | further) > 0


def _numbers(words: Sequence[str]) -> list[str]:
    return sorted(word for word in words if any(sign.isdigit() for sign in word))


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)}
