"""What the log says of somebody who was removed, and what of it can be erased."""

from uuid import UUID

from sqlalchemy import not_, or_, select

from appliance import audit
from appliance.identity.errors import PersonNotFound, StillMember
from appliance.identity.permissions import Permission, require
from appliance.identity.scim.tables import ProvisioningTokenRow
from appliance.identity.tables import MembershipRow
from appliance.identity.values import SUPPORT_ROLES, Caller, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx


def erase_from_log(tx: Tx, caller: Caller, user_id: UserId, *, clock: Clock) -> None:
    """Erase for ever where somebody came from, and other personal values of their entries in the audit log. They were removed before.

    Raises PersonNotFound, StillMember.
    """
    require(caller, Permission.AUDIT_ERASE)
    row = tx.get(MembershipRow, (tx.tenant_id, user_id), with_for_update=True)
    if row is None:
        raise PersonNotFound
    if row.suspended_at is None:
        raise StillMember
    audit.erase_disclosures(tx, caller.actor, user_id, clock=clock)


def erase_others_from_log(tx: Tx, caller: Caller, *, clock: Clock) -> int:
    """Erase the same of those who have no page under People, or had it for hours: strangers who were refused, programs of
    identity providers, operators; return how many keys were destroyed.

    Not of whom the organisation still lets in: a member, a provider's token that is in force, an operator in their hours. On
    the platform it is strangers alone: whoever else its log knows is of an organisation.
    """
    require(caller, Permission.AUDIT_ERASE)
    subjects = audit.disclosed_subjects(tx)
    others = subjects & {audit.STRANGERS} if tx.tenant_id == audit.PLATFORM else subjects - _let_in(tx, clock)
    return sum(audit.erase_disclosures(tx, caller.actor, one, clock=clock) for one in sorted(others))


def _let_in(tx: Tx, clock: Clock) -> frozenset[UUID]:
    is_over = or_(MembershipRow.suspended_at.is_not(None), MembershipRow.access_until <= clock.now())
    roles = [one.value for one in SUPPORT_ROLES]
    members = select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id, or_(MembershipRow.role.not_in(roles), not_(is_over))
    )
    tokens = select(ProvisioningTokenRow.token_id).where(ProvisioningTokenRow.tenant_id == tx.tenant_id)
    return frozenset(tx.scalars(members)) | frozenset(tx.scalars(tokens.where(ProvisioningTokenRow.expires_at > clock.now())))
