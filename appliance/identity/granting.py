"""Who a permission is granted to, asked of the database: by the roles that there are, and by an organisation's own."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from appliance.identity.errors import Forbidden, PersonNotFound
from appliance.identity.permissions import GIVABLE, GRANTS, Permission, givable, held
from appliance.identity.tables import CustomRoleRow, MembershipRow
from appliance.identity.values import SUPPORT_ROLES, Caller, Role, UserId
from appliance.kernel.db import Tx


@dataclass(frozen=True)
class OwnRole:
    """A role of the organisation's own, as a membership names it."""

    name: str
    permissions: frozenset[str]


def is_granted(tx: Tx, permission: Permission) -> ColumnElement[bool]:
    """Return the condition that a membership's role grants a permission.

    An operator who was let in is nobody of the organisation: no mail of theirs, and no second person.
    """
    roles = [one.value for one, granted in GRANTS.items() if permission in granted and one not in SUPPORT_ROLES]
    by_name = MembershipRow.role.in_(roles)
    if permission not in GIVABLE:
        return by_name
    own = select(CustomRoleRow.role_id).where(
        CustomRoleRow.tenant_id == tx.tenant_id, CustomRoleRow.permissions.contains([permission.value])
    )
    return or_(by_name, (MembershipRow.role == Role.CUSTOM) & MembershipRow.custom_role_id.in_(own))


def own_roles(tx: Tx, role_ids: Iterable[UUID | None]) -> Mapping[UUID, OwnRole]:
    """Return custom roles by id, for those who have them."""
    wanted = {one for one in role_ids if one is not None}
    if not wanted:
        return {}
    rows = tx.scalars(
        select(CustomRoleRow).where(CustomRoleRow.tenant_id == tx.tenant_id, CustomRoleRow.role_id.in_(wanted))
    )
    return {row.role_id: OwnRole(row.name, frozenset(row.permissions)) for row in rows}


def held_by(tx: Tx, row: MembershipRow) -> frozenset[Permission]:
    """Return what a membership's role grants."""
    return granted_by(tx, Role(row.role), row.custom_role_id)


def granted_by(tx: Tx, role: Role, custom_role_id: UUID | None) -> frozenset[Permission]:
    """Return what a role grants; of the organisation's own, the one with this id, and nothing if there is none."""
    if role is not Role.CUSTOM:
        return GRANTS[role]
    own = own_roles(tx, [custom_role_id])
    return givable(next(iter(own.values())).permissions) if own else frozenset()


def require_above(tx: Tx, caller: Caller, row: MembershipRow) -> None:
    """Raise Forbidden unless the caller may do all that this member may: nobody sets a hand on whoever may do more."""
    if not held_by(tx, row) <= held(caller):
        raise Forbidden


def require_above_member(tx: Tx, caller: Caller, user_id: UserId) -> None:
    """Raise Forbidden as `require_above` does, of a member by id, who may have been removed. Raises PersonNotFound."""
    row = tx.get(MembershipRow, (tx.tenant_id, user_id))
    if row is None:
        raise PersonNotFound
    if user_id != caller.user_id:
        require_above(tx, caller, row)


def require_held_still(tx: Tx, caller: Caller) -> None:
    """Raise Forbidden if the caller was removed, or lost a permission, since their request began.

    For what outlasts the request, such as a link. Ask while holding the lock under which such things are ended
    (`revocation.LINKS`): then either this sees the removal, or the removal sees what is made here and ends it.
    """
    row = tx.get(MembershipRow, (tx.tenant_id, caller.user_id), populate_existing=True)
    if row is None or row.suspended_at is not None or not held(caller) <= held_by(tx, row):
        raise Forbidden


def is_beyond_holders(tx: Tx, gained: Collection[Permission]) -> bool:
    """Say whether somebody may hold a program's tokens who may not do what its account is given now.

    An administrator may hold them where it becomes an owner; where a role of the organisation's own makes tokens of
    programs, anybody with it, whatever the account becomes.
    """
    if not gained:
        return False
    makes = CustomRoleRow.permissions.contains([Permission.SERVICE_ACCOUNT_CHANGE.value])
    own = select(CustomRoleRow.role_id).where(CustomRoleRow.tenant_id == tx.tenant_id, makes)
    return not frozenset(gained) <= GIVABLE or tx.scalar(own.limit(1)) is not None
