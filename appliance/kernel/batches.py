"""Work that is cheaper done together: what came while the last lot was under way is the next lot.

There is no thread of its own and no waiting for company: whoever finds nobody at work works at once, for all who wait, and
hands over to the first of those who came meanwhile. So one alone is as fast as without this, and many share a commit.
"""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from appliance.kernel.errors import Refusal

_YIELDS: Final = 2
"""Greenlets: the first lets those run that can, the second those whose sockets were ready. Threads: nothing is lost."""
Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")


class GivenUp(RuntimeError):
    """Whoever did the work was stopped in the midst of it."""


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class _Ticket(Generic[Item, Result]):
    """One who waits. `bell` is held until there is an outcome, or it is their turn to do the work."""

    item: Item
    bell: threading.Lock = field(default_factory=_held)
    outcome: Result | Exception | None = None
    is_over: bool = False


@dataclass(eq=False)
class _Queue(Generic[Item, Result]):
    waiting: list[_Ticket[Item, Result]] = field(default_factory=list)


class Batches(Generic[Key, Item, Result]):
    """Does work in lots, one at a time for each key. Thread-safe, and of one process.

    `work` returns an outcome for each item in order: a result, or the exception that this item's caller is to get. A
    Refusal that it raises itself is everybody's (the database is away). Any other exception of a lot is nobody's in
    particular, so each of its items is tried alone: what one of them spoils, it spoils for itself.
    """

    def __init__(self, work: Callable[[Key, Sequence[Item]], Sequence[Result | Exception]], *, most: int = 256) -> None:
        self._work, self._most = work, most
        self._lock = threading.Lock()
        self._queues: dict[Key, _Queue[Item, Result]] = {}

    def do(self, key: Key, item: Item) -> Result:
        """Return what came of this item. Raises what its work raised."""
        ticket: _Ticket[Item, Result] = _Ticket(item)
        with self._lock:
            queue = self._queues.get(key)
            is_first = queue is None
            if queue is None:
                queue = self._queues[key] = _Queue()
            queue.waiting.append(ticket)
        if not is_first:
            ticket.bell.acquire()
        if not ticket.is_over:
            self._lead(key, queue)
        if isinstance(ticket.outcome, Exception):
            raise ticket.outcome.with_traceback(None)
        return ticket.outcome  # type: ignore[return-value]  # it is over, so there is one

    def _lead(self, key: Key, queue: _Queue[Item, Result]) -> None:
        for _ in range(_YIELDS):  # whoever is about to ask does so now, and is in this lot
            time.sleep(0)
        with self._lock:
            lot, queue.waiting = queue.waiting[: self._most], queue.waiting[self._most :]
        try:
            self._settle(key, lot)
        finally:
            for ticket in lot:
                if not ticket.is_over:
                    ticket.outcome, ticket.is_over = GivenUp(), True
            self._hand_over(key, queue)
            for ticket in lot[1:]:  # the first is whoever works here
                ticket.bell.release()

    def _hand_over(self, key: Key, queue: _Queue[Item, Result]) -> None:
        with self._lock:
            if not queue.waiting:
                del self._queues[key]
                return
            following = queue.waiting[0]
        following.bell.release()

    def _settle(self, key: Key, lot: Sequence[_Ticket[Item, Result]]) -> None:
        try:
            outcomes = self._work(key, [ticket.item for ticket in lot])
        except Refusal as refusal:
            outcomes = [refusal] * len(lot)
        except Exception as error:  # noqa: BLE001 - it is told to whoever waits for this item
            if len(lot) > 1:
                for ticket in lot:
                    self._settle(key, [ticket])
                return
            outcomes = [error]
        for ticket, outcome in zip(lot, outcomes, strict=True):
            ticket.outcome, ticket.is_over = outcome, True
