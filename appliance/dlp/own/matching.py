"""Looks for an organisation's own lists in a text. Linear in it: a window of words is bounded, and so is what an expression reads.

Terms of all dictionaries are looked up together, by the first word of each; exact values by the digests of windows that may
be one; expressions in one pass of an RE2 set, as the rules of the house are.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from appliance.dlp.look import Detectors, Found, Rule
from appliance.dlp.own.values import Dictionary, ExactList, ListKind, Lists, rule_of
from appliance.dlp.own.words import Word, canonical, digest, words_of
from appliance.dlp.shadow import Shadow
from appliance.dlp.values import Category

MOST_WORDS: Final = 24
FURTHEST: Final = 3
"""How many signs may stand between two words of a value."""
_TERM, _EXPRESSION, _VALUE = 0.9, 0.9, 0.99
_MEMORY: Final = 32 << 20
_LONGEST_WORD: Final = 512
_Terms = dict[tuple[str, ...], tuple[str, Category]]


class Matcher:
    """All lists of an organisation, ready to look. Immutable once made, so that threads may share it."""

    def __init__(self, lists: Lists) -> None:
        self._terms = _by_first_word(lists.dictionaries)
        self._exact = _grouped(lists.exact)
        rules = [
            Rule(rule_of(ListKind.PATTERN, one.name), one.category, one.expression, lambda _: _EXPRESSION) for one in lists.patterns
        ]
        self._patterns = Detectors(rules, memory=_MEMORY, longest_word=_LONGEST_WORD) if rules else None

    def find(self, shadow: Shadow) -> Iterator[Found]:
        """Return what is found, in bytes of the shadow."""
        if self._patterns:
            yield from (one for one in self._patterns.find(shadow) if one.start < one.end)
        if self._terms or self._exact:
            text = shadow.raw.decode("utf-8", "replace")
            words = words_of(text)
            yield from in_bytes(text, [*self._said(words), *(one for each in self._exact for one in _held(words, *each))])

    def _said(self, words: Sequence[Word]) -> Iterator[Found]:
        """Return the longest term that begins with each word."""
        for at, first in enumerate(words):
            for length, terms in self._terms.get(first.word, ()):
                window = words[at : at + length]
                told = terms.get(tuple(one.word for one in window))
                if told and _are_together(window):
                    yield Found(told[1], told[0], first.start, window[-1].end, _TERM)
                    break


def _by_first_word(dictionaries: Iterable[Dictionary]) -> dict[str, list[tuple[int, _Terms]]]:
    """Return for each word the terms that begin with it, by how many words they have, the longest first."""
    found: defaultdict[str, defaultdict[int, _Terms]] = defaultdict(lambda: defaultdict(dict))
    for one in dictionaries:
        told = rule_of(ListKind.DICTIONARY, one.name), one.category
        for term in one.terms:
            if words := tuple(word.word for word in words_of(Shadow(term).raw.decode())):
                found[words[0]][len(words)][words] = told
    return {first: sorted(by_length.items(), reverse=True) for first, by_length in found.items()}


def _are_together(window: Sequence[Word]) -> bool:
    return all(after.start - before.end <= FURTHEST for before, after in pairwise(window))


def _grouped(lists: Iterable[ExactList]) -> list[tuple[tuple[ExactList, ...], frozenset[bytes]]]:
    """Return lists with all their digests, by the key of their digests: a window is digested once for all of one key, and not for each list."""
    found: defaultdict[bytes, list[ExactList]] = defaultdict(list)
    for one in lists:
        found[one.key].append(one)
    return [(tuple(each), frozenset[bytes]().union(*(one.digests for one in each))) for each in found.values()]


def _held(words: Sequence[Word], lists: Sequence[ExactList], digests: frozenset[bytes]) -> Iterator[Found]:
    """Return the windows of words that are a value of one of these lists of one key: of each list, from each word the longest."""
    key = lists[0].key
    most_words, longest = max(one.most_words for one in lists), max(one.longest for one in lists)
    shortest, have_digits = min(one.shortest for one in lists), all(one.have_digits for one in lists)
    done = [0] * len(lists)
    for at, first in enumerate(words):
        value, end, found = "", first.start, dict[int, int]()
        for word in words[at : at + most_words]:
            value += word.word
            if len(value) > longest or (end > first.start and word.start - end > FURTHEST):
                break
            end = word.end
            if len(value) < shortest or (have_digits and not any(map(str.isdigit, value))):
                continue
            if (told := digest(key, value)) in digests:
                found |= {number: end for number, one in enumerate(lists) if told in one.digests and first.start >= done[number]}
        for number, last in found.items():
            done[number] = last
            yield Found(lists[number].category, rule_of(ListKind.EXACT, lists[number].name), first.start, last, _VALUE)


def digest_of(key: bytes, seen: str) -> bytes:
    """Return the digest of a value as it looks in a text."""
    return digest(key, canonical([one.word for one in words_of(seen)]))


def in_bytes(text: str, found: Iterable[Found]) -> Iterator[Found]:
    """Return findings in characters of a text with their offsets in its bytes, in one walk."""
    if text.isascii():
        yield from found
        return
    at = characters = 0
    for one in sorted(found, key=lambda one: one.start):
        at += len(text[characters : one.start].encode())
        characters = one.start
        yield Found(one.category, one.rule, at, at + len(text[one.start : one.end].encode()), one.confidence)
