"""Identifiers: UUID version 7 (RFC 9562), so that new rows land at the end of their index."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)


def new_id() -> UUID:
    """Return a UUIDv7: 48 bits of Unix milliseconds, 12 of their fraction (RFC 9562, 6.2, method 3), then 62 random bits.

    So what one process names in turn, as an act's entries for the log, sorts in that order: a step is a quarter of a microsecond.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (rest << 12) // 1_000_000 << 64
    value |= 0b10 << 62 | int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=value)


def first_id_at(moment: datetime, shift: timedelta = timedelta()) -> UUID:
    """Return the least id of a moment, shifted; the ends of what can be written for one outside."""
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC) + shift) // timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), (1 << 48) - 1) << 80)


def parse_id(text: str) -> UUID | None:
    """Return the id, or None if the text is not the canonical form of one."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
