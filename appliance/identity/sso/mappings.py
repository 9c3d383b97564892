"""What the groups that a provider names give here."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import Event
from appliance.identity.groups import check_groups
from appliance.identity.people import check_role
from appliance.identity.permissions import Permission, require, require_granted
from appliance.identity.scim.following import follow_mappings, turn_of
from appliance.identity.scim.provisioned import end_tokens_of_others
from appliance.identity.sso import queries
from appliance.identity.sso.connections import require_hold
from appliance.identity.sso.errors import MappingMalformed, MappingNotFound
from appliance.identity.sso.tables import MappingRow
from appliance.identity.sso.values import Mapping
from appliance.identity.values import Caller, GroupId, Role
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id

_LONGEST = 300


def add_mapping(
    tx: Tx, caller: Caller, connection_id: UUID, *, said: str, role: Role | None = None,
    custom_role_id: UUID | None = None, group_id: GroupId | None = None,
) -> Mapping:  # fmt: skip
    """Let a group of the provider give a role, or an access group. Nobody maps to a role that they may not give.

    Raises ConnectionNotFound, MappingMalformed, GroupNotFound, CustomRoleNotFound, Forbidden.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    in_turn(tx, turn_of(connection_id))  # before the row: who provisions has its turn first, and then reads the row
    connection = queries.row_of(tx, connection_id, is_locked=True)
    require_hold(tx, caller, connection)
    said = said.strip()
    if (role is None) == (group_id is None) or not 0 < len(said) <= _LONGEST or not said.isprintable():
        raise MappingMalformed
    if role is not None:
        check_role(tx, caller, role, custom_role_id)
    if group_id is not None:
        check_groups(tx, [group_id])
    row = MappingRow(
        tenant_id=tx.tenant_id, mapping_id=new_id(), connection_id=connection.connection_id, said=said,
        role=role.value if role else None, group_id=group_id,
        custom_role_id=custom_role_id if role is Role.CUSTOM else None,
    )  # fmt: skip
    try:
        with tx.begin_nested():
            tx.add(row)
            tx.flush()
    except IntegrityError as error:  # it is there already
        raise MappingMalformed from error
    _record(tx, caller, row, "added")
    if role is Role.OWNER:
        end_tokens_of_others(tx, caller.actor, connection_id)
    follow_mappings(tx, caller.actor, connection_id)
    return next(one for one in queries.mappings_of(tx, connection_id) if one.mapping_id == row.mapping_id)


def remove_mapping(tx: Tx, caller: Caller, connection_id: UUID, mapping_id: UUID) -> None:
    """Let a group of the provider give nothing more: to each person at their next sign-in, to who is provisioned at once.

    Raises MappingNotFound, LastOwner.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    in_turn(tx, turn_of(connection_id))
    require_hold(tx, caller, queries.row_of(tx, connection_id, is_locked=True))
    row = tx.get(MappingRow, (tx.tenant_id, mapping_id), with_for_update=True)
    if row is None or row.connection_id != connection_id:
        raise MappingNotFound
    if row.role is not None:
        check_role(tx, caller, Role(row.role), row.custom_role_id)
    _record(tx, caller, row, "removed")
    tx.delete(row)
    tx.flush()
    follow_mappings(tx, caller.actor, connection_id)


def list_mappings(tx: Tx, caller: Caller, connection_id: UUID) -> list[Mapping]:
    """Return what the provider's groups give. Raises ConnectionNotFound."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    queries.row_of(tx, connection_id)
    return queries.mappings_of(tx, connection_id)


def _record(tx: Tx, caller: Caller, row: MappingRow, what: str) -> None:
    gives = str(row.custom_role_id or row.role or row.group_id)
    audit.record(
        tx, caller.actor, Event.CONNECTION_MAPPING_CHANGED, subject=row.connection_id, change=what, gives=gives
    )
