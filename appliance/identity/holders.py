"""Somebody stays who holds an organisation, or the platform: whoever takes the role away looks at all who have it, in one order."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from appliance.identity.errors import LastOwner
from appliance.identity.tables import MembershipRow
from appliance.identity.values import MemberKind, Role
from appliance.kernel.db import Tx


def lock_holders(tx: Tx, *roles: Role) -> Sequence[UUID]:
    """Return the people who have one of these roles; who else wants them waits until the end of this transaction.

    To be called before one of them is locked alone: two owners who remove each other would wait for each other for ever.
    """
    return tx.scalars(
        select(MembershipRow.user_id)
        .where(
            MembershipRow.tenant_id == tx.tenant_id,
            MembershipRow.role.in_([one.value for one in roles]),
            MembershipRow.kind == MemberKind.PERSON,
            MembershipRow.suspended_at.is_(None),
        )
        .order_by(MembershipRow.user_id)
        .with_for_update()
    ).all()


def keep_another(tx: Tx, role: Role, leaving: UUID) -> None:
    """Raise LastOwner unless somebody else has the role, who keeps it until the end of this transaction."""
    if not any(holder != leaving for holder in lock_holders(tx, role)):
        raise LastOwner
