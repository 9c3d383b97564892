"""Which requests are here as a whole when they are looked at, and of which the body still comes."""

from typing import Final

SMALL_BODY: Final = 65_536
"""Bytes. The web server hands a request on once a body of up to this size is here; of a larger one it hands on the head."""


def may_come_slowly(length: int | None, *, is_chunked: bool) -> bool:
    """Say whether a body may come over minutes, in which whoever sends it may lose access."""
    return is_chunked or (length or 0) > SMALL_BODY
