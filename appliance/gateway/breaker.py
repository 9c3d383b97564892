"""Leaves a provider's key alone for a moment after it failed several times in a row. Of this process.

Each organisation counts for itself: behind a shared key, what one of them asks for stops no other.
"""

import threading
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from appliance.gateway import metrics
from appliance.gateway.errors import ProviderResting

FAILURES: Final = 5
REST_SECONDS: Final = 20
_MOST: Final = 10_000
Used = tuple[UUID, UUID]
"""An organisation, and the key that it used."""


class Breaker:
    """Counts failures of keys. After the rest one call is let through, which decides."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._failed: dict[Used, tuple[int, float]] = {}

    def check(self, used: Used, name: str) -> None:
        """Raise ProviderResting while the key is left alone."""
        with self._lock:
            count, until = self._failed.get(used, (0, 0.0))
            left = until - self._now()
            if count < FAILURES:
                return
            if left > 0:
                raise ProviderResting(name=name, seconds=int(left) + 1)
            self._failed[used] = (count, self._now() + REST_SECONDS)

    def note(self, used: Used, *, is_good: bool) -> None:
        """Count how a call went."""
        with self._lock:
            if is_good:
                self._failed.pop(used, None)
                return
            if len(self._failed) >= _MOST:
                self._failed.clear()
            count = self._failed.get(used, (0, 0.0))[0] + 1
            self._failed[used] = (count, self._now() + REST_SECONDS)
            if count == FAILURES:
                metrics.rests()
