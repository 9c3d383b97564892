"""Answers' bodies: how much of what has come belongs to one, and where it ends (RFC 9112, section 6.3)."""

import re
from typing import Final, Protocol

from appliance.kernel.egress.errors import AnswerBroken
from appliance.kernel.egress.wire import Head

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\0-\x08\x0a-\x1f\x7f]*)?")
_LONGEST_LINE: Final = 4096
_MOST_TRAILERS: Final = 65_536


class Body(Protocol):
    """Takes from a buffer what belongs to the body."""

    def has_ended(self) -> bool:
        """Return whether its end was seen."""
        ...

    def take(self, buffer: bytearray) -> bytes:
        """Remove and return what has come of the body."""
        ...

    def end(self) -> None:
        """Take note that nothing more will come. Raises AnswerBroken if something is missing."""
        ...


def body_of(head: Head, *, method: str, host: str) -> Body:
    """Return what reads the body that this head announces."""
    if not head.has_body(method):
        return Measured(0, host=host)
    if head.is_chunked:
        return Chunked(host=host)
    return UntilClosed() if head.length is None else Measured(head.length, host=host)


class Measured:
    """A body of a length that was said."""

    def __init__(self, length: int, *, host: str) -> None:
        self._left, self._host = length, host
        self._is_done = length == 0

    def has_ended(self) -> bool:
        """Return whether its end was seen."""
        return self._is_done

    def take(self, buffer: bytearray) -> bytes:
        """Remove and return what has come of the body."""
        piece = bytes(buffer[: self._left])
        del buffer[: self._left]
        self._left -= len(piece)
        self._is_done = self._left == 0
        return piece

    def end(self) -> None:
        """Half an answer is none."""
        raise AnswerBroken(host=self._host, reason="it ended before its end")


class UntilClosed:
    """A body that ends with its connection. Only TLS tells whether that was its end."""

    _is_done = False

    def has_ended(self) -> bool:
        """Return whether its end was seen."""
        return self._is_done

    def take(self, buffer: bytearray) -> bytes:
        """Remove and return what has come of the body."""
        piece = bytes(buffer)
        buffer.clear()
        return piece

    def end(self) -> None:
        """This is how such a body ends."""
        self._is_done = True


class Chunked:
    """A body in chunks. Trailers are read over: nobody asked for any."""

    def __init__(self, *, host: str) -> None:
        self._host = host
        self._left = 0
        self._is_inside = False
        self._is_last = False
        self._trailers = 0
        self._is_done = False

    def has_ended(self) -> bool:
        """Return whether its end was seen."""
        return self._is_done

    def take(self, buffer: bytearray) -> bytes:
        """Remove and return what has come of the body, chunks joined."""
        pieces = []
        while not self._is_done:
            if self._left:
                piece = bytes(buffer[: self._left])
                if not piece:
                    break
                del buffer[: len(piece)]
                self._left -= len(piece)
                pieces.append(piece)
                continue
            line = self._line(buffer)
            if line is None:
                break
            self._read(line)
        return b"".join(pieces)

    def end(self) -> None:
        """Half an answer is none."""
        raise AnswerBroken(host=self._host, reason="it ended before its end")

    def _line(self, buffer: bytearray) -> bytes | None:
        end = buffer.find(b"\r\n", 0, _LONGEST_LINE)
        if end < 0:
            if len(buffer) >= _LONGEST_LINE:
                raise AnswerBroken(host=self._host, reason="a chunk cannot be read")
            return None
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        return line

    def _read(self, line: bytes) -> None:
        if self._is_last:
            self._trailers += len(line)
            if self._trailers > _MOST_TRAILERS or b"\n" in line or b"\0" in line:
                raise AnswerBroken(host=self._host, reason="its end cannot be read")
            self._is_done = not line
        elif self._is_inside:
            if line:
                raise AnswerBroken(host=self._host, reason="a chunk is longer than it says")
            self._is_inside = False
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise AnswerBroken(host=self._host, reason="a chunk cannot be read")
            self._left = int(match[1], 16)
            self._is_inside = self._left > 0
            self._is_last = self._left == 0
