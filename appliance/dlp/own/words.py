"""Words as an organisation's own values are compared: folded, without accents, without what stands between them.

In scripts that put no space between words each sign is a word of its own.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_DIGEST_BYTES: Final = 16


class Word(NamedTuple):
    """A word, folded, and the characters of the text that it stands at."""

    word: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Return the words of a text as it looks (`Shadow`), in order. Linear in it."""
    if text.isascii():
        return [Word(match.group(), *match.span()) for match in _WORD.finditer(text.lower())]
    return [Word(_folded(match.group()), *match.span()) for match in _WORD.finditer(text)]


def canonical(words: Sequence[str]) -> str:
    """Return the form in which values are compared: 4711-0815, 4711 0815 and 47110815 are one."""
    return "".join(words)


def digest(key: bytes, value: str) -> bytes:
    """Return what a canonical value is kept as: it leads back to it for nobody without the key."""
    return hmac.digest(key, value.encode(), hashlib.sha256)[:_DIGEST_BYTES]


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in apart if unicodedata.category(sign) != "Mn")
