"""What of a sentence can be compared with another: its words, numbers and what they count, quotations, names, and whether it denies."""

import re
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Final

from appliance.kernel.words import terms

_NUMBER: Final = re.compile(r"\d+(?:[.,:/'’\u00a0\u202f-]?\d+)*")
_GROUPED: Final = re.compile(r"\d{1,3}(?:([.,'’\u00a0\u202f])\d{3})(?:\1\d{3})*")
_TOKEN: Final = re.compile(rf"{_NUMBER.pattern}|[^\W\d_]+")
_CURRENCIES: Final = frozenset({"eur", "usd", "gbp"})
_NEAR: Final = 3
"""So many words behind a number may say what it counts: 30 paid vacation days."""
_QUOTED: Final = re.compile(r"[“„»\"]([^“”„«»\"]{2,400})[”“«\"]")
_WORD: Final = re.compile(r"[^\W_][\w'’-]*")
_ORNAMENT: Final = re.compile(r"[*`#>]|(?<!\w)_|_(?!\w)|^\s*(?:[-•]|\d{1,2}[.)])\s+")
_PARTS: Final = re.compile(r"[;,]\s+|\s(?:and|or|but|und|oder|aber|sowie|while|whereas|während)\s")
_DENIALS: Final = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|cannot|without|\w+n['’]t|nicht|nie|niemals|nichts|niemand|ohne|weder"
    r"|kein(?:e[mnrs]?)?)\b",
    re.IGNORECASE,
)
_SIGNS: Final = {"%": "percent", "prozent": "percent", "€": "eur", "euro": "eur", "euros": "eur", "$": "usd", "£": "gbp"}
_SIGN: Final = re.compile(r"[%€$£]|\b(?:prozent|euros?)\b", re.IGNORECASE)
_SPELT: Final = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
    "zwei": "2", "drei": "3", "vier": "4", "fünf": "5", "sechs": "6", "sieben": "7", "acht": "8", "neun": "9", "zehn": "10", "elf": "11", "zwölf": "12",
    "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100", "thousand": "1000",
    "fünfzehn": "15", "zwanzig": "20", "dreißig": "30", "vierzig": "40", "fünfzig": "50", "sechzig": "60", "neunzig": "90", "hundert": "100", "tausend": "1000",
}  # fmt: skip
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

    def share_in(self, said: AbstractSet[str]) -> float:
        """Return which share of its words is among these; 1 of none."""
        return share(self.words, said)

    def counts_are_in(self, near: Mapping[str, AbstractSet[str]]) -> bool:
        """Say whether each of its numbers counts there what it counts here; `near` are the words around a number."""
        return all(_is_among(unit, near.get(number, frozenset())) for number, unit in self.counts)


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

    def quotes_are_in(self, said: str) -> bool:
        """Say whether a text has all of its quotations and addresses, sign for sign."""
        plain = _plain(said)
        return all(_plain(one) in plain for one in (*self.quotes, *self.addresses))

    def keeps_to(self, known: AbstractSet[str]) -> bool:
        """Say whether no three of its words in a row are foreign to what is known."""
        foreign = 0
        for word in (word for clause in self.clauses for word in clause):
            foreign = 0 if _is_among(word, known) else foreign + 1
            if foreign > _MOST_FOREIGN:
                return False
        return True

    def names_are_among(self, said: Collection[str]) -> bool:
        """Say whether all that it names is among these words."""
        known = frozenset(said)
        return all(_is_among(word, known) for name in self.names for word in words_of(name, self.language))

    def denies_as(self, said: str) -> bool:
        """Say whether it denies and the other does, too, or neither."""
        return bool(_DENIALS.search(self.text)) == bool(_DENIALS.search(said))


def claim_of(sentence: str, language: str) -> Claim:
    """Return what a sentence claims, whatever ornaments a model gave it."""
    text = " ".join(_ORNAMENT.sub("", sentence).split())
    whole = _part(text, language)
    quotes = tuple(one[1].strip(" .,") for one in _QUOTED.finditer(text))
    parts = tuple(_part(one, language) for one in _PARTS.split(text) if one.strip()) if len(whole.numbers) > 1 else (whole,)
    clauses = tuple(tuple(_worded(one, language)) for one in _PARTS.split(text))
    return Claim(whole.words, whole.numbers, whole.counts, text, language, quotes, tuple(_names(text)), parts, clauses, tuple(_addresses(text)))


