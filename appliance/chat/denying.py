"""What a text denies: the words beside its "no", "not" and "never"."""

import re
from collections.abc import Iterator
from typing import Final

from appliance.kernel.words import terms

_DENIALS: Final = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|cannot|without|hardly|scarcely|barely|rarely|seldom|\w+n['’]t|nicht|nie|niemals|nichts"
    r"|niemand|ohne|weder|kaum|selten|kein(?:e[mnrs]?)?)\b",
    re.IGNORECASE,
)
_NEAR: Final = 3
"""So many words on either side may be what is denied."""
_REACH: Final = 200
"""So many characters on either side are looked at, so that a text of nothing but denials costs linear time."""


def denies(text: str) -> bool:
    """Say whether a text denies anything."""
    return _DENIALS.search(text) is not None


def denied_first(text: str, language: str) -> Iterator[str]:
    """Yield for each denial the word that it denies, as a term: the next word, or the one before where none follows."""
    for found in _DENIALS.finditer(text):
        before, after = _beside(text, found, language)
        yield from after[:1] or before[-1:]


def denied_near(text: str, language: str) -> frozenset[str]:
    """Return the words beside the denials of a text, as terms."""
    near = set[str]()
    for found in _DENIALS.finditer(text):
        before, after = _beside(text, found, language)
        near.update(before[-_NEAR:], after[:_NEAR])
    return frozenset(near)


def _beside(text: str, found: re.Match[str], language: str) -> tuple[list[str], list[str]]:
    """Return the terms before a denial, and those behind it."""
    before, after = text[max(0, found.start() - _REACH) : found.start()], text[found.end() : found.end() + _REACH]
    return terms(before, language), terms(after, language)
