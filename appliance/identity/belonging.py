"""Where a person belongs, asked from any transaction: ids alone."""

from sqlalchemy import text

from appliance.audit import PLATFORM
from appliance.identity.values import UserId
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId


def tenants_of(tx: Tx, user_id: UserId) -> list[TenantId]:
    """Return where a person is a member, the oldest membership first, from any transaction."""
    rows = tx.execute(text("SELECT tenant_id FROM list_memberships(:id)"), {"id": user_id})
    return [TenantId(row.tenant_id) for row in rows]


def has_been_elsewhere(tx: Tx, user_id: UserId) -> bool:
    """Say whether a person belongs, or belonged, to another organisation than this transaction's: that one may let them in again."""
    return bool(tx.scalar(text("SELECT has_been_elsewhere(:id)"), {"id": user_id}))


def is_operator(tx: Tx, user_id: UserId) -> bool:
    """Say whether a person runs the platform now, from any transaction."""
    return PLATFORM in tenants_of(tx, user_id)
