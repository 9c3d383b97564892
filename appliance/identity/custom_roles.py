"""An organisation's own roles: a name, and permissions out of those an administrator has.

Whoever makes, changes or gives one must hold every permission in it, before and after; so nobody becomes more by a role
that they wrote themselves. Some permissions are of no use without another one, which comes along.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import Event
from appliance.identity.entry_errors import CustomRoleInUse, CustomRoleMalformed, CustomRoleNotFound, CustomRoleTaken
from appliance.identity.errors import Forbidden
from appliance.identity.granting import is_beyond_holders
from appliance.identity.permissions import GIVABLE, Permission, givable, held, require
from appliance.identity.revocation import end_links, end_tokens
from appliance.identity.tables import CustomRoleRow, InvitationRow, MembershipRow
from appliance.identity.values import Caller, MemberKind, Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id

_NAME, _DESCRIPTION, _MOST = 60, 500, 100
_P = Permission
_NEEDS: Final[dict[Permission, frozenset[Permission]]] = {
    _P.AUDIT_STREAM: frozenset({_P.AUDIT_READ}),
    _P.BUDGET_CHANGE: frozenset({_P.PEOPLE_READ, _P.TOKEN_CREATE, _P.USAGE_READ}),
    _P.CHAT: frozenset({_P.DOCUMENT_READ}),
    _P.CHATBOT_EDIT: frozenset({_P.CHAT, _P.DOCUMENT_READ, _P.PEOPLE_READ}),
    _P.COLLECTION_CHANGE: frozenset({_P.DOCUMENT_READ, _P.PEOPLE_READ}),
    _P.CONVERSATION_REVIEW: frozenset({_P.PEOPLE_READ}),
    _P.DLP_POLICY_CHANGE: frozenset({_P.PEOPLE_READ}),
    _P.DOCUMENT_ADD: frozenset({_P.DOCUMENT_READ}),
    _P.DOCUMENT_APPROVE: frozenset({_P.DOCUMENT_READ}),
    _P.DOCUMENT_CHANGE: frozenset({_P.DOCUMENT_READ}),
    _P.DOCUMENT_DELETE: frozenset({_P.DOCUMENT_READ}),
    _P.GROUP_CHANGE: frozenset({_P.PEOPLE_READ}),
    _P.KEY_ROTATE: frozenset({_P.KEY_READ}),
    _P.MODEL_CHANGE: frozenset({_P.PEOPLE_READ, _P.PROVIDER_READ, _P.TOKEN_CREATE, _P.USAGE_READ}),
    _P.PASSWORD_RESET: frozenset({_P.PEOPLE_READ, _P.PEOPLE_CHANGE}),
    _P.PEOPLE_CHANGE: frozenset({_P.PEOPLE_READ}),
    _P.PROVIDER_CHANGE: frozenset({_P.PROVIDER_READ}),
    _P.ROLE_CHANGE: frozenset({_P.PEOPLE_READ}),
    _P.SERVICE_ACCOUNT_CHANGE: frozenset({_P.PEOPLE_READ, _P.TOKEN_CREATE}),
    _P.SETTINGS_CHANGE: frozenset({_P.BUDGET_CHANGE, _P.USAGE_READ}),
}


@dataclass(frozen=True)
class CustomRole:
    """A role of the organisation's own, and how many members have it."""

    role_id: UUID
    name: str
    description: str
    permissions: frozenset[Permission]
    members: int = 0


@dataclass(frozen=True)
class RoleForm:
    """What is to be written down of a role."""

    name: str
    description: str
    permissions: frozenset[Permission]


def create_role(tx: Tx, caller: Caller, form: RoleForm, *, clock: Clock) -> CustomRole:
    """Make a role that nobody has yet. Raises CustomRoleMalformed, CustomRoleTaken, Forbidden."""
    require(caller, _P.ROLE_CHANGE)
    form = _checked(caller, form)
    in_turn(tx, "custom-roles")
    count = select(func.count()).select_from(CustomRoleRow).where(CustomRoleRow.tenant_id == tx.tenant_id)
    if (tx.scalar(count) or 0) >= _MOST:
        raise CustomRoleMalformed
    now = clock.now()
    row = CustomRoleRow(
        tenant_id=tx.tenant_id, role_id=new_id(), name=form.name, description=form.description,
        permissions=sorted(form.permissions), created_at=now, changed_at=now,
    )  # fmt: skip
    tx.add(row)
    _write(tx)
    audit.record(tx, caller.actor, Event.CUSTOM_ROLE_CREATED, subject=row.role_id, permissions=" ".join(row.permissions))
    return _role(row, 0)


def change_role_form(tx: Tx, caller: Caller, role_id: UUID, form: RoleForm, *, clock: Clock) -> CustomRole:
    """Write a role anew; whoever has it has the new permissions with their next request."""
    require(caller, _P.ROLE_CHANGE)
    row = _row(tx, role_id)
    before = givable(row.permissions)
    _require_held(caller, before)
    form = _checked(caller, form)
    now = clock.now()
    row.name, row.description, row.changed_at = form.name, form.description, now
    row.permissions = sorted(form.permissions)
    _write(tx)
    if _P.PEOPLE_CHANGE in before and not before <= form.permissions:  # as where somebody is given another role
        for user_id in _holders(tx, role_id):
            end_links(tx, caller.actor, user_id)
    if is_beyond_holders(tx, form.permissions - before):
        for user_id in _holders(tx, role_id, kind=MemberKind.SERVICE):
            end_tokens(tx, user_id, now=now)
    audit.record(
        tx, caller.actor, Event.CUSTOM_ROLE_CHANGED, subject=role_id, before=" ".join(sorted(before)),
        permissions=" ".join(row.permissions),
    )  # fmt: skip
    return _role(row, len(_holders(tx, role_id)))


