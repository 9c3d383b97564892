"""What a provider's groups and its `active` come to here: access, a role, access groups. It follows in both directions.

A role that somebody here gave stays, and so does a place in an access group that somebody here gave. The last owner stays,
whoever wants them gone: the request is refused as a whole.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from appliance import audit
from appliance.audit import Actor, Event
from appliance.identity.breakglass import refuse_break_glass
from appliance.identity.granting import held_by
from appliance.identity.holders import keep_another
from appliance.identity.permissions import Permission
from appliance.identity.revocation import end_access, end_links
from appliance.identity.scim.provisioned import is_taken
from appliance.identity.scim.tables import (
    ProvisionedGroupRow,
    ProvisionedMemberRow,
    ProvisionedUserRow,
    ServiceRow,
)
from appliance.identity.sso import queries
from appliance.identity.sso.following import Given, GivenRole, follow_groups, follow_role, given_by
from appliance.identity.sso.values import Connection, ConnectionId, Source
from appliance.identity.standing import note_hand
from appliance.identity.tables import GroupMemberRow, MembershipRow
from appliance.identity.values import SUPPORT_ROLES, GroupId, Role, UserId
from appliance.kernel.db import Tx
from appliance.kernel.rows import among

_NONE: Final = (frozenset[GroupId](), frozenset[GroupId]())


@dataclass(frozen=True)
class _Due:
    """What the provider's word comes to for one person."""

    has_access: bool
    role: GivenRole
    groups: frozenset[GroupId]


def follow_mappings(tx: Tx, actor: Actor, connection_id: UUID) -> None:
    """Give everybody whom a connection provisions what its mappings give now, if it provisions; the caller has its turn.

    Raises LastOwner.
    """
    if tx.get(ServiceRow, (tx.tenant_id, connection_id)) is not None:
        follow_all(tx, actor, connection_id, now=datetime.now(UTC))


def turn_of(connection_id: UUID) -> str:
    """Return the name under which one thing after the other is provisioned by a connection."""
    return f"provisioning {connection_id}"


def follow_all(tx: Tx, actor: Actor, connection_id: UUID, *, now: datetime) -> None:
    """Give everybody whom a connection provisions what follows now: after its settings changed."""
    rows = tx.scalars(
        select(ProvisionedUserRow.resource_id).where(
            ProvisionedUserRow.tenant_id == tx.tenant_id, ProvisionedUserRow.connection_id == connection_id
        )
    ).all()
    follow(tx, actor, ConnectionId(connection_id), rows, now=now)


def follow(
    tx: Tx, actor: Actor, connection_id: ConnectionId, resource_ids: Collection[UUID], *, now: datetime
) -> None:
    """Give these people the access, the role and the access groups that the provider's word comes to. Raises LastOwner."""
    if not resource_ids:
        return
    connection = queries.connection_of(queries.row_of(tx, connection_id))
    wanted = _changes(tx, connection, resource_ids)
    for row, member in _rows(tx, wanted):
        due = wanted[row.resource_id]
        if row.has_access != due.has_access:
            row.has_access = due.has_access
            (_let_in if due.has_access else put_out)(tx, actor, member, connection_id, now=now)
        if due.has_access:
            _follow_role(tx, actor, member, due.role, connection)
        follow_groups(tx, actor, connection, UserId(row.user_id), due.groups)
    tx.flush()


def put_out(tx: Tx, actor: Actor, member: MembershipRow, connection_id: UUID, *, now: datetime) -> None:
    """Take a member's access: sessions, tokens and links made end in this transaction. Raises LastOwner, BreakGlassKept."""
    if member.suspended_at is not None:
        return  # somebody here removed them
    role, user_id = Role(member.role), UserId(member.user_id)
    refuse_break_glass(tx, user_id)
    if role is Role.OWNER:
        keep_another(tx, role, user_id)
    end_access(tx, user_id, now=now)
    if Permission.PEOPLE_CHANGE in held_by(tx, member):
        end_links(tx, actor, user_id)
    member.suspended_at = now
    tx.flush()
    audit.record(tx, actor, Event.MEMBER_REMOVED, subject=user_id, connection=str(connection_id))


def leave_places(tx: Tx, actor: Actor, row: ProvisionedUserRow) -> None:
    """Take a person out of the access groups that their connection put them in."""
    connection = queries.connection_of(queries.row_of(tx, row.connection_id))
    follow_groups(tx, actor, connection, UserId(row.user_id), ())


