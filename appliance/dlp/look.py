"""One candidate in its surroundings, and the rules that weigh it.

A rule is a pattern (RE2, so linear in whatever it is given) and a judge, who sees the candidate with what stands around
it and says how likely it is to be what it looks like. RE2 knows no looking around: what must not stand beside a
candidate, the judge asks for.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2

from appliance.dlp.shadow import Shadow, plain
from appliance.dlp.values import Category

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 << 20
_WORD: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
NO: Final = 0.0


def pattern(expression: str) -> Any:
    """Return the compiled RE2 expression. It reads UTF-8."""
    return re2.compile(expression, _OPTIONS)


class Cues:
    """Words that speak for, or against, a candidate near them. Compared as they look, in small letters."""

    def __init__(self, words: str) -> None:
        folded = "".join(map(plain, words))
        # Between words, letters of the same word must not stand; digits may: "tel0170".
        self._pattern = pattern(rf"(?:^|[^a-z\x80-\x{{10FFFF}}])(?:{folded})(?:$|[^a-z\x80-\x{{10FFFF}}])")

    def last(self, before: bytes) -> int:
        """Return how far from the end of `before` the nearest one ends; -1 for none."""
        nearest = -1
        at = 0
        while (found := self._pattern.search(before, at)) is not None:
            nearest, at = found.end(), max(found.end() - 1, found.start() + 1)
        return -1 if nearest < 0 else max(len(before) - nearest, 0)

    def within(self, *pieces: bytes) -> bool:
        """Say whether one stands in any of these."""
        return any(self._pattern.search(piece) is not None for piece in pieces)


class Look:
    """A candidate: bytes start to end of a shadow."""

    __slots__ = ("end", "match", "shadow", "start")

    def __init__(self, shadow: Shadow, match: Any, start: int, end: int) -> None:
        self.shadow, self.match, self.start, self.end = shadow, match, start, end

    @property
    def value(self) -> str:
        """What was found, as it looks."""
        return self.shadow.raw[self.start : self.end].decode("utf-8", "replace")

    @property
    def digits(self) -> str:
        """Its digits."""
        return _NOT_DIGITS.sub("", self.value)

    def before(self, most: int) -> bytes:
        """Return what stands before it, in small letters."""
        return self.shadow.lower[max(0, self.start - most) : self.start]

    def after(self, most: int) -> bytes:
        """Return what stands behind it, in small letters."""
        return self.shadow.lower[self.end : self.end + most]

    def has_around(self, cues: Cues, before: int = 48, after: int = 24) -> bool:
        """Say whether one of these words stands near."""
        return cues.within(self.before(before), self.after(after))

    def stands_alone(self, also_before: bytes = b"", also_after: bytes = b"") -> bool:
        """Say whether no letter, digit or other sign of these stands directly beside it."""
        raw = self.shadow.raw
        left = raw[self.start - 1 : self.start] if self.start else b""
        right = raw[self.end : self.end + 1]
        if (left and left in also_before) or (right and right in also_after):
            return False
        return not (
            _is_word(left, raw[max(0, self.start - 4) : self.start], -1) or _is_word(right, raw[self.end : self.end + 4], 0)
        )

    def goes_on(self, expression: "re.Pattern[bytes]") -> bool:
        """Say whether what follows begins so."""
        return expression.match(self.shadow.raw, self.end, self.end + 16) is not None

    def comes_after(self, expression: "re.Pattern[bytes]") -> bool:
        """Say whether what stands before ends so."""
        return expression.search(self.shadow.raw[max(0, self.start - 16) : self.start]) is not None

    def shrunk(self, start: int, end: int) -> "Look":
        """Return the part of it from start to end, in bytes of the shadow."""
        return Look(self.shadow, self.match, start, end)


Judge = Callable[[Look], "float | Judged | None"]
"""Returns how likely it is, or that and the part that it is of; None and 0 are no."""


@dataclass(frozen=True)
class Judged:
    """A judgement on a part of a candidate, or as another category."""

    confidence: float
    start: int
    end: int
    category: Category | None = None
    rule: str = ""


@dataclass(frozen=True)
class Rule:
    """A named rule: what to look for, and how likely each candidate is."""

    name: str
    category: Category
    expression: str
    judge: Judge
    group: int = 0


@dataclass(frozen=True)
class Found:
    """A finding in bytes of the shadow."""

    category: Category
    rule: str
    start: int
    end: int
    confidence: float
    through: str = ""


class Detector:
    """A rule that is ready to look. Immutable, so that threads may share it."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._pattern = pattern(rule.expression)

    def find(self, shadow: Shadow, start: int, end: int, reach: int) -> Iterator[Found]:
        """Return what the rule finds that begins from start to end, and ends before `reach`, in order. Linear in these."""
        group, rule = self.rule.group, self.rule
        for match in self._pattern.finditer(shadow.raw, start, reach):
            if match.start() >= end:
                return
            first, last = match.span(group)
            judged = rule.judge(Look(shadow, match, first, last))
            if isinstance(judged, Judged):
                category, name = judged.category or rule.category, judged.rule or rule.name
                yield Found(category, name, judged.start, judged.end, judged.confidence)
            elif judged:
                yield Found(rule.category, rule.name, first, last, judged)


