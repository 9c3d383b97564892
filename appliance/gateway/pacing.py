"""How fast programs may call: requests and tokens in a minute, and calls at once, of this process.

What an organisation set is read again after a second. If it cannot be read, the call is refused like any that cannot be
recorded. A call counts by what it may need, since what it does need is known when it is too late.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from appliance.budgets import SubjectKind
from appliance.budgets.limits import CallLimit, Pace, limits_in_force
from appliance.gateway.answering import Answering, Closing
from appliance.gateway.errors import CallAboveLimit, CallLimitReached
from appliance.identity import Caller
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId

_WINDOW: Final = 60
_FRESH: Final = 1.0
_MOST_TENANTS: Final = 10_000
_AGAIN: Final = 1
Counted = tuple[TenantId, SubjectKind, UUID | None]
"""Whose calls are counted together."""


@dataclass
class _Counts:
    """Of the current minute, and of this moment."""

    window: int = 0
    requests: dict[Counted, int] = field(default_factory=dict)
    tokens: dict[Counted, int] = field(default_factory=dict)
    at_once: dict[Counted, int] = field(default_factory=dict)


class Pacing:
    """Counts calls, and refuses those above a limit."""

    def __init__(self, db: Database, *, now: Callable[[], float] = time.time) -> None:
        self._db, self._now, self._lock = db, now, threading.Lock()
        self._counts = _Counts()
        self._known: dict[TenantId, tuple[float, list[CallLimit]]] = {}

    def place(self) -> "Place":
        """Return the place of a call that has not been counted yet."""
        return Place(self)

    def enter(self, caller: Caller, tokens: int) -> list[Counted]:
        """Count a call, and return what it holds until `leave`. Raises CallLimitReached, CallAboveLimit; it counts for nothing then."""
        limits = _applying(caller, self._limits(caller.tenant_id))
        now = self._now()
        with self._lock:
            counts, window = self._counts, int(now) // _WINDOW
            if counts.window != window:
                counts.window, counts.requests, counts.tokens = window, {}, {}
            for counted, pace in limits:
                self._check(counted, pace, tokens, _WINDOW - int(now) % _WINDOW)
            for counted, _ in limits:
                for of, number in ((counts.requests, 1), (counts.tokens, tokens), (counts.at_once, 1)):
                    of[counted] = of.get(counted, 0) + number
        return [counted for counted, _ in limits]

    def leave(self, held: list[Counted]) -> None:
        """Let the next call come."""
        with self._lock:
            for counted in held:
                left = self._counts.at_once.get(counted, 0) - 1
                if left > 0:
                    self._counts.at_once[counted] = left
                else:
                    self._counts.at_once.pop(counted, None)

    def _check(self, counted: Counted, pace: Pace, tokens: int, seconds: int) -> None:
        whose, counts = _WHOSE[counted[1]], self._counts
        if pace.at_once is not None and counts.at_once.get(counted, 0) >= pace.at_once:
            raise CallLimitReached(limit=f"{pace.at_once} calls at once {whose}", seconds=_AGAIN)
        if pace.requests_per_minute is not None and counts.requests.get(counted, 0) >= pace.requests_per_minute:
            raise CallLimitReached(limit=f"{pace.requests_per_minute} requests a minute {whose}", seconds=seconds)
        most = pace.tokens_per_minute
        if most is not None and tokens > most:
            raise CallAboveLimit(limit=f"{most} tokens a minute {whose}", tokens=tokens)
        if most is not None and counts.tokens.get(counted, 0) + tokens > most:
            raise CallLimitReached(limit=f"{most} tokens a minute {whose}", seconds=seconds)

    def _limits(self, tenant_id: TenantId) -> list[CallLimit]:
        read_at, known = self._known.get(tenant_id, (0.0, []))
        if 0 <= self._now() - read_at < _FRESH:
            return known
        with self._db.tenant(tenant_id) as tx:
            found = limits_in_force(tx)
        if len(self._known) >= _MOST_TENANTS:
            self._known.clear()
        self._known[tenant_id] = (self._now(), found)
        return found


class Place:
    """A call's place among those at once. It is given back at the end of the block, or with a stream's end."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._held: list[Counted] = []
        self._is_with_stream = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._is_with_stream:
            self.leave()

    def take(self, caller: Caller, tokens: int) -> None:
        """Count the call. Raises CallLimitReached, CallAboveLimit."""
        self._held = self._pacing.enter(caller, tokens)

    def until_end_of(self, answer: Answering) -> Answering:
        """Keep the place for as long as an answer streams."""
        if self._held and not isinstance(answer.body, bytes):
            answer.body = _Held(answer.body, self.leave)
            self._is_with_stream = True
        return answer

    def leave(self) -> None:
        """Give it back; the second time changes nothing."""
        held, self._held = self._held, []
        self._pacing.leave(held)


class _Held:
    """A stream whose end gives a place back."""

    def __init__(self, body: Closing, leave: Callable[[], None]) -> None:
        self._body, self._leave = body, leave

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """End it."""
        try:
            self._body.close()
        finally:
            self._leave()


_WHOSE: Final = {
    SubjectKind.ORGANISATION: "of the organisation",
    SubjectKind.PERSON: "of whom the key belongs to",
    SubjectKind.KEY: "of the key",
}


def _applying(caller: Caller, limits: list[CallLimit]) -> list[tuple[Counted, Pace]]:
    found: dict[Counted, Pace] = {}
    ids = {SubjectKind.PERSON: caller.user_id, SubjectKind.KEY: caller.token_id}
    for one in limits:  # those for each come before those of single ones, which take their place
        whose = ids.get(one.subject.kind)
        if one.subject.kind is SubjectKind.ORGANISATION or (whose and one.subject.id in {None, whose}):
            found[caller.tenant_id, one.subject.kind, whose] = one.pace
    return list(found.items())
