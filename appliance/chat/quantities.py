"""Numbers of a text: in one form each, with their sign and scale, what they count, and whether they are a bound."""

import re
from collections.abc import Iterator
from typing import Final

from appliance.chat.turning import turns_of
from appliance.kernel.words import terms

_NUMBER: Final = re.compile(r"\d+(?:[.,:/'’\u00a0\u202f-]?\d+)*")
_GROUPED: Final = re.compile(r"\d{1,3}(?:([.,'’\u00a0\u202f])\d{3})(?:\1\d{3})*")
_TOKEN: Final = re.compile(rf"{_NUMBER.pattern}|[^\W\d_]+")
_CURRENCIES: Final = frozenset({"eur", "usd", "gbp"})
_NEAR: Final = 3
"""Up to so many words behind a number may say what it counts ("30 paid vacation days"), and before it that it is a bound ("no more than 30")."""
_WORD: Final = re.compile(r"[^\W_][\w'’-]*")
_SIGNS: Final = {"%": "percent", "prozent": "percent", "€": "eur", "euro": "eur", "euros": "eur", "$": "usd", "£": "gbp"}
_SIGN: Final = re.compile(r"[%€$£]|\b(?:prozent|euros?)\b", re.IGNORECASE)
SPELT: Final = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
    "zwei": "2", "drei": "3", "vier": "4", "fünf": "5", "sechs": "6", "sieben": "7", "acht": "8", "neun": "9", "zehn": "10", "elf": "11", "zwölf": "12",
    "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100", "thousand": "1000",
    "fünfzehn": "15", "zwanzig": "20", "dreißig": "30", "vierzig": "40", "fünfzig": "50", "sechzig": "60", "neunzig": "90", "hundert": "100", "tausend": "1000",
}  # fmt: skip
_SCALES: Final = {
    "hundred": 2, "hundert": 2, "thousand": 3, "tausend": 3, "million": 6, "millions": 6, "millionen": 6, "mio": 6, "billion": 9, "billions": 9,
    "milliarde": 9, "milliarden": 9, "mrd": 9, "trillion": 12, "trillions": 12, "billionen": 12,
}  # fmt: skip
"""How many noughts such a word adds to the number before it."""
_SCALED: Final = re.compile(
    rf"(?<![\w.,])({_NUMBER.pattern}|{'|'.join(SPELT)})[\s\u00a0\u202f-]({'|'.join(sorted(_SCALES, key=len, reverse=True))})\b\.?", re.IGNORECASE
)
_MINUS: Final = re.compile(r"(?:(?<=\s)|(?<=\()|^)[-−–](?=\d)")
_BOUNDING: Final = frozenset({"above", "below", "minus"})
_OR: Final = frozenset({"or", "oder"})


def spelt_out(text: str) -> str:
    """Return a text with the signs %, €, $, £ and minus as words, and numbers as digits alone: "€5 million" as "eur 5000000"."""
    scaled = _SCALED.sub(_with_noughts, _MINUS.sub("minus ", text))
    plain = _NUMBER.sub(lambda one: _canonical(one[0]) if _GROUPED.fullmatch(one[0]) else one[0], scaled)
    return _SIGN.sub(lambda one: f" {_SIGNS[one[0].casefold()]} ", plain)


def numbers_in(text: str) -> frozenset[str]:
    """Return the numbers of a text in one form each, those written out too."""
    text = spelt_out(text)
    spelt = (SPELT.get(word.casefold()) for word in _WORD.findall(text))
    return frozenset([*(_canonical(one[0]) for one in _NUMBER.finditer(text)), *filter(None, spelt)])


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


def counts_in(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield each number of a text with the word that it counts."""
    tokens = _tokens(text)
    for place, (number, _) in enumerate(tokens):
        if number:
            before, after = tokens[place - 1][1] if place else "", tokens[place + 1][1] if place + 1 < len(tokens) else ""
            for word in terms(before if before in _CURRENCIES else after, language):
                if not word[0].isdigit():
                    yield number, word


def bounds_in(text: str) -> frozenset[tuple[str, frozenset[str]]]:
    """Return the numbers of a text, each with what bounds it: "above" (at least), "below" (at most), "minus", or nothing."""
    tokens = _tokens(text)
    words = [word for _, word in tokens]
    found, since = set[tuple[str, frozenset[str]]](), 0
    for place, (number, _) in enumerate(tokens):
        if number:
            before = words[max(since, place - _NEAR) : place]
            after = words[place + 1 : place + 2 + _NEAR]
            either = next((after[at : at + 2] for at, one in enumerate(after) if one.casefold() in _OR), [])
            found.add((number, (turns_of(" ".join(before)) | turns_of(" ".join(either))) & _BOUNDING))
            since = place + 1  # what stands before this number is none of the next one's
    return frozenset(found)


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return the words of a text, each with the number that it is, if it is one."""
    words = _TOKEN.findall(spelt_out(text))
    return [(_canonical(one) if one[0].isdigit() else SPELT.get(one.casefold(), ""), one) for one in words]


def _with_noughts(found: re.Match[str]) -> str:
    number, noughts = SPELT.get(found[1].casefold()) or _canonical(found[1]), _SCALES[found[2].casefold()]
    whole, _, part = number.replace(",", ".").partition(".")
    if not (whole + part).isdigit() or len(part) > noughts:
        return found[0]
    return (whole + part.ljust(noughts, "0")).lstrip("0") or "0"


def _canonical(number: str) -> str:
    return re.sub(r"\D", "", number) if _GROUPED.fullmatch(number) else re.sub(r"[’\u00a0\u202f]", "'", number).lstrip("0") or "0"
