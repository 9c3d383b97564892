"""Server-sent events, as they come: https://html.spec.whatwg.org/multipage/server-sent-events.html.

The raw bytes of each event are kept, so that what is only passed on goes on unchanged: all events' `raw` and then the
splitter's `rest` are the stream, byte for byte, wherever the chunks' borders were. An event is read when it is asked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.refusals import EventTooLarge

__all__ = ["COMMENT", "DONE", "LARGEST_EVENT", "Event", "Splitter", "encode", "read_json", "write_json"]

# An answer with a generated picture is one event of some megabytes.
LARGEST_EVENT = 32 * 1024 * 1024
_LINE_END = re.compile(r"\r\n|\n|\r")
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_LONGEST_BLANK_LINE = 4
_USUAL_ENDS = (b"\n\n", b"\r\n\r\n")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Event:
    """One event with the blank line that ends it; comments and lines that say nothing are in `raw` only."""

    raw: bytes

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """`event`, `data`, `id`, `retry`, as far as they were sent; `data` is the lines of it, joined."""
        found: dict[str, str] = {}
        text = self.raw.decode("utf-8", errors="replace").removeprefix(_BYTE_ORDER_MARK)
        for line in _LINE_END.split(text):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data" and name in found:
                found["data"] += "\n" + value
            elif name in {"data", "event", "id", "retry"}:
                found[name] = value
        return found

    @property
    def name(self) -> str:
        """The `event` field, or nothing: OpenAI's chat streams have data alone."""
        return self.fields.get("event", "")

    @property
    def data(self) -> str | None:
        """What was sent, or None for a comment, which nobody is told of."""
        return self.fields.get("data")


class Splitter:
    """Cuts a stream into events, whatever the borders of its chunks.

    Trusted: nothing. A peer that never ends an event is stopped at `largest` bytes.
    """

    def __init__(self, *, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._rest = bytearray()
        self._seen = 0  # so many bytes of the rest hold no blank line

    @property
    def rest(self) -> bytes:
        """What came after the last whole event: by the standard, no event at all if the stream ends here."""
        return bytes(self._rest)

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that this chunk completes. Raises EventTooLarge, once those before it were returned."""
        if len(self._rest) > self._largest:
            raise EventTooLarge(limit=self._largest)
        self._rest += chunk
        events: list[Event] = []
        start = 0
        for end in _ends(self._rest, self._seen):
            if end - start > self._largest:
                break
            events.append(Event(bytes(self._rest[start:end])))
            start = end
        del self._rest[:start]
        self._seen = max(0, len(self._rest) - _LONGEST_BLANK_LINE + 1)
        if not events and len(self._rest) > self._largest:
            raise EventTooLarge(limit=self._largest)
        return events

    def whole(self, chunk: bytes) -> bytes:
        """Return the events that this chunk completes in one piece, uncut: most chunks are whole events already."""
        if not self._rest and len(chunk) <= self._largest and chunk.endswith(_USUAL_ENDS):
            return chunk
        return b"".join(event.raw for event in self.feed(chunk))

    def close(self) -> bytes:
        """Return what was left over. Raises EventTooLarge."""
        if len(self._rest) > self._largest:
            raise EventTooLarge(limit=self._largest)
        return self.rest


def _ends(stream: bytearray, start: int) -> list[int]:
    return [found.end() for found in _BLANK_LINE.finditer(stream, start)]


def encode(body: object, *, name: str = "") -> bytes:
    """Return an event with this body as JSON on one line, and its name if it has one."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + write_json(body) + b"\n\n"


COMMENT = b": \n\n"
DONE = b"data: [DONE]\n\n"
