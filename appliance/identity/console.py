"""A person named at the operator's console. Whoever runs it holds the host; what they do is recorded as theirs."""

from sqlalchemy import select, text

from appliance import tenancy
from appliance.audit import ActorKind
from appliance.identity.errors import PersonNotFound
from appliance.identity.sessions import caller_of
from appliance.identity.tables import MembershipRow
from appliance.identity.values import Caller, Role, UserId
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId


def caller_by_email(db: Database, email: str | None) -> Caller:
    """Return a member as an operator's caller; without an address, the only owner. Raises PersonNotFound."""
    if email is None:
        return _only_owner(db)
    with db.platform() as tx:
        user_id = tx.scalar(text("SELECT find_user(:email)"), {"email": email.strip().lower()})
        memberships = tx.execute(text("SELECT tenant_id FROM list_memberships(:id)"), {"id": user_id}).all()
    if not memberships:
        raise PersonNotFound
    with db.tenant(TenantId(memberships[0].tenant_id)) as tx:
        return caller_of(tx, UserId(user_id), kind=ActorKind.OPERATOR)


def _only_owner(db: Database) -> Caller:
    with db.platform() as tx:
        tenants = tenancy.list_tenants(tx)
    if len(tenants) != 1:
        raise PersonNotFound("There is not exactly one organisation: say who acts with --as E-MAIL.")
    with db.tenant(tenants[0]) as tx:
        owners = tx.scalars(
            select(MembershipRow.user_id).where(
                MembershipRow.tenant_id == tx.tenant_id,
                MembershipRow.role == Role.OWNER,
                MembershipRow.suspended_at.is_(None),
            )
        ).all()
        return caller_of(tx, UserId(owners[0]), kind=ActorKind.OPERATOR)
