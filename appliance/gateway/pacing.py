"""How fast programs may call: requests and tokens in a minute, and calls at once, of all processes that serve (`paces.py`).

What an organisation set is read again after a second; who set nothing pays nothing more. If it cannot be read or counted, the
call is refused like any that cannot be recorded. A call counts by what it may need, since what it does need is known when
it is too late. Calls that come together are counted together.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from appliance.budgets import SubjectKind
from appliance.budgets.limits import CallLimit, Pace, limits_in_force
from appliance.gateway import paces
from appliance.gateway.answering import Answering, Closing
from appliance.gateway.errors import CallAboveLimit, CallLimitReached
from appliance.gateway.paces import Counted, Minute
from appliance.identity import Caller
from appliance.kernel.batches import Batches
from appliance.kernel.db import Database
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger

log = logger("gateway")
_WINDOW: Final = 60
_FRESH: Final = 1.0
_MOST_TENANTS: Final = 10_000
_AGAIN: Final = 1


@dataclass(frozen=True)
class _Entering:
    """A call that is to be counted."""

    limits: Sequence[tuple[Counted, Pace]]
    tokens: int
    counted_tokens: int | None = None
    """How many tokens were counted already with the call that this is part of; None: it is a call of its own."""

    @property
    def held(self) -> list[Counted]:
        """What it holds for as long as it lasts."""
        return [] if self.counted_tokens is not None else [counted for counted, pace in self.limits if pace.at_once is not None]


class Pacing:
    """Counts calls, and refuses those above a limit. `process` names whoever serves here, now and after a restart."""

    def __init__(self, db: Database, *, process: str, now: Callable[[], float] = time.time) -> None:
        self._db, self._process, self._now, self._lock = db, process, now, threading.Lock()
        self._held: dict[Counted, int] = {}
        self._visited: set[TenantId] = set()
        self._known: dict[TenantId, tuple[float, list[CallLimit]]] = {}
        self._reading: Batches[TenantId, None, list[CallLimit]] = Batches(self._read)
        self._entering: Batches[TenantId, _Entering, None] = Batches(self._enter_all)
        self._leaving: Batches[TenantId, list[Counted], None] = Batches(self._leave_all)

    def place(self) -> "Place":
        """Return the place of a call that has not been counted yet."""
        return Place(self)

    def enter(self, caller: Caller, tokens: int) -> list[Counted]:
        """Count a call, and return what it holds until `leave`. Raises CallLimitReached, CallAboveLimit; it counts for nothing then."""
        limits = _applying(caller, self._limits(caller.tenant_id))
        if not limits:
            return []
        one = _Entering(limits, tokens)
        self._entering.do(caller.tenant_id, one)
        return one.held

    def add(self, caller: Caller, tokens: int, *, counted_tokens: int) -> None:
        """Count what a call of `tokens` has beyond those that are counted already. Raises CallLimitReached, CallAboveLimit."""
        limits = _applying(caller, self._limits(caller.tenant_id))
        if limits and tokens > counted_tokens:
            self._entering.do(caller.tenant_id, _Entering(limits, tokens - counted_tokens, counted_tokens))

    def leave(self, held: list[Counted]) -> None:
        """Let the next call come. Where that cannot be written, the next call of this process says it."""
        if not held:
            return
        self._hold(held, -1)
        try:
            self._leaving.do(held[0][0], held)
        except Exception:  # the call has ended, whatever becomes of its count
            log.exception("place_kept")

    def under_way(self) -> int:
        """Return how many places are held here."""
        with self._lock:
            return sum(self._held.values())

    def _enter_all(self, tenant_id: TenantId, asked: Sequence[_Entering]) -> list[Refusal | None]:
        entered: list[Counted] = []
        counted = {one for entering in asked for one, _ in entering.limits}
        try:
            with self._db.tenant(tenant_id) as tx:
                paces.take_turn(tx)
                now = self._now()  # whoever had the turn before may have begun another minute
                minute = int(now) // _WINDOW
                if tenant_id not in self._visited:
                    paces.forget_places(tx, process=self._process)
                minutes, elsewhere = paces.counts_of(tx, counted, minute=minute, process=self._process, now=now)
                found: list[Refusal | None] = []
                for one in asked:
                    found.append(self._judged(one, minutes, elsewhere, _WINDOW - int(now) % _WINDOW))
                    if found[-1] is None:
                        entered += one.held
                        self._hold(one.held, 1)
                paces.put_minutes(tx, minutes, minute=minute)
                paces.put_places(tx, self._held_of(entered), process=self._process, now=now)
        except BaseException:
            self._hold(entered, -1)
            raise
        self._visited.add(tenant_id)
        return found

    def _leave_all(self, tenant_id: TenantId, left: Sequence[list[Counted]]) -> list[None]:
        with self._db.tenant(tenant_id) as tx:
            paces.take_turn(tx)
            paces.put_places(tx, self._held_of([one for held in left for one in held]), process=self._process, now=self._now())
        return [None] * len(left)

    def _judged(
        self, asked: _Entering, minutes: dict[Counted, Minute], elsewhere: dict[Counted, int], seconds: int
    ) -> Refusal | None:
        with self._lock:
            here = {counted: self._held.get(counted, 0) for counted, _ in asked.limits}
        try:
            for counted, pace in asked.limits:
                if asked.counted_tokens is None:
                    _check_calls(counted, pace, minutes[counted], here[counted] + elsewhere.get(counted, 0), seconds)
                _check_tokens(counted, pace, minutes[counted], asked, seconds)
        except (CallAboveLimit, CallLimitReached) as refusal:
            return refusal
        for counted, _ in asked.limits:
            minutes[counted].requests += asked.counted_tokens is None
            minutes[counted].tokens += asked.tokens
        return None

    def _hold(self, held: Sequence[Counted], by: int) -> None:
        with self._lock:
            for counted in held:
                left = self._held.get(counted, 0) + by
                if left > 0:
                    self._held[counted] = left
                else:
                    self._held.pop(counted, None)

    def _held_of(self, counted: Sequence[Counted]) -> dict[Counted, int]:
        with self._lock:
            return {one: self._held.get(one, 0) for one in counted}

    def _limits(self, tenant_id: TenantId) -> list[CallLimit]:
        known = self._fresh(tenant_id)
        return self._reading.do(tenant_id, None) if known is None else known

    def _fresh(self, tenant_id: TenantId) -> list[CallLimit] | None:
        read_at, known = self._known.get(tenant_id, (0.0, []))
        return known if 0 <= self._now() - read_at < _FRESH else None

    def _read(self, tenant_id: TenantId, waiting: Sequence[None]) -> list[list[CallLimit] | Exception]:
        """Read them once for all who wait, unless somebody did while these came."""
        found = self._fresh(tenant_id)
        if found is None:
            with self._db.tenant(tenant_id) as tx:
                found = limits_in_force(tx)
            if len(self._known) >= _MOST_TENANTS:
                self._known.clear()
            self._known[tenant_id] = (self._now(), found)
        return [found for _ in waiting]


def _check_calls(counted: Counted, pace: Pace, minute: Minute, at_once: int, seconds: int) -> None:
    whose = _WHOSE[counted[1]]
    if pace.at_once is not None and at_once >= pace.at_once:
        raise CallLimitReached(limit=f"{pace.at_once} calls at once {whose}", seconds=_AGAIN)
    if pace.requests_per_minute is not None and minute.requests >= pace.requests_per_minute:
        raise CallLimitReached(limit=f"{pace.requests_per_minute} requests a minute {whose}", seconds=seconds)


def _check_tokens(counted: Counted, pace: Pace, minute: Minute, asked: _Entering, seconds: int) -> None:
    whose, most, whole = _WHOSE[counted[1]], pace.tokens_per_minute, asked.tokens + (asked.counted_tokens or 0)
    if most is not None and whole > most:
        raise CallAboveLimit(limit=f"{most} tokens a minute {whose}", tokens=whole)
    if most is not None and minute.tokens + asked.tokens > most:
        raise CallLimitReached(limit=f"{most} tokens a minute {whose}", seconds=seconds)


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
