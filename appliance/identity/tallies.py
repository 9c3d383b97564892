"""How many requests each token made in the current minute: here, and as far as was heard, of the other processes that serve.

Processes tell each other in trips that are made anyway, to ask whom a token stands for and to admit calls, at most four times a second
for each token. So a token that asks at two of them is held to its number as a whole, but for what it asks at one of them within the
quarter of a second, or in its last requests there, before it turns to the other.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from appliance.kernel.questions import Question

WINDOW_SECONDS: Final = 60
TOLD_EVERY: Final = 0.25


@dataclass
class _Count:
    here: int = 0
    elsewhere: int = 0
    told_at: float = 0.0


class Tally:
    """Counts. `process` names whoever serves here, now and after a restart. Thread-safe."""

    def __init__(self, process: str, *, now: Callable[[], float] = time.time) -> None:
        self._process, self._now, self._lock = process, now, threading.Lock()
        self._minute, self._counts = 0, dict[UUID, _Count]()

    def count(self, token_id: UUID) -> tuple[int, int]:
        """Count a request. Return how many it were in this minute, and for how many seconds that lasts."""
        now = self._now()
        with self._lock:
            found = self._counts_of(now).setdefault(token_id, _Count())
            found.here += 1
            return found.here + found.elsewhere, WINDOW_SECONDS - int(now) % WINDOW_SECONDS

    def telling(self, token_ids: Iterable[UUID]) -> Question[None] | None:
        """Return the question that tells the others what was counted here and hears what was there; None if it was just asked."""
        now, due, counts = self._now(), list[UUID](), list[int]()
        with self._lock:
            known = self._counts_of(now)
            for token_id in sorted(token_ids):
                found = known.setdefault(token_id, _Count())
                if not 0 <= now - found.told_at < TOLD_EVERY:
                    found.told_at = now
                    due.append(token_id)
                    counts.append(found.here)
            minute = self._minute
        if not due:
            return None

        def hear(told: dict[str, Any] | None) -> None:
            self._hear(minute, {UUID(token_id): int(requests) for token_id, requests in (told or {}).items()})

        return Question("share_token_rates(uuid[], integer[], text, bigint)", [due, counts, self._process, minute], hear)

    def _hear(self, minute: int, told: dict[UUID, int]) -> None:
        with self._lock:
            if minute == self._minute:
                for token_id, requests in told.items():
                    self._counts.setdefault(token_id, _Count()).elsewhere = requests

    def _counts_of(self, now: float) -> dict[UUID, _Count]:
        minute = int(now) // WINDOW_SECONDS
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        return self._counts
