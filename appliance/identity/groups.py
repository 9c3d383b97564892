"""Groups of an organisation's members: what collections and chatbots are opened to."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import Event
from appliance.identity.errors import Forbidden, GroupMalformed, GroupNameTaken, GroupNotFound, PersonNotFound
from appliance.identity.permissions import Permission, held, require
from appliance.identity.tables import GroupMemberRow, GroupRow, MembershipRow
from appliance.identity.values import Caller, Group, GroupId, GroupSize, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import among

_NAME_LIMIT = 120


def create_group(tx: Tx, caller: Caller, *, name: str, clock: Clock) -> Group:
    """Create an empty group. Raises GroupMalformed, GroupNameTaken."""
    require(caller, Permission.GROUP_CHANGE)
    group_id = GroupId(new_id())
    tx.add(GroupRow(tenant_id=tx.tenant_id, group_id=group_id, name=_checked(name), created_at=clock.now()))
    _write(tx)
    audit.record(tx, caller.actor, Event.GROUP_CREATED, subject=group_id)
    return get_group(tx, caller, group_id)


def rename_group(tx: Tx, caller: Caller, group_id: GroupId, *, name: str) -> Group:
    """Give a group another name; its id, and what is open to it, stay."""
    require(caller, Permission.GROUP_CHANGE)
    _row(tx, group_id).name = _checked(name)
    _write(tx)
    audit.record(tx, caller.actor, Event.GROUP_CHANGED, subject=group_id)
    return get_group(tx, caller, group_id)


def delete_group(tx: Tx, caller: Caller, group_id: GroupId) -> None:
    """Delete a group. What was open to it alone is open to nobody until somebody opens it again."""
    require(caller, Permission.GROUP_CHANGE)
    tx.delete(_row(tx, group_id))
    tx.flush()
    audit.record(tx, caller.actor, Event.GROUP_DELETED, subject=group_id)


def set_group_members(tx: Tx, caller: Caller, group_id: GroupId, user_ids: Collection[UserId]) -> Group:
    """Make these, and nobody else, the members of a group. Raises PersonNotFound."""
    require(caller, Permission.GROUP_CHANGE)
    _row(tx, group_id)
    known = set(
        tx.scalars(
            select(MembershipRow.user_id).where(
                MembershipRow.tenant_id == tx.tenant_id, MembershipRow.user_id.in_(set(user_ids))
            )
        )
    )
    if known != set(user_ids):
        raise PersonNotFound
    ours = GroupMemberRow.tenant_id == tx.tenant_id, GroupMemberRow.group_id == group_id
    there = set(tx.scalars(select(GroupMemberRow.user_id).where(*ours)))
    # Who stays keeps their row, which says whether an identity provider put them there, and may take them out again.
    tx.execute(delete(GroupMemberRow).where(*ours, among(GroupMemberRow.user_id, there - known)))
    tx.add_all(GroupMemberRow(tenant_id=tx.tenant_id, group_id=group_id, user_id=user_id) for user_id in known - there)
    tx.flush()
    audit.record(tx, caller.actor, Event.GROUP_CHANGED, subject=group_id, members=len(known))
    return get_group(tx, caller, group_id)


def list_group_names(tx: Tx, caller: Caller) -> dict[GroupId, str]:
    """Return the groups' names by id, in their order. Whoever may open something to groups may see them."""
    require(caller, Permission.PEOPLE_READ)
    return group_names(tx)


def list_group_sizes(tx: Tx, caller: Caller) -> list[GroupSize]:
    """Return the groups by name, each with the number of its members."""
    names = list_group_names(tx, caller)
    counted = tx.execute(
        select(GroupMemberRow.group_id, func.count())
        .where(GroupMemberRow.tenant_id == tx.tenant_id)
        .group_by(GroupMemberRow.group_id)
    )
    counts = {row[0]: row[1] for row in counted}
    return [GroupSize(group_id, name, counts.get(group_id, 0)) for group_id, name in names.items()]


