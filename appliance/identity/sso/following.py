"""What a provider says of a person's groups, followed in both directions: roles and access groups.

What a person of the organisation gave by hand stays. The last owner stays, whatever a provider says.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select

from appliance import audit
from appliance.audit import Actor, Event, Outcome
from appliance.identity.errors import LastOwner
from appliance.identity.granting import held_by
from appliance.identity.holders import keep_another
from appliance.identity.permissions import Permission
from appliance.identity.revocation import end_links
from appliance.identity.sso import queries
from appliance.identity.sso.values import Connection, Mapping, Source
from appliance.identity.standing import note_hand
from appliance.identity.tables import GroupMemberRow, MembershipRow
from appliance.identity.values import GroupId, Role, UserId
from appliance.kernel.db import Tx

_STRENGTH: Final = (Role.OWNER, Role.ADMIN, Role.CUSTOM, Role.AUDITOR, Role.MEMBER)


@dataclass(frozen=True)
class GivenRole:
    """A role, of the organisation's own by its id."""

    role: Role
    custom_role_id: UUID | None = None

    def is_of(self, row: MembershipRow) -> bool:
        """Say whether a member has it."""
        return (row.role, row.custom_role_id) == (self.role.value, self.custom_role_id)


@dataclass(frozen=True)
class Given:
    """What a provider's groups give: the strongest role that is mapped, if any is, and access groups."""

    role: GivenRole | None
    groups: frozenset[GroupId]

    def role_or(self, default: Role) -> GivenRole:
        """Return the role that is mapped, or what a connection gives where none is."""
        return self.role or GivenRole(default)


def given_by(mappings: Collection[Mapping], groups: Collection[str]) -> Given:
    """Return what these groups give. Groups are compared as they are written."""
    found = [one for one in mappings if one.said in groups]
    roles = sorted((one for one in found if one.role is not None), key=_rank)
    strongest = GivenRole(roles[0].role, roles[0].custom_role_id) if roles and roles[0].role else None
    return Given(strongest, frozenset(one.group_id for one in found if one.group_id is not None))


def follow(tx: Tx, actor: Actor, connection: Connection, row: MembershipRow, groups: Collection[str] | None) -> None:
    """Give a member what their groups at the provider give, and take what they do not. None: nothing was said of groups."""
    if groups is None:
        return
    given = given_by(queries.mappings_of(tx, connection.connection_id), groups)
    follow_role(tx, actor, row, given.role_or(connection.default_role), source=Source.IDP, connection=connection)
    follow_groups(tx, actor, connection, UserId(row.user_id), given.groups)


def follow_role(
    tx: Tx, actor: Actor, row: MembershipRow, given: GivenRole, *, source: Source, connection: Connection
) -> None:
    """Give a member the role that their provider says, if it was a provider that gave them theirs."""
    if row.role_source != source.value or row.connection_id != connection.connection_id or given.is_of(row):
        return
    before, role, held_before, own_before = Role(row.role), given.role, held_by(tx, row), row.custom_role_id
    if before is Role.OWNER:
        try:
            keep_another(tx, Role.OWNER, row.user_id)
        except LastOwner:
            audit.record(
                tx, actor, Event.LAST_OWNER_KEPT, subject=row.user_id, outcome=Outcome.REFUSED, role=role.value
            )
            return
    row.role, row.custom_role_id = role.value, given.custom_role_id
    if role is not Role.AUDITOR:
        row.access_until = None  # only an auditor's access ends by itself
    tx.flush()
    note_hand(tx, row.user_id)
    if Permission.PEOPLE_CHANGE in held_before and not held_before <= held_by(tx, row):
        end_links(tx, actor, UserId(row.user_id))
    audit.record(
        tx, actor, Event.ROLE_CHANGED, subject=row.user_id, before=before.value, role=role.value, source=source.value,
        own_before=str(own_before or ""), own=str(row.custom_role_id or ""),
    )  # fmt: skip


def _rank(one: Mapping) -> tuple[int, int, str]:
    """Owners and administrators first, then roles of the organisation's own, the broadest of them before the others."""
    place = _STRENGTH.index(one.role) if one.role else len(_STRENGTH)
    return place, -one.breadth, str(one.custom_role_id)


def follow_groups(tx: Tx, actor: Actor, connection: Connection, user_id: UserId, wanted: Collection[GroupId]) -> None:
    """Put a member into the groups that their provider says, and out of those that it gave and says no more."""
    ours = GroupMemberRow.tenant_id == tx.tenant_id, GroupMemberRow.user_id == user_id
    rows = {GroupId(row.group_id): row for row in tx.scalars(select(GroupMemberRow).where(*ours))}
    added = [group_id for group_id in wanted if group_id not in rows]
    removed = [
        group_id for group_id, row in rows.items()
        if row.connection_id == connection.connection_id and group_id not in wanted
    ]  # fmt: skip
    if not added and not removed:
        return
    if removed:
        tx.execute(delete(GroupMemberRow).where(*ours, GroupMemberRow.group_id.in_(removed)))
    tx.add_all(
        GroupMemberRow(
            tenant_id=tx.tenant_id, group_id=group_id, user_id=user_id, connection_id=connection.connection_id
        )
        for group_id in added
    )
    tx.flush()
    audit.record(tx, actor, Event.MEMBERSHIP_FOLLOWED, subject=user_id, added=len(added), removed=len(removed))
