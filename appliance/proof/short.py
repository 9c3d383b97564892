"""A checkpoint as a few letters that a person can print, read out and type: its size, and 45 letters.

Forty are 200 bits of the SHA-256 of the checkpoint's text, in Crockford's base 32; the last five tell a slip of the pen from
another log.
"""

import hashlib

from appliance.proof.note import Checkpoint

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGEST, _CHECK, _GROUP, _BITS = 40, 5, 5, 5
_MEANT = str.maketrans("OILoil", "011011")
_MOST_DIGITS = 20


class ShortBroken(ValueError):
    """What was typed is no checkpoint: a letter is wrong, or one is missing."""


def short(checkpoint: Checkpoint) -> str:
    """Return a checkpoint's size and letters."""
    letters = _written(hashlib.sha256(str(checkpoint).encode()).digest(), _DIGEST)
    letters += _check(checkpoint.size, letters)
    return f"{checkpoint.size} {'-'.join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))}"


def read_short(typed: str) -> tuple[int, str]:
    """Return the size, and how the letters are written. Raises ShortBroken."""
    size, _, rest = typed.strip().partition(" ")
    letters = "".join(rest.split()).replace("-", "").translate(_MEANT).upper()
    if not (size.isascii() and size.isdigit() and len(size) <= _MOST_DIGITS) or len(letters) != _DIGEST + _CHECK:
        raise ShortBroken("a typed checkpoint is its size and nine groups of five letters")
    if _check(int(size), letters[:_DIGEST]) != letters[_DIGEST:]:
        raise ShortBroken("the typed checkpoint has a slip: compare it with the paper, letter by letter")
    return int(size), f"{int(size)} {'-'.join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))}"


def _check(size: int, letters: str) -> str:
    return _written(hashlib.sha256(f"{size} {letters}".encode()).digest(), _CHECK)


def _written(digest: bytes, count: int) -> str:
    number = int.from_bytes(digest, "big") >> (len(digest) * 8 - count * _BITS)
    return "".join(_LETTERS[number >> (_BITS * place) & 31] for place in range(count - 1, -1, -1))
