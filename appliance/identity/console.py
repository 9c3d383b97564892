"""A person named at the operator's console. Whoever runs it holds the host; what they do is recorded as theirs."""

from sqlalchemy import select, text

from appliance import tenancy
from appliance.audit import PLATFORM, ActorKind
from appliance.identity.belonging import tenants_of
from appliance.identity.errors import Forbidden, PersonNotFound
from appliance.identity.sessions import caller_of
from appliance.identity.tables import MembershipRow
from appliance.identity.values import SUPPORT_ROLES, Caller, MemberKind, Role, UserId
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId


def caller_by_email(db: Database, email: str | None, tenant_id: TenantId | None = None) -> Caller:
    """Return a member as an operator's caller; without an address, the only owner. Raises PersonNotFound.

    `tenant_id` names one of their organisations, or the platform; by default the one they joined first.
    """
    if email is None:
        return _only_operator(db) if tenant_id == PLATFORM else _only_owner(db)
    with db.platform() as tx:
        user_id = tx.scalar(text("SELECT find_user(:email)"), {"email": email.strip().lower()})
        memberships = tenants_of(tx, UserId(user_id)) if user_id else []
    found = [one for one in memberships if tenant_id in {None, one}]
    if not found:
        raise PersonNotFound
    with db.tenant(found[0]) as tx:
        caller = caller_of(tx, UserId(user_id), kind=ActorKind.OPERATOR)
    if caller.role in SUPPORT_ROLES:  # what they do is on record at a browser, step by step
        raise Forbidden
    return caller


def _only_operator(db: Database) -> Caller:
    with db.tenant(PLATFORM) as tx:
        operators = tx.scalars(
            select(MembershipRow.user_id).where(
                MembershipRow.tenant_id == PLATFORM, MembershipRow.suspended_at.is_(None)
            )
        ).all()
        if len(operators) != 1:
            raise PersonNotFound(
                "There is not exactly one operator: make one with `appliance operator invite`, or say --as E-MAIL."
            )
        return caller_of(tx, UserId(operators[0]), kind=ActorKind.OPERATOR)


def _only_owner(db: Database) -> Caller:
    with db.platform() as tx:
        tenants = tenancy.list_tenants(tx)
    if not tenants:
        raise PersonNotFound("There is no organisation yet: `appliance setup` prints the link that creates one.")
    if len(tenants) != 1:
        raise PersonNotFound("There is not exactly one organisation: say who acts with --as E-MAIL.")
    with db.tenant(tenants[0]) as tx:
        owners = tx.scalars(
            select(MembershipRow.user_id).where(
                MembershipRow.tenant_id == tx.tenant_id,
                MembershipRow.role == Role.OWNER,
                MembershipRow.kind == MemberKind.PERSON,
                MembershipRow.suspended_at.is_(None),
            )
        ).all()
        if len(owners) != 1:  # nobody's name is put to what another one did
            raise PersonNotFound("There is not exactly one owner: say who acts with --as E-MAIL.")
        return caller_of(tx, UserId(owners[0]), kind=ActorKind.OPERATOR)
