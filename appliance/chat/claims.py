"""What of a sentence can be compared with another: its words, numbers and what they count, quotations, names, and whether it denies."""

import re
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Final

from appliance.chat.denying import denied_first, denied_near, denies
from appliance.chat.quantities import SPELT, bounds_in, counts_in, numbers_in, spelt_out
from appliance.kernel.words import terms

_QUOTED: Final = re.compile(r"[“„»\"]([^“”„«»\"]{2,400})[”“«\"]")
_WORD: Final = re.compile(r"[^\W_][\w'’-]*")
_ORNAMENT: Final = re.compile(r"[*`#>]|(?<!\w)_|_(?!\w)|^\s*(?:[-•]|\d{1,2}[.)])\s+")
_PARTS: Final = re.compile(r"[;,]\s+|\s(?:and|or|but|und|oder|aber|sowie|while|whereas|während)\s")
_START, _SHARE = 4, 0.6
_MOST_FOREIGN: Final = 2
_ADDRESS: Final = re.compile(r"@|://|^www\.|\w\.(?:[a-z]{2,}|[A-Z]{2,})\b")
_AROUND: Final = "()<>[]{}.,;:!?*\"'“”„«»"
_SPEAKING: Final = (
    "according based passage passages document documents provided information states stated says mentioned "
    "laut gemäß Passage Passagen Dokument Dokumente Dokumenten Angabe Angaben Information Informationen steht"
)
"""Words by which an answer speaks of its sources."""


@dataclass(frozen=True)
class Part:
    """A part of a claim that could stand alone."""

    words: frozenset[str]
    numbers: frozenset[str]
    counts: tuple[tuple[str, str], ...]
    """Its numbers, each with the word that it counts."""
    bounds: frozenset[tuple[str, frozenset[str]]]
    """Its numbers, each with what bounds it (`bounds_in`)."""

    def share_in(self, said: AbstractSet[str]) -> float:
        """Return which share of its words is among these; 1 of none."""
        return share(self.words, said)

    def counts_are_in(self, near: Mapping[str, AbstractSet[str]]) -> bool:
        """Say whether each of its numbers counts there what it counts here; `near` are the words around a number."""
        return all(is_among(unit, near.get(number, frozenset())) for number, unit in self.counts)


@dataclass(frozen=True)
class Claim(Part):
    """A sentence that claims something."""

    text: str
    language: str
    quotes: tuple[str, ...]
    names: tuple[str, ...]
    parts: tuple[Part, ...]
    clauses: tuple[tuple[str, ...], ...] = ()
    """Its words in their order, clause by clause."""
    addresses: tuple[str, ...] = ()

    @property
    def order(self) -> list[str]:
        """Its words and numbers in their order, as terms."""
        return terms(spelt_out(self.text), self.language)

    def quotes_are_in(self, said: str) -> bool:
        """Say whether a text has all of its quotations and addresses, sign for sign."""
        plain = _plain(said)
        return all(_plain(one) in plain for one in (*self.quotes, *self.addresses))

    def keeps_to(self, known: AbstractSet[str]) -> bool:
        """Say whether no three of its words in a row are foreign to what is known."""
        foreign = 0
        for word in (word for clause in self.clauses for word in clause):
            foreign = 0 if is_among(word, known) else foreign + 1
            if foreign > _MOST_FOREIGN:
                return False
        return True

    def names_are_among(self, said: Collection[str]) -> bool:
        """Say whether all that it names is among these words."""
        known = frozenset(said)
        return all(is_among(word, known) for name in self.names for word in words_of(name, self.language))

    def denies_as(self, said: str) -> bool:
        """Say whether this and the other text deny the same, or neither denies anything."""
        if not (denies(self.text) and denies(said)):
            return denies(self.text) == denies(said)
        near = denied_near(said, self.language)
        return all(is_among(one, near) for one in denied_first(self.text, self.language))


def claim_of(sentence: str, language: str) -> Claim:
    """Return what a sentence claims, whatever ornaments a model gave it."""
    text = " ".join(_ORNAMENT.sub("", sentence).split())
    whole = _part(text, language)
    quotes = tuple(one[1].strip(" .,") for one in _QUOTED.finditer(text))
    parts = tuple(_part(one, language) for one in parts_of(text)) if len(whole.numbers) > 1 else (whole,)
    clauses = tuple(tuple(_worded(one, language)) for one in _PARTS.split(text))
    return Claim(whole.words, whole.numbers, whole.counts, whole.bounds, text, language, quotes, tuple(_names(spelt_out(text))), parts, clauses, tuple(_addresses(text)))


def parts_of(text: str) -> list[str]:
    """Return the parts of a sentence that could stand alone."""
    return [one for one in _PARTS.split(text) if one.strip()]


@cache
def speaking_of(language: str) -> frozenset[str]:
    """Return the words by which answers in a language speak of what they rest on."""
    return words_of(_SPEAKING, language)


def words_of(text: str, language: str) -> frozenset[str]:
    """Return the words of a text that can be compared; signs of percents and currencies are words."""
    return frozenset(terms(spelt_out(text), language))


def _part(text: str, language: str) -> Part:
    numbers = numbers_in(text)
    return Part(frozenset(_worded(text, language)), numbers, tuple(counts_in(text, language)), bounds_in(text))


def _worded(text: str, language: str) -> Iterator[str]:
    return (word for word in terms(spelt_out(text), language) if not word[0].isdigit() and word not in SPELT)


def _addresses(text: str) -> Iterator[str]:
    """Yield what somebody may write to, or open."""
    return (one for word in text.split() if _ADDRESS.search(one := word.strip(_AROUND)))


def _names(text: str) -> Iterator[str]:
    """Yield words that begin large, but for the first, which does in any sentence."""
    for place, word in enumerate(_WORD.findall(text)):
        is_sign = any(sign.isupper() for sign in word[1:]) or any(sign.isdigit() for sign in word)
        if (word[0].isupper() and place) or (is_sign and not word[0].isdigit()):
            yield word


def share(words: Collection[str], said: AbstractSet[str]) -> float:
    """Return which share of words is among these; 1 of none."""
    return sum(is_among(word, said) for word in words) / len(words) if words else 1.0


def is_among(word: str, said: AbstractSet[str]) -> bool:
    """Say whether a word is among these, or one that begins alike."""
    return word in said or any(begin_alike(word, other) for other in said)


def begin_alike(one: str, other: str) -> bool:
    """Say whether one is most of the other: what an inflection, or a compound, leaves of a word."""
    alike = max(_START, round(_SHARE * max(len(one), len(other))))
    return len(one) >= alike and one[:alike] == other[:alike]


def _plain(text: str) -> str:
    return " ".join(text.casefold().translate(_ALIKE).split())


_ALIKE: Final = {ord("’"): "'", ord("‘"): "'", ord("–"): "-", ord("—"): "-", ord("\u00a0"): " ", ord("\u202f"): " "}
