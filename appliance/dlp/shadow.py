"""What a text looks like, sign by sign, and where each sign stands in the text itself.

People and programs hide what they write: full-width digits, signs of no width between the digits of a card, Cyrillic
letters that look Latin. Detectors read the shadow, in which all that is plain; findings are given in the text's own
characters. The shadow is made in linear time, and for a text that hides nothing it is the text.
"""

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

# Letters that look like Latin ones (Unicode Technical Standard 39, confusables): Cyrillic, then Greek.
_LOOK_ALIKES: Final = dict(
    zip(
        "АВЕЅІЈКМНОРСТХаеорсухіјѕԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονıɡ", "ABESIJKMHOPCTXaeopcyxijsdhqwABEZHIKMNOPTYXovig",
        strict=True,
    )
)  # fmt: skip
_PUNCTUATION: Final = {
    "․": ".",
    "‘": "'",
    "’": "'",
    "ʼ": "'",
    "“": '"',
    "”": '"',
    "−": "-",
    "⁄": "/",
    "∶": ":",
    "﹕": ":",
    "。": ".",
    # Letters and signs that are drawn as nothing.
    **dict.fromkeys("\u115f\u1160\u2800\u3164\uffa0", " "),
}
_UNSEEN: Final = {"Cc", "Cf", "Mn", "Me", "Cs"}
# Escape stays: what it begins, a terminal does not show, and `hidden` reads.
_CONTROLS: Final = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_GOES_ON: Final = bytes(range(0x80, 0xC0))


def plain(sign: str) -> str:
    """Return what a sign looks like: none, one or several plain ones."""
    if sign.isascii():
        return "" if _CONTROLS.match(sign) else sign
    kind = unicodedata.category(sign)
    if kind in _UNSEEN:
        return ""
    if kind == "Zs":
        return " "
    if kind in {"Zl", "Zp"}:
        return "\n"
    if kind == "Pd":
        return "-"
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    told = _LOOK_ALIKES.get(sign) or _PUNCTUATION.get(sign)
    if told is not None:
        return told
    folded = unicodedata.normalize("NFKC", sign)
    return sign if folded == sign else "".join(_LOOK_ALIKES.get(one, one) for one in folded)


class Shadow:
    """A text as detectors read it: `raw`, in UTF-8, and `lower`, the same with small Latin letters.

    Offsets of both are in bytes and of equal length.
    """

    def __init__(self, text: str) -> None:
        hides_nothing = text.isascii() and (text.isprintable() or _CONTROLS.search(text) is None)
        told = {} if hides_nothing else {ord(sign): plain(sign) for sign in set(text) if plain(sign) != sign}
        seen = text.translate(told) if told else text
        self._shifts = _shifts(text, told)
        self.length = len(text)
        self.raw = seen.encode("utf-8", "replace")
        self.lower = self.raw.lower()
        self._is_ascii = len(self.raw) == len(seen)
        self._all = dict[re.Pattern[bytes], list[tuple[int, int]]]()

    def all_of(self, expression: "re.Pattern[bytes]") -> list[tuple[int, int]]:
        """Return where the first group of each match of an expression begins and ends, in order. The text is searched once.

        A rule that searched ahead from each of its many matches would take quadratic time.
        """
        if expression not in self._all:
            self._all[expression] = [match.span(1) for match in expression.finditer(self.raw)]
        return self._all[expression]

    def places(self, offsets: Iterable[int]) -> dict[int, int]:
        """Return for offsets in bytes the characters of the original at which they stand. Linear in the text."""
        found, at, characters = dict[int, int](), 0, 0
        for offset in sorted(set(offsets)):
            characters += offset - at if self._is_ascii else _characters(self.raw[at:offset])
            found[offset], at = self._original(characters), offset
        return found

    def _original(self, character: int) -> int:
        seen, origins = self._shifts
        place = bisect_right(seen, character)
        origin = origins[place - 1] + character - seen[place - 1] if place else character
        # What became of one sign stands where that sign stands.
        return min(origin, origins[place] - 1 if place < len(seen) else self.length)


def _characters(raw: bytes) -> int:
    # Every byte but those that go on with a character (10xxxxxx) begins one.
    return len(raw.translate(None, _GOES_ON))


def _shifts(text: str, told: dict[int, str]) -> "tuple[array[int], array[int]]":
    """Return behind which of the shadow's characters the count shifts, and which of the original's each of these is."""
    seen, origins = array("q"), array("q")
    others = "".join(chr(code) for code, signs in told.items() if len(signs) != 1)
    if others:
        ahead = 0
        for match in re.finditer(f"[{re.escape(others)}]", text):
            ahead += len(told[ord(match.group())]) - 1
            seen.append(match.end() + ahead)
            origins.append(match.end())
    return seen, origins