def delete_role(tx: Tx, caller: Caller, role_id: UUID) -> None:
    """Delete a role that nobody has, is invited to or gets by a mapping. Raises CustomRoleInUse."""
    require(caller, _P.ROLE_CHANGE)
    row = _row(tx, role_id)
    _require_held(caller, givable(row.permissions))
    invited = select(InvitationRow.invitation_id).where(
        InvitationRow.tenant_id == tx.tenant_id, InvitationRow.custom_role_id == role_id,
        InvitationRow.closed_at.is_(None), InvitationRow.expires_at > func.now(),
    )  # fmt: skip
    if tx.scalar(invited.limit(1)) is not None:
        raise CustomRoleInUse
    try:
        with tx.begin_nested():
            tx.delete(row)
            tx.flush()
    except IntegrityError as error:  # the foreign keys of memberships and of mappings
        raise CustomRoleInUse from error
    audit.record(tx, caller.actor, Event.CUSTOM_ROLE_DELETED, subject=role_id)


def list_roles(tx: Tx, caller: Caller) -> list[CustomRole]:
    """Return the organisation's own roles by name."""
    require(caller, _P.PEOPLE_READ)
    counts = dict(
        tx.execute(
            select(MembershipRow.custom_role_id, func.count())
            .where(MembershipRow.tenant_id == tx.tenant_id, MembershipRow.custom_role_id.is_not(None))
            .where(MembershipRow.suspended_at.is_(None))
            .group_by(MembershipRow.custom_role_id)
        ).all()
    )
    rows = tx.scalars(
        select(CustomRoleRow).where(CustomRoleRow.tenant_id == tx.tenant_id).order_by(func.lower(CustomRoleRow.name))
    )
    return [_role(row, counts.get(row.role_id, 0)) for row in rows]


def list_givable(tx: Tx, caller: Caller) -> list[CustomRole]:
    """Return the organisation's own roles that the caller may give, by name."""
    return [one for one in list_roles(tx, caller) if one.permissions <= held(caller)]


def get_role(tx: Tx, caller: Caller, role_id: UUID) -> CustomRole:
    """Return a role. Raises CustomRoleNotFound."""
    require(caller, _P.PEOPLE_READ)
    found = tx.get(CustomRoleRow, (tx.tenant_id, role_id))
    if found is None:
        raise CustomRoleNotFound
    return _role(found, len(_holders(tx, role_id)))


def check_givable(tx: Tx, caller: Caller, role_id: UUID | None) -> CustomRole:
    """Return a role that the caller may give: they hold all that it grants. Raises CustomRoleNotFound, Forbidden."""
    row = _row(tx, role_id) if role_id else None
    if row is None:
        raise CustomRoleNotFound
    _require_held(caller, givable(row.permissions))
    return _role(row, 0)


def completed(permissions: Iterable[Permission]) -> frozenset[Permission]:
    """Return the permissions with those that they are of no use without."""
    found = frozenset(permissions)
    for one in tuple(found):
        found |= _NEEDS.get(one, frozenset())
    return found if found == frozenset(permissions) else completed(found)


def _checked(caller: Caller, form: RoleForm) -> RoleForm:
    name, description = " ".join(form.name.split()), form.description.strip()
    permissions = completed(form.permissions)
    is_good = 0 < len(name) <= _NAME and len(description) <= _DESCRIPTION and name.isprintable()
    if not is_good or not permissions or not permissions <= GIVABLE or name.casefold() in set(Role):
        raise CustomRoleMalformed
    _require_held(caller, permissions)
    return RoleForm(name, description, permissions)


def _require_held(caller: Caller, permissions: Collection[Permission]) -> None:
    if not held(caller) >= frozenset(permissions):
        raise Forbidden


def _holders(tx: Tx, role_id: UUID, *, kind: MemberKind | None = None) -> list[UserId]:
    query = select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id, MembershipRow.custom_role_id == role_id,
        MembershipRow.suspended_at.is_(None),
    )  # fmt: skip
    return [UserId(one) for one in tx.scalars(query if kind is None else query.where(MembershipRow.kind == kind))]


def _row(tx: Tx, role_id: UUID) -> CustomRoleRow:
    row = tx.get(CustomRoleRow, (tx.tenant_id, role_id), with_for_update=True)
    if row is None:
        raise CustomRoleNotFound
    return row


def _write(tx: Tx) -> None:
    try:
        with tx.begin_nested():
            tx.flush()
    except IntegrityError as error:
        raise CustomRoleTaken from error


def _role(row: CustomRoleRow, members: int) -> CustomRole:
    return CustomRole(row.role_id, row.name, row.description, givable(row.permissions), members)