def list_groups_after(tx: Tx, caller: Caller, group_id: UUID | None, *, limit: int) -> list[Group]:
    """Return groups with their members in the order of their ids, after one of them: for programs."""
    require(caller, Permission.PEOPLE_READ)
    query = select(GroupRow).where(GroupRow.tenant_id == tx.tenant_id)
    if group_id is not None:
        query = query.where(GroupRow.group_id > group_id)
    return _as_groups(tx, tx.scalars(query.order_by(GroupRow.group_id).limit(limit)).all())


def get_group(tx: Tx, caller: Caller, group_id: GroupId) -> Group:
    """Return the group. Raises GroupNotFound."""
    require(caller, Permission.PEOPLE_READ)
    row = tx.get(GroupRow, (tx.tenant_id, group_id))
    if row is None:
        raise GroupNotFound
    return _as_groups(tx, [row])[0]


def groups_of(tx: Tx, user_id: UUID) -> frozenset[GroupId]:
    """Return the groups of a member."""
    rows = tx.scalars(
        select(GroupMemberRow.group_id).where(
            GroupMemberRow.tenant_id == tx.tenant_id, GroupMemberRow.user_id == user_id
        )
    )
    return frozenset(GroupId(group_id) for group_id in rows)


def group_members(tx: Tx) -> dict[GroupId, tuple[UserId, ...]]:
    """Return the members of every group that has any. Asking for permission is the caller's part."""
    rows = tx.execute(
        select(GroupMemberRow.group_id, func.array_agg(GroupMemberRow.user_id))
        .where(GroupMemberRow.tenant_id == tx.tenant_id)
        .group_by(GroupMemberRow.group_id)
    )
    return {GroupId(group_id): tuple(map(UserId, users)) for group_id, users in rows}


def group_names(tx: Tx) -> dict[GroupId, str]:
    """Return the groups' names by id. Asking for permission is the caller's part."""
    query = select(GroupRow.group_id, GroupRow.name).where(GroupRow.tenant_id == tx.tenant_id)
    return {GroupId(group_id): name for group_id, name in tx.execute(query.order_by(GroupRow.name))}


def check_groups(tx: Tx, group_ids: Iterable[GroupId]) -> None:
    """Raise GroupNotFound unless each of them is a group of this organisation."""
    wanted = set(group_ids)
    query = select(func.count()).where(GroupRow.tenant_id == tx.tenant_id, GroupRow.group_id.in_(wanted))
    if wanted and tx.scalar(query) != len(wanted):
        raise GroupNotFound


def check_groups_to_give(tx: Tx, caller: Caller, group_ids: Collection[GroupId]) -> None:
    """Raise Forbidden for groups of whoever may not change groups: they would open what is open to those. Raises GroupNotFound."""
    if group_ids and Permission.GROUP_CHANGE not in held(caller):
        raise Forbidden
    check_groups(tx, group_ids)


def _as_groups(tx: Tx, rows: Sequence[GroupRow]) -> list[Group]:
    members: dict[UUID, list[UserId]] = {}
    for group_id, user_id in tx.execute(
        select(GroupMemberRow.group_id, GroupMemberRow.user_id).where(
            GroupMemberRow.tenant_id == tx.tenant_id, among(GroupMemberRow.group_id, [row.group_id for row in rows])
        )
    ):
        members.setdefault(group_id, []).append(UserId(user_id))
    return [Group(GroupId(row.group_id), row.name, tuple(members.get(row.group_id, ()))) for row in rows]


def _checked(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= _NAME_LIMIT:
        raise GroupMalformed
    return name


def _write(tx: Tx) -> None:
    try:
        with tx.begin_nested():
            tx.flush()
    except IntegrityError as error:
        raise GroupNameTaken from error


def _row(tx: Tx, group_id: GroupId) -> GroupRow:
    row = tx.get(GroupRow, (tx.tenant_id, group_id), with_for_update=True)
    if row is None:
        raise GroupNotFound
    return row
