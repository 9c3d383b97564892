"""Documents in requests, read before they go out: few, small, and soon; whatever is more counts as what nobody has read.

Trusted: this process. Not trusted: the documents, which are read where uploads are, each in a confined process of its own.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from appliance.gateway.parts import Part
from appliance.gateway.turns import Turns

MOST_DOCUMENTS: Final = 20
MOST_BYTES: Final = 20_000_000
MOST_CHARACTERS: Final = 1_000_000
SECONDS: Final = 20.0
"""What is read of one request, all of its documents together."""
_turns = Turns()


@dataclass(frozen=True)
class Reading:
    """What a document says, hidden text and names of its parts, too, and whether that is all of it."""

    text: str = field(default="", repr=False)
    is_whole: bool = False


ReadFile = Callable[[bytes, float], Reading]
"""Reads a document within so many seconds. Of one that cannot be read, nothing is read."""


def unread(_content: bytes, _seconds: float) -> Reading:
    """Read nothing: where no parser is."""
    return Reading()


def read_all(parts: Iterable[Part], read: ReadFile, whose: UUID | None = None) -> list[Reading]:
    """Return what the parts say, in order; the same document, however often it comes, is read and returned once.

    Waits while others read, as long as there is time: `whose` is the organisation that takes its turn among others.
    """
    until, left, characters = time.monotonic() + SECONDS, MOST_BYTES, MOST_CHARACTERS
    known = dict[bytes, Reading]()
    readings = list[Reading]()
    for part in parts:
        content = part.document
        if content is None:
            readings.append(Reading())
            continue
        digest = sha256(content).digest()
        if digest not in known:
            may = len(known) < MOST_DOCUMENTS and len(content) <= left
            known[digest] = found = _in_turn(read, content, until, whose) if may else Reading()
            left -= len(content)
            if len(found.text) > characters:
                known[digest] = Reading(found.text[:characters])
            characters -= min(len(found.text), characters)
            readings.append(known[digest])
    return readings


def _in_turn(read: ReadFile, content: bytes, until: float, whose: UUID | None) -> Reading:
    with _turns.turn(whose, until) as is_its:
        seconds = until - time.monotonic()
        return read(content, seconds) if is_its and seconds > 0 else Reading()
