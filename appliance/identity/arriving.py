"""Who a program is: by its token, of which the database is asked for all that come at a moment together.

What is remembered of a token for good is where it belongs, which never changes. Whom it stands for is remembered for a
second, for what is only prepared: `callers_by` says it again in the transaction that admits a call.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event, Outcome
from appliance.identity.errors import OrganisationSuspended, TokenMisplaced, TokenRefused
from appliance.identity.guesses import Guesses
from appliance.identity.limits import is_from
from appliance.identity.tallies import Tally
from appliance.identity.values import Caller, GroupId, ModelEndpoint, Role, Scope, TokenLimits, UserId
from appliance.kernel.batches import Batches
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.questions import Question, Saying, ask
from appliance.kernel.sealing import digest

LATELY_SECONDS: Final = 1.0
_TOUCH_EVERY: Final = timedelta(minutes=1)
_MOST: Final = 10_000
Place = tuple[TenantId, UUID]
"""An organisation, and the token's id in it."""
_PLACE: Final = text("SELECT * FROM resolve_api_token(:digest)")
_TOUCH: Final = text(
    "UPDATE api_tokens SET last_used_at = :now WHERE tenant_id = :tenant AND token_id = ANY(:ids)"
    " AND (last_used_at IS NULL OR last_used_at <= :before)"
)


_MISPLACED: Final = text(
    "UPDATE api_tokens SET misplaced_at = :now WHERE tenant_id = :tenant AND token_id = :id"
    " AND (misplaced_at IS NULL OR misplaced_at <= :before) RETURNING token_id"
)


class Arrivals:
    """Resolves tokens. Thread-safe."""

    def __init__(self, db: Database, guesses: Guesses, tally: Tally, *, clock: Clock) -> None:
        self._db, self._guesses, self._tally, self._clock = db, guesses, tally, clock
        self._lock = threading.Lock()
        self._places: OrderedDict[bytes, Place] = OrderedDict()
        self._lately: OrderedDict[UUID, tuple[float, Caller]] = OrderedDict()
        self._batches: Batches[TenantId, UUID, Caller] = Batches(self._read)

    def caller(self, secret: str, *, address: str, request_id: str) -> Caller:
        """Return who a program is. Raises TokenRefused, TokensGuessed, OrganisationSuspended."""
        tenant_id, token_id = self._place(digest(secret), address, request_id)
        return self._now(tenant_id, token_id, address=address, request_id=request_id)

    def lately(self, secret: str, *, address: str, request_id: str) -> Caller:
        """Return who a program was within the last second: for what is looked at again before anything is done."""
        tenant_id, token_id = self._place(digest(secret), address, request_id)
        with self._lock:
            until, found = self._lately.get(token_id, (0.0, None))
        if found is not None and time.monotonic() < until:
            return self._placed(found, address=address, request_id=request_id)
        return self._now(tenant_id, token_id, address=address, request_id=request_id)

    def again(self, caller: Caller) -> Caller:
        """Return who the program of a token is now. Raises as `caller` does."""
        assert caller.token_id is not None  # noqa: S101 - whoever arrives here has one
        return self._now(
            caller.tenant_id, caller.token_id, address=caller.address or "", request_id=caller.request_id or ""
        )

    def _now(self, tenant_id: TenantId, token_id: UUID, *, address: str, request_id: str) -> Caller:
        found = self._batches.do(tenant_id, token_id)
        with self._lock:
            self._lately[token_id] = (time.monotonic() + LATELY_SECONDS, found)
            self._lately.move_to_end(token_id)
            if len(self._lately) > _MOST:
                self._lately.popitem(last=False)
        return self._placed(found, address=address, request_id=request_id)

    def _placed(self, found: Caller, *, address: str, request_id: str) -> Caller:
        caller = replace(found, address=address, request_id=request_id)
        try:
            return placed(caller, address)
        except TokenMisplaced:
            note_misplaced(self._db, caller, clock=self._clock)
            raise

    def _place(self, name: bytes, address: str, request_id: str) -> Place:
        with self._lock:
            if place := self._places.get(name):
                self._places.move_to_end(name)
                return place
        place = find_place(self._db, name, self._guesses, address=address, request_id=request_id)
        with self._lock:
            self._places[name] = place
            if len(self._places) > _MOST:
                self._places.popitem(last=False)
        return place

    def _read(self, tenant_id: TenantId, token_ids: Sequence[UUID]) -> list[Caller | Exception]:
        with self._db.tenant(tenant_id) as tx:
            found = callers_by(tx, set(token_ids), self._clock.now(), self._tally)
        return [found[token_id] for token_id in token_ids]


def resolve_token(
    db: Database, guesses: Guesses, tally: Tally, secret: str, *, address: str, request_id: str, clock: Clock
) -> Caller:
    """Return who a program is. Raises TokenRefused for an unknown, expired or revoked token, or a removed owner.

    Raises TokensGuessed where too many unknown ones came from; TokenMisplaced from elsewhere than its networks, which is on record once a minute.
    """
    tenant_id, token_id = find_place(db, digest(secret), guesses, address=address, request_id=request_id)
    with db.tenant(tenant_id) as tx:
        found = callers_by(tx, {token_id}, clock.now(), tally)[token_id]
    if isinstance(found, Exception):
        raise found
    caller = replace(found, address=address, request_id=request_id)
    try:
        return placed(caller, address)
    except TokenMisplaced:
        note_misplaced(db, caller, clock=clock)
        raise


