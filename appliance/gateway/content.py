"""What a call said: the request as the provider was sent it, and the answer as the program was given it, up to a bound."""

import struct
from dataclasses import dataclass
from typing import Final

MOST: Final = 1_000_000
"""Octets of a request, and of an answer. What comes behind is not kept, and that is said."""
_HEAD: Final = struct.Struct(">BBI")


@dataclass(frozen=True)
class Content:
    """The bytes, and whether each is there as a whole."""

    request: bytes
    answer: bytes
    has_request: bool = True
    has_answer: bool = True

    @classmethod
    def of(cls, request: bytes, answer: bytes) -> "Content":
        """Return what is kept of these."""
        return cls(request[:MOST], answer[:MOST], len(request) <= MOST, len(answer) <= MOST)

    def pack(self) -> bytes:
        """Return it as it is sealed."""
        return _HEAD.pack(self.has_request, self.has_answer, len(self.request)) + self.request + self.answer

    @classmethod
    def unpack(cls, packed: bytes) -> "Content":
        """Return what `pack` made."""
        has_request, has_answer, size = _HEAD.unpack_from(packed)
        said = packed[_HEAD.size :]
        return cls(said[:size], said[size:], bool(has_request), bool(has_answer))


class Gathered:
    """Gathers an answer as it goes by."""

    def __init__(self, request: bytes) -> None:
        self._request, self._is_whole = request[:MOST], len(request) <= MOST
        self._answer, self._has_all = bytearray(), True

    def add(self, told: bytes) -> None:
        """Take what the program is given next."""
        left = MOST - len(self._answer)
        self._answer += told[:left]
        self._has_all = self._has_all and len(told) <= left

    def content(self) -> Content:
        """Return what was gathered so far."""
        return Content(self._request, bytes(self._answer), self._is_whole, self._has_all)
