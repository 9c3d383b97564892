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
from appliance.audit import Event, Outcome
from appliance.identity.errors import OrganisationSuspended, TokenMisplaced, TokenRefused
from appliance.identity.limits import is_from
from appliance.identity.values import Caller, GroupId, ModelEndpoint, Role, Scope, TokenLimits, UserId
from appliance.kernel.batches import Batches
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.questions import Question, ask
from appliance.kernel.sealing import digest

LATELY_SECONDS: Final = 1.0
_TOUCH_EVERY: Final = timedelta(minutes=1)
_MOST: Final = 10_000
Place = tuple[TenantId, UUID]
"""An organisation, and the token's id in it."""
_PLACE: Final = text("SELECT * FROM resolve_api_token(:digest)")
_CALLERS: Final = """SELECT t.token_id, t.user_id, t.scopes, t.models, t.endpoints, t.networks, t.expires_at, t.revoked_at, t.last_used_at, m.role, m.display_name,
              m.email, m.language, m.zone, m.suspended_at, o.name AS organisation, o.suspended_at AS organisation_suspended_at,
              ARRAY(SELECT g.group_id FROM group_members g
                    WHERE g.tenant_id = t.tenant_id AND g.user_id = t.user_id) AS groups
       FROM api_tokens t
       JOIN organisations o ON o.tenant_id = t.tenant_id
       JOIN memberships m ON m.tenant_id = t.tenant_id AND m.user_id = t.user_id
       WHERE t.tenant_id = %(tenant)s AND t.token_id = ANY(%(ids)s)"""
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

    def __init__(self, db: Database, *, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._lock = threading.Lock()
        self._places: OrderedDict[bytes, Place] = OrderedDict()
        self._lately: OrderedDict[UUID, tuple[float, Caller]] = OrderedDict()
        self._batches: Batches[TenantId, UUID, Caller] = Batches(self._read)

    def caller(self, secret: str, *, address: str, request_id: str) -> Caller:
        """Return who a program is. Raises TokenRefused, OrganisationSuspended."""
        tenant_id, token_id = self._place(digest(secret))
        return self._now(tenant_id, token_id, address=address, request_id=request_id)

    def lately(self, secret: str, *, address: str, request_id: str) -> Caller:
        """Return who a program was within the last second: for what is looked at again before anything is done."""
        tenant_id, token_id = self._place(digest(secret))
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

    def _place(self, name: bytes) -> Place:
        with self._lock:
            if place := self._places.get(name):
                self._places.move_to_end(name)
                return place
        place = find_place(self._db, name)
        with self._lock:
            self._places[name] = place
            if len(self._places) > _MOST:
                self._places.popitem(last=False)
        return place

    def _read(self, tenant_id: TenantId, token_ids: Sequence[UUID]) -> list[Caller | Exception]:
        with self._db.tenant(tenant_id) as tx:
            found = callers_by(tx, set(token_ids), self._clock.now())
        return [found[token_id] for token_id in token_ids]


def resolve_token(db: Database, secret: str, *, address: str, request_id: str, clock: Clock) -> Caller:
    """Return who a program is. Raises TokenRefused for an unknown, expired or revoked token, or a removed owner.

    Raises TokenMisplaced from elsewhere than its networks, which is on record once a minute.
    """
    tenant_id, token_id = find_place(db, digest(secret))
    with db.tenant(tenant_id) as tx:
        found = callers_by(tx, {token_id}, clock.now())[token_id]
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


def find_place(db: Database, name: bytes) -> Place:
    """Return where the token of this digest belongs. Raises TokenRefused."""
    with db.platform() as tx:
        found = tx.execute(_PLACE, {"digest": name}).first()
    if found is None:
        raise TokenRefused
    return TenantId(found.tenant_id), found.token_id


def callers_by(tx: Tx, token_ids: Collection[UUID], now: datetime) -> Mapping[UUID, Caller | Exception]:
    """Return for each token whom it stands for, or why for nobody; and keep that it was used."""
    standing: Standing = ask(tx, standing_of(tx.tenant_id, token_ids, now))[0]
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
    values = {"tenant": tenant_id, "ids": list(token_ids)}
    return Question(_CALLERS, values, lambda rows: _standing(tenant_id, rows, token_ids, now))


def _standing(tenant_id: TenantId, rows: Sequence[Any], token_ids: Collection[UUID], now: datetime) -> Standing:
    found: dict[UUID, Caller | Exception] = {token_id: TokenRefused() for token_id in token_ids}
    good = [row for row in rows if row.revoked_at is None and now < row.expires_at]
    before = now - _TOUCH_EVERY
    stale = sorted(row.token_id for row in good if row.last_used_at is None or row.last_used_at <= before)
    for row in good:
        if row.suspended_at is None:  # a removed owner's tokens are refused as unknown ones are
            found[row.token_id] = (
                _caller(tenant_id, row) if row.organisation_suspended_at is None else OrganisationSuspended()
            )
    return Standing(found, stale, now)


def _caller(tenant_id: TenantId, row: Any) -> Caller:
    return Caller(
        tenant_id=tenant_id, user_id=UserId(row.user_id), role=Role(row.role), display_name=row.display_name,
        email=row.email, organisation=row.organisation, groups=frozenset(map(GroupId, row.groups)),
        scopes=frozenset(map(Scope, row.scopes)), token_id=row.token_id, language=row.language, zone=row.zone,
        limits=TokenLimits(tuple(row.models), tuple(map(ModelEndpoint, row.endpoints)), tuple(row.networks)),
    )  # fmt: skip
