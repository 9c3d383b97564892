"""Who a program is: by its token, asked of the database each time, for all that come at a moment in one transaction.

What is remembered of a token is where it belongs, which never changes; whether it is still good, and what its owner may do,
is read anew for every request.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, update

from appliance.identity.errors import NotSignedIn, OrganisationSuspended, TokenRefused
from appliance.identity.sessions import callers_of
from appliance.identity.tables import TokenRow
from appliance.identity.values import Caller, Scope, UserId
from appliance.kernel.batches import Batches
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import digest

_TOUCH_EVERY: Final = timedelta(minutes=1)
_MOST_PLACES: Final = 10_000
Place = tuple[TenantId, UUID]
"""An organisation, and the token's id in it."""


class Arrivals:
    """Resolves tokens. Thread-safe."""

    def __init__(self, db: Database, *, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._lock = threading.Lock()
        self._places: OrderedDict[bytes, Place] = OrderedDict()
        self._batches: Batches[TenantId, UUID, Caller] = Batches(self._read)

    def caller(self, secret: str, *, address: str, request_id: str) -> Caller:
        """Return who a program is. Raises TokenRefused, OrganisationSuspended."""
        tenant_id, token_id = self._place(digest(secret))
        found = self._batches.do(tenant_id, token_id)
        return replace(found, address=address, request_id=request_id)

    def _place(self, name: bytes) -> Place:
        with self._lock:
            if place := self._places.get(name):
                self._places.move_to_end(name)
                return place
        place = find_place(self._db, name)
        with self._lock:
            self._places[name] = place
            if len(self._places) > _MOST_PLACES:
                self._places.popitem(last=False)
        return place

    def _read(self, tenant_id: TenantId, token_ids: Sequence[UUID]) -> list[Caller | Exception]:
        with self._db.tenant(tenant_id) as tx:
            found = callers_by(tx, set(token_ids), self._clock.now())
        return [found[token_id] for token_id in token_ids]


def resolve_token(db: Database, secret: str, *, address: str, request_id: str, clock: Clock) -> Caller:
    """Return who a program is. Raises TokenRefused for an unknown, expired or revoked token, or a removed owner."""
    tenant_id, token_id = find_place(db, digest(secret))
    with db.tenant(tenant_id) as tx:
        found = callers_by(tx, {token_id}, clock.now())[token_id]
    if isinstance(found, Exception):
        raise found
    return replace(found, address=address, request_id=request_id)


def find_place(db: Database, name: bytes) -> Place:
    """Return where the token of this digest belongs. Raises TokenRefused."""
    with db.platform() as tx:
        found = tx.execute(text("SELECT * FROM resolve_api_token(:digest)"), {"digest": name}).first()
    if found is None:
        raise TokenRefused
    return TenantId(found.tenant_id), found.token_id


def callers_by(tx: Tx, token_ids: set[UUID], now: datetime) -> dict[UUID, Caller | Exception]:
    """Return for each token whom it stands for, or why for nobody."""
    rows = tx.scalars(select(TokenRow).where(TokenRow.tenant_id == tx.tenant_id, TokenRow.token_id.in_(token_ids))).all()
    good = [row for row in rows if row.revoked_at is None and now < row.expires_at]
    _touch(tx, good, now)
    people = callers_of(tx, {UserId(row.user_id) for row in good})
    found: dict[UUID, Caller | Exception] = {token_id: TokenRefused() for token_id in token_ids}
    for row in good:
        person = people[UserId(row.user_id)]
        if isinstance(person, Caller):
            found[row.token_id] = replace(person, scopes=frozenset(map(Scope, row.scopes)), token_id=row.token_id)
        elif isinstance(person, OrganisationSuspended):
            found[row.token_id] = person
        else:
            assert isinstance(person, NotSignedIn)  # noqa: S101 - whose owner was removed, refused as it is
    return found


def _touch(tx: Tx, rows: Sequence[TokenRow], now: datetime) -> None:
    stale = [row.token_id for row in rows if row.last_used_at is None or now - row.last_used_at >= _TOUCH_EVERY]
    if stale:
        tx.execute(
            update(TokenRow)
            .where(TokenRow.tenant_id == tx.tenant_id, TokenRow.token_id.in_(sorted(stale)))
            .values(last_used_at=now)
            .execution_options(synchronize_session=False)
        )
