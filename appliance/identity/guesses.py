"""How many unknown tokens an address may show before it is slowed: fifty in a quarter of an hour, then one in a second.

A token has 256 bits, so nobody finds one; but each unknown one costs a look into the database, which whoever shows thousands
would take from others, and somebody should hear of it. It is counted in each process, in memory: a stranger gets to write
neither rows nor an entry of the log for each try, but one when the address is slowed. Tokens that were right before
are known here and never slowed, so that whoever shares an address with a guesser goes on.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.identity.errors import TokensGuessed

GUESSES: Final = 50
WINDOW_SECONDS: Final = 900.0
PAUSE_SECONDS: Final = 1.0
_MOST: Final = 10_000
_OWN_NETWORK: Final = 64
"""Of IPv6 the whole network is one: its owner has as many addresses in it as they like (RFC 6177)."""


@dataclass
class _Guesser:
    since: float
    count: int = 0
    next_at: float = 0.0
    is_noted: bool = False


class Guesses:
    """Counts unknown tokens by where they come from. Thread-safe."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def require_patience(self, name: bytes, address: str) -> None:
        """Return if the token of this digest may be looked for now. Raises TokensGuessed."""
        now = self._now()
        with self._lock:
            if name in self._right:
                self._right.move_to_end(name)
                return
            found = self._guessers.get(counted_as(address))
            if found is None or found.count < GUESSES or now - found.since > WINDOW_SECONDS:
                return
            if now < found.next_at:
                raise TokensGuessed(seconds=math.ceil(found.next_at - now))
            found.next_at = now + PAUSE_SECONDS

    def right(self, name: bytes) -> None:
        """Keep that there is a token of this digest."""
        with self._lock:
            self._right[name] = None
            self._right.move_to_end(name)
            if len(self._right) > _MOST:
                self._right.popitem(last=False)

    def wrong(self, address: str) -> bool:
        """Count an unknown one. Return whether it is to be put on record that the address is slowed; it is said once."""
        now, one = self._now(), counted_as(address)
        with self._lock:
            found = self._guessers.get(one)
            if found is None or now - found.since > WINDOW_SECONDS:
                found = self._guessers[one] = _Guesser(now)
            found.count += 1
            self._guessers.move_to_end(one)
            if len(self._guessers) > _MOST:
                self._guessers.popitem(last=False)
            is_to_note = found.count >= GUESSES and not found.is_noted
            found.is_noted |= is_to_note
            return is_to_note

    def unnoted(self, address: str) -> None:
        """Take back that it is on record: it could not be written, and the next unknown one says it."""
        with self._lock:
            if found := self._guessers.get(counted_as(address)):
                found.is_noted = False


def counted_as(address: str) -> str:
    """Return what tries from an address are counted under: of IPv6 its /64 network, of IPv4 mapped into IPv6 the IPv4 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _OWN_NETWORK), strict=False))
    return str(found)
