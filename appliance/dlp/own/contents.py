"""What is sealed of a list: its kind, and what is in it.

    "dictionary" 0x00 terms, one a line
    "pattern" 0x00 expression
    "exact" 0x00 most words, shortest, longest, whether all have digits (JSON), 0x00, length of the salt (one byte), salt, digests

So nobody who writes the database makes a list of one kind into another. Without a salt, digests are under the organisation's key.
"""

import json
from collections.abc import Sequence
from typing import Final

from appliance.dlp.own.values import Dictionary, ExactList, ListKind, Pattern
from appliance.dlp.values import Category
from appliance.kernel.sealing import IntegrityError

DIGEST_BYTES: Final = 16


def dictionary(terms: Sequence[str]) -> bytes:
    """Return what is sealed of a dictionary."""
    return b"dictionary\0" + "\n".join(terms).encode()


def pattern(expression: str) -> bytes:
    """Return what is sealed of an expression."""
    return b"pattern\0" + expression.encode()


def exact(salt: bytes, digests: Sequence[bytes], *, most_words: int, shortest: int, longest: int, have_digits: bool) -> bytes:
    """Return what is sealed of digests."""
    told = json.dumps([most_words, shortest, longest, have_digits]).encode()
    return b"exact\0" + told + b"\0" + bytes([len(salt)]) + salt + b"".join(sorted(set(digests)))


def check_kind(kind: str, name: str, content: bytes) -> None:
    """Raise IntegrityError where a list was sealed as one of another kind."""
    if content.partition(b"\0")[0].decode("ascii", "replace") != kind:
        raise IntegrityError(f"dlp_own_lists: {name} was sealed as another kind")


def opened(kind: str, name: str, category: Category, content: bytes, key: bytes) -> Dictionary | Pattern | ExactList:
    """Return a list. Raises IntegrityError where it was sealed as one of another kind."""
    check_kind(kind, name, content)
    content = content.partition(b"\0")[2]
    match ListKind(kind):
        case ListKind.DICTIONARY:
            return Dictionary(name, category, tuple(content.decode().split("\n")))
        case ListKind.PATTERN:
            return Pattern(name, category, content.decode())
        case ListKind.EXACT:
            told, _, rest = content.partition(b"\0")
            most_words, shortest, longest, have_digits = json.loads(told)
            salt, digests = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
            pieces = frozenset(digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))
            return ExactList(name, category, salt or key, pieces, most_words, shortest, longest, have_digits)
