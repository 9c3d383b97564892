"""Identifiers: UUID version 7 (RFC 9562), so that new rows land at the end of their index."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)


def new_id() -> UUID:
    """Return a UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | random_bits & (1 << 62) - 1
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
