"""How deep an organisation's policy has texts looked into, and the looking: the floor alone, all rules, or the model of names as well.

What is deeper is loaded when a policy in force asks for it, and stays: a process whose organisations have no policy holds none of it.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import Final
from uuid import UUID

from appliance import dlp
from appliance.dlp import BY_MODEL, FLOOR, Action, Category, Direction, Finding, OwnRules, Policy, PolicyRule
from appliance.dlp.values import LIKELY
from appliance.gateway.reading import ReadFile, unread
from appliance.kernel.computing import Aside

_APART: Final = "\n" * 60
"""Between texts that are looked at together: further apart than the words that speak for, or against, a candidate."""
_LONG: Final = 16_384
_SHORTEST_WORDS: Final = 3


class Depth(IntEnum):
    """How deep a text is looked into."""

    NOT = 0
    FLOOR = 1
    RULES = 2
    NAMES = 3


@dataclass(frozen=True)
class Need:
    """What a policy asks of the looking: how deep, and from which confidence on."""

    depth: Depth = Depth.NOT
    least: float = LIKELY

    def covers(self, other: "Need") -> bool:
        """Say whether whoever looked so has seen what the other would."""
        return self.depth >= other.depth and self.least <= other.least


def need_of(policy: Policy, direction: Direction, groups: Collection[UUID]) -> Need:
    """Return how texts on this way have to be looked at. Where nothing was ever said, nothing more than always."""
    if not policy.version:
        return Need()
    asking = [one for one in policy.rules if _asks(one, direction, groups)]
    depth = max((_depth_of(one) for one in asking), default=Depth.FLOOR)
    return Need(depth, min([LIKELY, *(one.least for one in asking)]) if depth > Depth.FLOOR else LIKELY)


def _asks(rule: PolicyRule, direction: Direction, groups: Collection[UUID]) -> bool:
    is_there = not rule.directions or direction in rule.directions
    return rule.action is not Action.ALLOW and is_there and (not rule.groups or not rule.groups.isdisjoint(groups))


def _depth_of(rule: PolicyRule) -> Depth:
    if rule.meant & BY_MODEL:
        return Depth.NAMES
    return Depth.RULES if rule.meant - FLOOR - {Category.UNREADABLE} else Depth.FLOOR


class Inspector:
    """Looks. Shared by all threads; what it looks with is built when it is first asked for."""

    def __init__(self, scanner: Callable[[], dlp.Engine], aside: Aside, read_file: ReadFile = unread) -> None:
        self._scanner, self.aside, self.read_file = scanner, aside, read_file
        self._rules: dlp.Engine | None = None
        self._ready: set[Depth] = {Depth.NOT, Depth.FLOOR}
        self._turn = threading.Lock()

    def prepare(self, need: Need) -> None:
        """Load what it takes, once for all who ask meanwhile. Raises ModelMissing, so that nothing is sent that nobody could look at.

        Not for work aside: it waits for who loads already.
        """
        if need.depth in self._ready:
            return
        with self._turn:
            if need.depth not in self._ready:
                self.aside(lambda: self.find("x", need, dlp.NOTHING))
                self._ready.add(need.depth)

    def find(self, text: str, need: Need, own: OwnRules, whose: bytes = b"") -> list[Finding]:
        """Return what is found in a text. Computes. Raises ModelMissing."""
        if need.depth is Depth.NOT:
            return []
        if need.depth is Depth.FLOOR:
            return dlp.stopped(text)
        engine = self._scanner() if need.depth is Depth.NAMES else self._without_names()
        return engine.inspect(text, least=need.least, own=own, whose=whose)

    def find_all(self, texts: Sequence[str], need: Need, own: OwnRules, whose: bytes = b"") -> list[list[Finding]]:
        """Return what is found in each of many texts. Raises ModelMissing.

        They are looked at together: one by one, most of the time would go into beginning. Names are looked for in what may be a sentence.
        `whose` stands for whoever sends them: of a history that they sent within the hour the names are known.
        """
        self.prepare(need)
        if need.depth is Depth.NAMES or sum(map(len, texts)) > _LONG:
            return self.aside(lambda: self._found_in_all(texts, need, own, whose))
        return self._found_in_all(texts, need, own, whose)

    def _found_in_all(self, texts: Sequence[str], need: Need, own: OwnRules, whose: bytes) -> list[list[Finding]]:
        if need.depth < Depth.NAMES:
            return self._found_together(texts, range(len(texts)), need, own, whose)
        worded = [place for place, text in enumerate(texts) if _may_name(text)]
        others = sorted({*range(len(texts))}.difference(worded))
        found = self._found_together(texts, worded, need, own, whose)
        further = self._found_together(texts, others, Need(Depth.RULES, need.least), own, whose)
        return [one or other for one, other in zip(found, further, strict=True)]

    def _found_together(
        self, texts: Sequence[str], places: Sequence[int], need: Need, own: OwnRules, whose: bytes
    ) -> list[list[Finding]]:
        found: list[list[Finding]] = [[] for _ in texts]
        if not places:
            return found
        begins = [0, *accumulate(len(texts[place]) + len(_APART) for place in places)]
        for one in self.find(_APART.join(texts[place] for place in places), need, own, whose):
            number = bisect_right(begins, one.start) - 1
            while number < len(places) and begins[number] < one.end:  # what goes on into another text is found in both
                begin, text = begins[number], texts[places[number]]
                if text and one.start - begin < len(text):
                    found[places[number]].append(_moved(one, -begin, len(text)))
                number += 1
        return found

    def _without_names(self) -> dlp.Engine:
        if self._rules is None:
            self._rules = self._scanner().without_names()
        return self._rules


def _may_name(text: str) -> bool:
    """Say whether a text may hold a name: what a program calls its members, and numbers, are not asked the model about."""
    return any(sign.isspace() for sign in text.strip()) or (text[:1].isupper() and len(text) >= _SHORTEST_WORDS)


def _moved(one: Finding, by: int, most: int) -> Finding:
    return Finding(one.category, one.rule, max(one.start + by, 0), min(one.end + by, most), one.confidence, one.through)
