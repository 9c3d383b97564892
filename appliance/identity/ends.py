"""Memberships that were given until a moment: an auditor's, for as long as the audit lasts."""

from sqlalchemy import select

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.revocation import end_access
from appliance.identity.tables import MembershipRow
from appliance.identity.values import UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx


def end_expired(tx: Tx, *, clock: Clock) -> list[UserId]:
    """Remove the members whose access was given until a moment that has come; return who they are.

    They were refused from that moment on: this ends what they left, and says it in the log.
    """
    rows = tx.scalars(
        select(MembershipRow)
        .where(MembershipRow.tenant_id == tx.tenant_id, MembershipRow.access_until <= clock.now())
        .where(MembershipRow.suspended_at.is_(None))
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        end_access(tx, UserId(row.user_id), now=clock.now())
        row.suspended_at = clock.now()
        tx.flush()
        audit.record(tx, Actor(ActorKind.SYSTEM), Event.MEMBER_EXPIRED, subject=row.user_id, role=row.role)
    return [UserId(row.user_id) for row in rows]
