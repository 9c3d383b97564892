"""Who a provider's program is: by a token of one connection, good at that connection's address alone.

A token is 32 random bytes, shown once; its SHA-256 is stored. There is nothing to guess, so nothing is locked: what is
counted is how often a token comes (at the door), and what is recorded is that it came from elsewhere.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from appliance import audit
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.identity.errors import OrganisationSuspended, TokenMisplaced, TokenRefused
from appliance.identity.limits import is_from
from appliance.identity.scim.errors import ProvisioningOff
from appliance.identity.scim.values import Client, Service, SubjectOf
from appliance.identity.sso.values import ConnectionId, ConnectionState
from appliance.identity.values import Role
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import digest

PREFIX: Final = "cloister_scim_"
_TOUCH_EVERY: Final = timedelta(minutes=1)
_PLACE: Final = text("SELECT * FROM resolve_scim_token(:digest)")
_STANDING: Final = text(
    """SELECT t.connection_id, t.networks, t.expires_at, t.last_used_at, s.is_on, s.subject_of, s.needs_group, s.changed_at,
              c.state, c.default_role, o.suspended_at
       FROM scim_tokens t
       JOIN scim_services s ON s.tenant_id = t.tenant_id AND s.connection_id = t.connection_id
       JOIN sso_connections c ON c.tenant_id = t.tenant_id AND c.connection_id = t.connection_id
       JOIN organisations o ON o.tenant_id = t.tenant_id
       WHERE t.tenant_id = :tenant AND t.token_id = :id"""
)
_TOUCH: Final = text("UPDATE scim_tokens SET last_used_at = :now WHERE tenant_id = :tenant AND token_id = :id")
_MISPLACED: Final = text(
    "UPDATE scim_tokens SET misplaced_at = :now WHERE tenant_id = :tenant AND token_id = :id"
    " AND (misplaced_at IS NULL OR misplaced_at <= :before) RETURNING token_id"
)


def resolve_client(
    db: Database, secret: str, connection_id: UUID, *, base: str, address: str, request_id: str, clock: Clock
) -> Client:
    """Return whose program shows this token at a connection's address.

    Raises TokenRefused, also for a token of another connection; TokenMisplaced, ProvisioningOff, OrganisationSuspended.
    """
    with db.platform() as tx:
        place = tx.execute(_PLACE, {"digest": digest(secret)}).first()
    if place is None:
        raise TokenRefused
    tenant_id, token_id, now = TenantId(place.tenant_id), place.token_id, clock.now()
    with db.tenant(tenant_id) as tx:
        row = tx.execute(_STANDING, {"tenant": tenant_id, "id": token_id}).one_or_none()
        if row is None or now >= row.expires_at:
            raise TokenRefused
        is_there = row.connection_id == connection_id and (not row.networks or is_from(row.networks, address))
        if is_there and (row.last_used_at is None or now - row.last_used_at >= _TOUCH_EVERY):
            tx.execute(_TOUCH, {"tenant": tenant_id, "id": token_id, "now": now})
        if not is_there:
            _note_misplaced(tx, Actor(ActorKind.SYSTEM, token_id, address, request_id), now)
    if not is_there:  # the record of it is committed
        raise TokenRefused if row.connection_id != connection_id else TokenMisplaced
    if row.suspended_at is not None:
        raise OrganisationSuspended
    if not row.is_on or row.state == ConnectionState.OFF:
        raise ProvisioningOff
    return Client(
        tenant_id, ConnectionId(connection_id), token_id, _service(row), Role(row.default_role), base, address, request_id
    )


def require_standing(tx: Tx, client: Client, *, clock: Clock) -> None:
    """Raise TokenRefused if the token was revoked or ended since the request began.

    Each transaction that writes asks: a bulk of many operations, or one that waited for its turn, stops at once.
    """
    row = tx.execute(_STANDING, {"tenant": tx.tenant_id, "id": client.token_id}).one_or_none()
    is_over = row is None or clock.now() >= row.expires_at or row.suspended_at is not None
    if row is None or is_over or not row.is_on or row.state == ConnectionState.OFF:
        raise TokenRefused


def _service(row: Any) -> Service:
    return Service(row.is_on, SubjectOf(row.subject_of), row.needs_group, row.changed_at)


def _note_misplaced(tx: Tx, actor: Actor, now: datetime) -> None:
    # Once a minute, as whoever holds it may try without end.
    wanted = {"tenant": tx.tenant_id, "id": actor.id, "now": now, "before": now - _TOUCH_EVERY}
    if tx.execute(_MISPLACED, wanted).first() is not None:
        audit.record(tx, actor, Event.PROVISIONING_TOKEN_MISPLACED, subject=actor.id, outcome=Outcome.REFUSED)
