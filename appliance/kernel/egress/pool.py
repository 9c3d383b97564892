"""Connections that wait for their next request: few, not for long, and looked at before they are used again."""

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final

from appliance.kernel.egress.connections import Connection
from appliance.kernel.egress.errors import TooManyConnections

Place = tuple[str, str, int]
_SWEEP_SECONDS: Final = 1.0


class Pool:
    """Keeps idle connections by scheme, host and port, and counts those in use. Thread-safe; empty in a child."""

    def __init__(
        self,
        *,
        most: int = 4096,
        idle_each: int = 64,
        idle_seconds: float = 30.0,
        age_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._idle_each = most, idle_each
        self._idle_seconds, self._age_seconds, self._clock = idle_seconds, age_seconds, clock
        self._lock = threading.Lock()
        self._idle: dict[Place, list[Connection]] = {}
        self._in_use = 0
        self._swept_at = clock()
        weakref.finalize(self, _close_all, self._idle)  # it holds the sockets, which else might go first, and complain
        _EVERY.add(self)

    @property
    def idle(self) -> int:
        """How many connections wait."""
        return sum(map(len, self._idle.values()))

    def enter(self) -> None:
        """Count a call that begins. Raises TooManyConnections."""
        with self._lock:
            if self._in_use >= self._most:
                raise TooManyConnections(most=self._most)
            self._in_use += 1

    def leave(self) -> None:
        """Count a call that ended."""
        with self._lock:
            self._in_use -= 1

    def take(self, place: Place) -> Connection | None:
        """Return a connection that can be used again, the last one used first; None if there is none."""
        while True:
            with self._lock:
                waiting = self._idle.get(place)
                if not waiting:
                    return None
                connection = waiting.pop()
            if self._is_fresh(connection) and connection.is_quiet():
                connection.is_reused = True
                return connection
            connection.close()

    def give_back(self, place: Place, connection: Connection) -> None:
        """Keep a connection for the next request, or close it."""
        connection.idle_since = now = self._clock()
        stale = []
        with self._lock:
            waiting = self._idle.setdefault(place, [])
            if len(waiting) < self._idle_each:
                waiting.append(connection)
            else:
                stale.append(connection)
            if now - self._swept_at >= _SWEEP_SECONDS:
                self._swept_at = now
                stale += self._swept()
        for one in stale:
            one.close()

    def close(self) -> None:
        """Close what waits."""
        with self._lock:
            waiting = [one for each in self._idle.values() for one in each]
            self._idle.clear()
        for connection in waiting:
            connection.close()

    def begin_anew(self) -> None:
        """In a child: close its copies of the parent's sockets, without a word to the peers."""
        self._lock, self._in_use = threading.Lock(), 0
        self.close()

    def _is_fresh(self, connection: Connection) -> bool:
        now = self._clock()
        return now - connection.idle_since < self._idle_seconds and now - connection.opened_at < self._age_seconds

    def _swept(self) -> list[Connection]:
        stale = []
        for place, waiting in list(self._idle.items()):
            stale += [one for one in waiting if not self._is_fresh(one)]
            self._idle[place] = [one for one in waiting if self._is_fresh(one)]
            if not self._idle[place]:
                del self._idle[place]
        return stale


def _close_all(idle: dict[Place, list[Connection]]) -> None:
    for waiting in idle.values():
        for connection in waiting:
            connection.close()


_EVERY: "weakref.WeakSet[Pool]" = weakref.WeakSet()


def _begin_anew() -> None:
    for pool in list(_EVERY):
        pool.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
