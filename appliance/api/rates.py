"""How many requests a token makes in a minute, counted in this process."""

import threading
import time
from typing import Final
from uuid import UUID

from appliance.api.errors import TooManyRequests
from appliance.identity import Caller

_WINDOW_SECONDS: Final = 60


class Rates:
    """Counts requests of each token in the current minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window, self._counts = 0, dict[UUID, int]()

    def count(self, token_id: UUID, limit: int) -> tuple[int, int]:
        """Return how many are left, and for how many seconds the window lasts. Raises TooManyRequests."""
        window, into = divmod(int(time.time()), _WINDOW_SECONDS)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            used = self._counts[token_id] = self._counts.get(token_id, 0) + 1
        if used > limit:
            raise TooManyRequests(seconds=_WINDOW_SECONDS - into)
        return limit - used, _WINDOW_SECONDS - into

    def told(self, caller: Caller, limit: int) -> dict[str, str]:
        """Count a request, and return the headers that say how many are left. Raises TooManyRequests."""
        left, seconds = self.count(caller.token_id or caller.user_id, limit)
        return {
            "RateLimit-Policy": f'"token";q={limit};w={_WINDOW_SECONDS}',
            "RateLimit": f'"token";r={left};t={seconds}',
        }
