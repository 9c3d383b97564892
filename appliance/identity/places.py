"""One person in several organisations: where they belong, and going from one to another."""

import secrets

from sqlalchemy import text

from appliance import audit, tenancy
from appliance.audit import Event
from appliance.identity.errors import PlaceNotFound
from appliance.identity.permissions import require_browser
from appliance.identity.tables import MembershipRow, SessionRow
from appliance.identity.values import Caller, Place, Role, UserId
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import digest


def tenants_of(tx: Tx, user_id: UserId) -> list[TenantId]:
    """Return where a person is a member, the oldest membership first, from any transaction."""
    rows = tx.execute(text("SELECT tenant_id FROM list_memberships(:id)"), {"id": user_id})
    return [TenantId(row.tenant_id) for row in rows]


def list_places(db: Database, user_id: UserId) -> list[Place]:
    """Return the open organisations, and the platform, where a person belongs."""
    with db.platform() as tx:
        tenants = tenants_of(tx, user_id)
    places = []
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            member, organisation = tx.get(MembershipRow, (tenant_id, user_id)), tenancy.get_organisation(tx)
        if member is not None and member.suspended_at is None and organisation.suspended_at is None:
            places.append(Place(tenant_id, organisation.name, Role(member.role)))
    return places


def enter(db: Database, caller: Caller, tenant_id: TenantId, *, token: str) -> str:
    """Move the caller's session to another of their organisations; return its new token. Raises PlaceNotFound.

    The session keeps its age and its last proof of who they are: going elsewhere is no new sign-in.
    """
    require_browser(caller)
    if tenant_id not in {place.tenant_id for place in list_places(db, caller.user_id)}:
        raise PlaceNotFound
    with db.tenant(caller.tenant_id) as tx:
        old = tx.get_one(SessionRow, (tx.tenant_id, digest(token)))
        tx.delete(old)
        tx.flush()
        audit.record(tx, caller.actor, Event.SESSION_CLOSED, subject=caller.user_id)
    new = secrets.token_urlsafe(32)
    with db.tenant(tenant_id) as tx:
        tx.add(
            SessionRow(
                tenant_id=tenant_id, digest=digest(new), user_id=caller.user_id, created_at=old.created_at,
                last_seen_at=old.last_seen_at, expires_at=old.expires_at, address=old.address, agent=old.agent,
                authenticated_at=old.authenticated_at, methods=old.methods,
            )
        )  # fmt: skip
        tx.flush()
        audit.record(tx, caller.actor, Event.SESSION_OPENED, subject=caller.user_id)
    return new