@cache
def speaking_of(language: str) -> frozenset[str]:
    """Return the words by which answers in a language speak of what they rest on."""
    return words_of(_SPEAKING, language)


def numbers_in(text: str) -> frozenset[str]:
    """Return the numbers of a text in one form each, those written out too."""
    spelt = (_SPELT.get(word.casefold()) for word in _WORD.findall(text))
    return frozenset([*(_canonical(one[0]) for one in _NUMBER.finditer(text)), *filter(None, spelt)])


def words_of(text: str, language: str) -> frozenset[str]:
    """Return the words of a text that can be compared; signs of percents and currencies are words."""
    return frozenset(terms(_spelt_out(text), language))


def _spelt_out(text: str) -> str:
    return _SIGN.sub(lambda one: f" {_SIGNS[one[0].casefold()]} ", text)


def _part(text: str, language: str) -> Part:
    numbers = numbers_in(text)
    return Part(frozenset(_worded(text, language)), numbers, tuple(_counts(text, language)))


def _worded(text: str, language: str) -> Iterator[str]:
    return (word for word in terms(_spelt_out(text), language) if not word[0].isdigit() and word not in _SPELT)


def near_numbers(text: str, language: str) -> dict[str, frozenset[str]]:
    """Return for each number of a text the words around it that may say what it counts."""
    tokens = _tokens(text)
    found: dict[str, frozenset[str]] = {}
    for place, (number, _) in enumerate(tokens):
        if number:
            around = tokens[max(0, place - 1) : place] + tokens[place + 1 : place + 1 + _NEAR]
            words = terms(" ".join(word for _, word in around), language)
            found[number] = found.get(number, frozenset()) | frozenset(words)
    return found


def _counts(text: str, language: str) -> Iterator[tuple[str, str]]:
    tokens = _tokens(text)
    for place, (number, _) in enumerate(tokens):
        if number:
            before, after = tokens[place - 1][1] if place else "", tokens[place + 1][1] if place + 1 < len(tokens) else ""
            for word in terms(before if before in _CURRENCIES else after, language):
                if not word[0].isdigit():
                    yield number, word


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return the words of a text, each with the number that it is, if it is one."""
    words = _TOKEN.findall(_spelt_out(text))
    return [(_canonical(one) if one[0].isdigit() else _SPELT.get(one.casefold(), ""), one) for one in words]


def _addresses(text: str) -> Iterator[str]:
    """Yield what somebody may write to, or open."""
    return (one for word in text.split() if _ADDRESS.search(one := word.strip(_AROUND)))


def _names(text: str) -> Iterator[str]:
    """Yield words that begin large, but for the first, which does in any sentence."""
    for place, word in enumerate(_WORD.findall(text)):
        is_sign = any(sign.isupper() for sign in word[1:]) or any(sign.isdigit() for sign in word)
        if (word[0].isupper() and place) or (is_sign and not word[0].isdigit()):
            yield word


def _canonical(number: str) -> str:
    return re.sub(r"\D", "", number) if _GROUPED.fullmatch(number) else re.sub(r"[’\u00a0\u202f]", "'", number).lstrip("0") or "0"


def share(words: Collection[str], said: AbstractSet[str]) -> float:
    """Return which share of words is among these; 1 of none."""
    return sum(_is_among(word, said) for word in words) / len(words) if words else 1.0


def _is_among(word: str, said: AbstractSet[str]) -> bool:
    return word in said or any(_begin_alike(word, other) for other in said)


def _begin_alike(one: str, other: str) -> bool:
    """Say whether one is most of the other: what an inflection, or a compound, leaves of a word."""
    alike = max(_START, round(_SHARE * max(len(one), len(other))))
    return len(one) >= alike and one[:alike] == other[:alike]


def _plain(text: str) -> str:
    return " ".join(text.casefold().translate(_ALIKE).split())


_ALIKE: Final = {ord("’"): "'", ord("‘"): "'", ord("–"): "-", ord("—"): "-", ord("\u00a0"): " ", ord("\u202f"): " "}