def placed(found: Caller | Exception, address: str) -> Caller:
    """Return the caller if the token may come from an address. Raises TokenMisplaced, and what stands for a caller."""
    if isinstance(found, Exception):
        raise found
    if found.limits.networks and not is_from(found.limits.networks, address):
        raise TokenMisplaced
    return found


def note_misplaced(db: Database, caller: Caller, *, clock: Clock) -> None:
    """Put on record that a token came from elsewhere: once a minute, as whoever holds it may try without end."""
    now = clock.now()
    wanted = {"tenant": caller.tenant_id, "id": caller.token_id, "now": now, "before": now - _TOUCH_EVERY}
    with db.tenant(caller.tenant_id) as tx:
        if tx.execute(_MISPLACED, wanted).first() is not None:
            audit.record(tx, caller.actor, Event.TOKEN_MISPLACED, subject=caller.token_id, outcome=Outcome.REFUSED)


def find_place(db: Database, name: bytes, guesses: Guesses, *, address: str, request_id: str) -> Place:
    """Return where the token of this digest belongs. Raises TokenRefused, TokensGuessed."""
    guesses.require_patience(name, address)
    with db.platform() as tx:
        found = tx.execute(_PLACE, {"digest": name}).first()
    if found is None:
        if guesses.wrong(address):
            _note_guesses(db, guesses, address=address, request_id=request_id)
        raise TokenRefused
    guesses.right(name)
    return TenantId(found.tenant_id), found.token_id


def _note_guesses(db: Database, guesses: Guesses, *, address: str, request_id: str) -> None:
    stranger = Actor(ActorKind.USER, address=address, request_id=request_id)
    try:
        with db.tenant(PLATFORM) as tx:
            audit.record(tx, stranger, Event.TOKEN_GUESSED, outcome=Outcome.REFUSED)
    except BaseException:
        guesses.unnoted(address)
        raise


def callers_by(tx: Tx, token_ids: Collection[UUID], now: datetime, tally: Tally) -> Mapping[UUID, Caller | Exception]:
    """Return for each token whom it stands for, or why for nobody; and keep that it was used.

    In the same trip the processes that serve tell each other how often it was: nothing of that waits for a disk.
    """
    telling = tally.telling(token_ids)
    # What a crash of the database loses of it costs a second's count.
    told: list[Question[Any] | Saying] = [Saying("SET LOCAL synchronous_commit = off", ()), telling] if telling else []
    standing: Standing = ask(tx, standing_of(tx.tenant_id, token_ids, now), *told)[0]
    standing.touch(tx)
    return standing.callers


@dataclass(frozen=True)
class Standing:
    """Whom tokens stand for, and which of them were used for the first time in a while."""

    callers: Mapping[UUID, Caller | Exception]
    stale: Sequence[UUID]
    now: datetime

    def touch(self, tx: Tx) -> None:
        """Keep that they were used, to the minute."""
        if self.stale:
            wanted = {"ids": list(self.stale), "now": self.now, "before": self.now - _TOUCH_EVERY}
            tx.execute(_TOUCH, {"tenant": tx.tenant_id} | wanted)


def standing_of(tenant_id: TenantId, token_ids: Collection[UUID], now: datetime) -> Question[Standing]:
    """Return the question whom tokens stand for."""
    return Question("callers_of_tokens(uuid[])", [list(token_ids)], lambda rows: _standing(tenant_id, rows or (), token_ids, now))


def _standing(tenant_id: TenantId, rows: Sequence[Any], token_ids: Collection[UUID], now: datetime) -> Standing:
    found: dict[UUID, Caller | Exception] = {token_id: TokenRefused() for token_id in token_ids}
    before, stale = now - _TOUCH_EVERY, list[UUID]()
    for row in rows:
        if row["revoked_at"] is not None or now >= datetime.fromisoformat(row["expires_at"]):
            continue
        token_id, until = UUID(row["token_id"]), row["access_until"]
        if row["last_used_at"] is None or datetime.fromisoformat(row["last_used_at"]) <= before:
            stale.append(token_id)
        is_over = until is not None and datetime.fromisoformat(until) <= now
        if row["suspended_at"] is None and not is_over:  # a removed owner's tokens are refused as unknown ones are
            is_closed = row["organisation_suspended_at"] is not None
            found[token_id] = OrganisationSuspended() if is_closed else _caller(tenant_id, token_id, row)
    return Standing(found, sorted(stale), now)


def _caller(tenant_id: TenantId, token_id: UUID, row: Mapping[str, Any]) -> Caller:
    return Caller(
        tenant_id=tenant_id, user_id=UserId(UUID(row["user_id"])), role=Role(row["role"]),
        display_name=row["display_name"], email=row["email"], organisation=row["organisation"],
        granted=frozenset(row["granted"] or ()), role_title=row["role_title"] or "",
        groups=frozenset(GroupId(UUID(one)) for one in row["groups"]), scopes=frozenset(map(Scope, row["scopes"])),
        token_id=token_id, language=row["language"], zone=row["zone"],
        limits=TokenLimits(tuple(row["models"]), tuple(map(ModelEndpoint, row["endpoints"])), tuple(row["networks"])),
    )  # fmt: skip
