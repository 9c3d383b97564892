"""Whose turn it is to have a document read: a few are read at once in a process, and one organisation never takes all places."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

_AT_ONCE: Final = 3
_EACH: Final = 2


class Turns:
    """Places for reading, shared by all threads that serve requests.

    One organisation holds at most `each` of the `at_once` places, so that whoever sends documents without end leaves one to the
    others. Of those who wait, one of the organisation that holds the fewest comes next, and of these whoever came first.
    """

    def __init__(self, at_once: int = _AT_ONCE, each: int = _EACH) -> None:
        self._at_once, self._each = at_once, each
        self._changed = threading.Condition()
        self._held = Counter[UUID | None]()
        self._waiting: dict[object, UUID | None] = {}

    @contextmanager
    def turn(self, whose: UUID | None, until: float) -> Iterator[bool]:
        """Wait for a place and hold it while the block runs. Yields False if there was none until this moment of `time.monotonic`."""
        is_its = self._enter(whose, until)
        try:
            yield is_its
        finally:
            if is_its:
                self._leave(whose)

    def _enter(self, whose: UUID | None, until: float) -> bool:
        me = object()
        with self._changed:
            self._waiting[me] = whose
            try:
                self._changed.wait_for(lambda: self._next() is me, max(0.0, until - time.monotonic()))
                is_its = self._next() is me
                self._held[whose] += is_its
            finally:
                del self._waiting[me]
                self._changed.notify_all()
            return is_its

    def _leave(self, whose: UUID | None) -> None:
        with self._changed:
            self._held[whose] -= 1
            self._held += Counter[UUID | None]()  # whoever holds nothing is forgotten
            self._changed.notify_all()

    def _next(self) -> object | None:
        if self._held.total() >= self._at_once:
            return None
        may = (one for one, whose in self._waiting.items() if self._held[whose] < self._each)
        return min(may, key=lambda one: self._held[self._waiting[one]], default=None)