class Detectors:
    """Rules that are looked for together: one pass says which of them match at all, and only those look closer.

    Thread-safe. The pass may run out of its memory, and then says nothing of any rule: one that always matches shows that.
    """

    def __init__(self, rules: Iterable[Rule], *, memory: int = 256 << 20, longest_word: int = 65_536) -> None:
        """A block of a text ends between words, unless one is longer than this: then anywhere."""
        self._all, self._longest_word = tuple(map(Detector, rules)), longest_word
        options = re2.Options()
        options.log_errors, options.max_mem = False, memory
        self._set = re2.Set.SearchSet(options)
        for one in self._all:
            self._set.Add(one.rule.expression)
        self._sentinel = self._set.Add("")
        self._set.Compile()

    def find(self, shadow: Shadow) -> Iterator[Found]:
        """Return what all rules find. Linear in the text."""
        for start, end, reach in blocks(shadow.raw, self._longest_word):
            for one in self._called(shadow.raw[start:reach]):
                yield from one.find(shadow, start, end, reach)

    def _called(self, block: bytes) -> Sequence[Detector]:
        called = self._set.Match(block)
        return (
            [self._all[place] for place in called if place != self._sentinel] if self._sentinel in called else self._all
        )


def blocks(raw: bytes, longest_word: int) -> Iterator[tuple[int, int, int]]:
    """Return where each block of a text begins and ends, and how far beyond its end what begins in it may reach.

    Blocks end between words; where there is none for long, anywhere, and then the reach is as long.
    """
    start, length = 0, len(raw)
    while start < length:
        end = _between_words(raw, start + _BLOCK, longest_word)
        yield start, end, _between_words(raw, end + _REACH, longest_word)
        start = end


def _between_words(raw: bytes, place: int, longest_word: int) -> int:
    if place >= len(raw):
        return len(raw)
    found = _SPACE.search(raw, place, place + longest_word)
    return found.end() if found else min(place + longest_word, len(raw))


_SPACE: Final = re.compile(rb"\s")
_BLOCK: Final = 4_096
_REACH: Final = 1_024


_NOT_DIGITS: Final = re.compile(r"[^0-9]")


def _is_word(sign: bytes, near: bytes, place: int) -> bool:
    if not sign or sign[0] < 0x80:  # noqa: PLR2004 - the first byte beyond ASCII
        return bool(sign) and sign[0] in _WORD
    letter = near.decode("utf-8", "ignore")[place:][:1]
    # From here on in Unicode are scripts that put no space between a word and a number: 卡号4111.
    return letter.isalnum() and letter < "\u2e80"