def _let_in(tx: Tx, actor: Actor, member: MembershipRow, connection_id: UUID, *, now: datetime) -> None:
    if member.role in SUPPORT_ROLES:
        return  # an owner alone lets an operator in
    if member.suspended_at is None or (member.access_until is not None and member.access_until <= now):
        return
    if is_taken(tx, member.email, member.user_id):
        member.email = ""  # somebody else came by it meanwhile
    member.suspended_at = None
    tx.flush()
    note_hand(tx, member.user_id)
    audit.record(tx, actor, Event.MEMBER_RESTORED, subject=member.user_id, connection=str(connection_id))


def _follow_role(tx: Tx, actor: Actor, member: MembershipRow, role: GivenRole, connection: Connection) -> None:
    is_ours = member.role_source == Source.SCIM and member.connection_id == connection.connection_id
    if is_ours and member.role == Role.OWNER and role.role is not Role.OWNER:
        keep_another(tx, Role.OWNER, member.user_id)  # said to the provider, where a sign-in would only be noted
    follow_role(tx, actor, member, role, source=Source.SCIM, connection=connection)


def _changes(tx: Tx, connection: Connection, resource_ids: Collection[UUID]) -> dict[UUID, _Due]:
    """Return what is due to those who do not have it yet. Of a large group that is mostly nobody, so rows are read later."""
    service = tx.get_one(ServiceRow, (tx.tenant_id, connection.connection_id))
    mappings, named = queries.mappings_of(tx, connection.connection_id), _groups_of(tx, resource_ids)
    person, member = ProvisionedUserRow, MembershipRow
    standings = tx.execute(
        select(
            person.resource_id, person.user_id, person.has_access, person.doc["active"].astext.label("active"),
            member.role, member.custom_role_id, member.role_source, member.connection_id,
        )
        .join(member, (member.tenant_id == person.tenant_id) & (member.user_id == person.user_id))
        .where(person.tenant_id == tx.tenant_id, among(person.resource_id, resource_ids))
    ).all()  # fmt: skip
    held = _held(tx, connection, [one.user_id for one in standings])
    found, given = dict[UUID, _Due](), dict[tuple[str, ...], Given]()
    for one in standings:
        names = tuple(sorted(named.get(one.resource_id, ())))
        gives = given[names] = given.get(names) or given_by(mappings, names)
        is_given = gives.role is not None or bool(gives.groups)
        has_access = one.active != "false" and (is_given or not service.needs_group)
        due = _Due(has_access, gives.role_or(connection.default_role), gives.groups if has_access else frozenset())
        is_ours = one.role_source == Source.SCIM and one.connection_id == connection.connection_id
        ours, others = held.get(one.user_id, _NONE)
        has_its_role = not (has_access and is_ours) or (one.role, one.custom_role_id) == (due.role.role.value, due.role.custom_role_id)
        if one.has_access != has_access or not has_its_role or due.groups - set(others) != ours:
            found[one.resource_id] = due
    return found


def _rows(tx: Tx, resource_ids: Collection[UUID]) -> list[tuple[ProvisionedUserRow, MembershipRow]]:
    person, member = ProvisionedUserRow, MembershipRow
    rows = tx.execute(
        select(person, member)
        .join(member, (member.tenant_id == person.tenant_id) & (member.user_id == person.user_id))
        .where(person.tenant_id == tx.tenant_id, among(person.resource_id, resource_ids))
        .order_by(person.resource_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1]) for row in rows]


def _groups_of(tx: Tx, resource_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return for each person what a mapping may name their groups by: the name, and the provider's own id of it."""
    group, place = ProvisionedGroupRow, ProvisionedMemberRow
    rows = tx.execute(
        select(place.member_id, group.doc["displayName"].astext, group.doc["externalId"].astext)
        .join(group, (group.tenant_id == place.tenant_id) & (group.resource_id == place.group_id))
        .where(place.tenant_id == tx.tenant_id, among(place.member_id, resource_ids))
    )
    found: dict[UUID, list[str]] = defaultdict(list)
    for member_id, name, external_id in rows:
        found[member_id] += [one for one in (name, external_id) if one]
    return found


def _held(
    tx: Tx, connection: Connection, user_ids: Collection[UUID]
) -> Mapping[UUID, tuple[Collection[GroupId], Collection[GroupId]]]:
    """Return for each person the access groups that this connection put them in, and the others that they are in."""
    rows = tx.execute(
        select(GroupMemberRow.user_id, GroupMemberRow.group_id, GroupMemberRow.connection_id).where(
            GroupMemberRow.tenant_id == tx.tenant_id, among(GroupMemberRow.user_id, user_ids)
        )
    )
    found: dict[UUID, tuple[set[GroupId], set[GroupId]]] = defaultdict(lambda: (set(), set()))
    for user_id, group_id, by in rows:
        found[user_id][0 if by == connection.connection_id else 1].add(GroupId(group_id))
    return found
