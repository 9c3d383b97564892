"""Groups as a provider keeps them, and who is in them. What that gives here is said by mappings (`following`)."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from scim2_models import Context, InvalidValueException, NotFoundException, PatchOp, UniquenessException
from sqlalchemy import delete, func, or_, select, update

from appliance import audit
from appliance.audit import Event
from appliance.identity.scim.following import follow, leave_places
from appliance.identity.scim.patches import MemberStep, Steps, body_steps, member_steps
from appliance.identity.scim.resources import AnyGroup, as_group, check_match, checked_group, folded, kept, whole
from appliance.identity.scim.schemas import MOST_MEMBERS, Group
from appliance.identity.scim.tables import ProvisionedGroupRow, ProvisionedMemberRow, ProvisionedUserRow
from appliance.identity.scim.values import Client
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id, parse_id
from appliance.kernel.rows import among, insert_all

MOST_GROUPS: Final = 10_000
MOST_STEPS_ON_ALL: Final = 20


@dataclass
class _Change:
    """Who came into a group, and who left it."""

    came: set[UUID]
    left: set[UUID]

    @property
    def people(self) -> set[UUID]:
        return self.came | self.left


def create_group(tx: Tx, client: Client, said: AnyGroup, *, clock: Clock) -> ProvisionedGroupRow:
    """Add a group, with the people in it."""
    _check_members(said)
    ours = ProvisionedGroupRow.tenant_id == tx.tenant_id, ProvisionedGroupRow.connection_id == client.connection_id
    if (tx.scalar(select(func.count()).where(*ours)) or 0) >= MOST_GROUPS:
        raise InvalidValueException(detail=f"A connection provisions at most {MOST_GROUPS} groups.")
    doc, now = kept(said), clock.now()
    row = ProvisionedGroupRow(
        tenant_id=tx.tenant_id, resource_id=new_id(), connection_id=client.connection_id, doc=doc, keys=folded(doc),
        version=1, created_at=now, changed_at=now,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    _require_apart(tx, row)
    audit.record(
        tx, client.actor, Event.PROVISIONED_GROUP_CREATED, subject=row.resource_id, connection=str(client.connection_id)
    )
    _take(tx, client, row, _set(tx, client, row, _named(said)), clock=clock, is_new=True)
    return row


def replace_group(
    tx: Tx, client: Client, resource_id: str, said: AnyGroup, *, if_match: str = "", clock: Clock
) -> ProvisionedGroupRow:
    """Make a group what the provider says now, with these people and no others."""
    _check_members(said)
    row = get_row(tx, client, resource_id)
    check_match(row, if_match)
    is_renamed = _rename(tx, row, said)
    change = _set(tx, client, row, _named(said))
    _take(tx, client, row, change, clock=clock, is_renamed=is_renamed)
    return row


def patch_group(
    tx: Tx, client: Client, resource_id: str, body: Any, *, if_match: str = "", clock: Clock
) -> ProvisionedGroupRow:
    """Change parts of a group.

    Providers add and remove people one by one: that is done in the table, whatever the size of the group. An operation
    that says whom it is about otherwise is done on the whole group.
    """
    row = get_row(tx, client, resource_id)
    check_match(row, if_match)
    model: type[PatchOp[AnyGroup]] = PatchOp[Group]  # type: ignore[type-arg]  # no extension of it is served
    model.model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
    steps = member_steps(body)
    if steps is None and len(body_steps(body)) > MOST_STEPS_ON_ALL:
        raise InvalidValueException(detail=f"At most {MOST_STEPS_ON_ALL} operations choose members by what they are.")
    said = as_group(row, client, () if steps is not None else members_of(tx, [row.resource_id])[row.resource_id])
    before = _named(said)
    rest = body if steps is None else steps.rest
    if rest is not None:
        patch = model.model_validate(rest, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
        patch.patch(said)
    said = whole(Group, said)
    is_renamed = _rename(tx, row, said)
    if steps is None:
        change = _set(tx, client, row, _named(said)) if _named(said) != before else _Change(set(), set())
    else:
        change = _stepped(tx, client, row, steps)
    _take(tx, client, row, change, clock=clock, is_renamed=is_renamed)
    return row


def delete_group(tx: Tx, client: Client, resource_id: str, *, if_match: str = "", clock: Clock) -> None:
    """Remove a group. What it gave to the people in it is taken."""
    row = get_row(tx, client, resource_id)
    check_match(row, if_match)
    people = _member_ids(tx, row)
    _touch_people(tx, people, clock=clock)
    tx.delete(row)
    tx.flush()
    audit.record(
        tx, client.actor, Event.PROVISIONED_GROUP_DELETED, subject=row.resource_id, connection=str(client.connection_id)
    )
    follow(tx, client.actor, client.connection_id, people, now=clock.now())


def leave_all(tx: Tx, client: Client, row: ProvisionedUserRow) -> None:
    """Take a person out of all groups, and out of what these gave."""
    tx.execute(
        delete(ProvisionedMemberRow).where(
            ProvisionedMemberRow.tenant_id == tx.tenant_id, ProvisionedMemberRow.member_id == row.resource_id
        )
    )
    leave_places(tx, client.actor, row)


def get_row(tx: Tx, client: Client, resource_id: str, *, is_locked: bool = True) -> ProvisionedGroupRow:
    """Return the row of a group of this connection. Raises NotFoundException, for another's as for none."""
    found = parse_id(resource_id)
    row = found and tx.get(ProvisionedGroupRow, (tx.tenant_id, found), with_for_update=is_locked or None)
    if not row or row.connection_id != client.connection_id:
        raise NotFoundException(detail="There is no such group.")
    return row


def first_of(tx: Tx, rows: list[ProvisionedGroupRow]) -> list[ProvisionedGroupRow]:
    """Return the first of these groups, one or as many as have not too many people in them for one answer."""
    counted = dict(
        tx.execute(
            select(ProvisionedMemberRow.group_id, func.count())
            .where(ProvisionedMemberRow.tenant_id == tx.tenant_id)
            .where(among(ProvisionedMemberRow.group_id, [row.resource_id for row in rows]))
            .group_by(ProvisionedMemberRow.group_id)
        ).all()
    )
    sums = list(accumulate(counted.get(row.resource_id, 0) for row in rows))
    return [row for at, row in enumerate(rows) if at == 0 or sums[at] <= MOST_MEMBERS]


def names_of_groups(tx: Tx, member_ids: Collection[UUID]) -> dict[UUID, dict[UUID, str]]:
    """Return for each person their groups' names, by id."""
    group = ProvisionedGroupRow
    rows = tx.execute(
        select(ProvisionedMemberRow.member_id, group.resource_id, group.doc["displayName"].astext)
        .join(
            group,
            (group.tenant_id == ProvisionedMemberRow.tenant_id) & (group.resource_id == ProvisionedMemberRow.group_id),
        )
        .where(ProvisionedMemberRow.tenant_id == tx.tenant_id, among(ProvisionedMemberRow.member_id, member_ids))
        .order_by(group.resource_id)
    )
    found: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    for member_id, group_id, name in rows:
        found[member_id][group_id] = name
    return found


def members_of(tx: Tx, group_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return for each group the ids of the people in it."""
    rows = tx.execute(
        select(ProvisionedMemberRow.group_id, ProvisionedMemberRow.member_id)
        .where(ProvisionedMemberRow.tenant_id == tx.tenant_id, among(ProvisionedMemberRow.group_id, group_ids))
        .order_by(ProvisionedMemberRow.member_id)
    )
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for group_id, member_id in rows:
        found[group_id].append(member_id)
    return found


def _check_members(said: AnyGroup) -> None:
    checked_group(said)
    if len(said.members or ()) > MOST_MEMBERS:
        raise InvalidValueException(detail=f"At most {MOST_MEMBERS} members are named at once.")


def _named(said: AnyGroup) -> list[str]:
    return [one.value or "" for one in said.members or ()]


def _rename(tx: Tx, row: ProvisionedGroupRow, said: AnyGroup) -> bool:
    doc = kept(checked_group(said))
    if doc == row.doc:
        return False
    row.doc, row.keys = doc, folded(doc)
    tx.flush()
    _require_apart(tx, row)
    return True


def _require_apart(tx: Tx, row: ProvisionedGroupRow) -> None:
    """Raise UniquenessException if this group's name is another one's external id, or the other way round.

    A mapping may name a group by either. Where people make groups themselves, somebody could name theirs like the id of a group
    that gives a role, and have the role.
    """
    other, name, external_id = ProvisionedGroupRow, row.doc.get("displayName"), row.doc.get("externalId")
    confused = other.doc["externalId"].astext == name
    if external_id:
        confused = or_(confused, other.doc["displayName"].astext == external_id)
    query = select(other.resource_id).where(
        other.tenant_id == tx.tenant_id, other.connection_id == row.connection_id, other.resource_id != row.resource_id, confused
    )
    if tx.scalar(query.limit(1)) is not None:
        raise UniquenessException(detail="Another group's externalId is this one's displayName, or the other way round.")


def _stepped(tx: Tx, client: Client, row: ProvisionedGroupRow, steps: Steps) -> _Change:
    change = _Change(set(), set())
    for step in steps.steps:
        match step.kind:
            case MemberStep.ADD:
                came, left = _add(tx, row, _known(tx, client, step.ids)), set[UUID]()
            case MemberStep.REMOVE:
                came, left = set(), _remove(tx, row, {found for one in step.ids if (found := parse_id(one))})
            case MemberStep.SET:
                whole = _set(tx, client, row, step.ids)
                came, left = whole.came, whole.left
        change.came, change.left = (change.came - left) | came, (change.left - came) | left
    return change


def _set(tx: Tx, client: Client, row: ProvisionedGroupRow, said: Collection[str]) -> _Change:
    wanted, held = _known(tx, client, said), _member_ids(tx, row)
    _remove(tx, row, held - wanted)
    return _Change(_add(tx, row, wanted - held), held - wanted)


def _add(tx: Tx, row: ProvisionedGroupRow, wanted: set[UUID]) -> set[UUID]:
    new = wanted - _member_ids(tx, row, among_these=wanted)
    insert_all(
        tx, ProvisionedMemberRow,
        [{"tenant_id": tx.tenant_id, "group_id": row.resource_id, "member_id": one} for one in sorted(new)],
    )  # fmt: skip
    return new


def _remove(tx: Tx, row: ProvisionedGroupRow, unwanted: set[UUID]) -> set[UUID]:
    return set(
        tx.scalars(
            delete(ProvisionedMemberRow)
            .where(ProvisionedMemberRow.tenant_id == tx.tenant_id, ProvisionedMemberRow.group_id == row.resource_id)
            .where(among(ProvisionedMemberRow.member_id, unwanted))
            .returning(ProvisionedMemberRow.member_id)
        )
    )


def _take(
    tx: Tx, client: Client, row: ProvisionedGroupRow, change: _Change, *, clock: Clock, is_renamed: bool = False,
    is_new: bool = False,
) -> None:  # fmt: skip
    """Let a changed group have its effects. Another name may be of another mapping: then it is all who are in it."""
    if not (change.people or is_renamed):
        return
    people = change.people | (_member_ids(tx, row) if is_renamed else set())
    if not is_new:
        row.version, row.changed_at = row.version + 1, clock.now()
        tx.flush()
        audit.record(
            tx, client.actor, Event.PROVISIONED_GROUP_CHANGED, subject=row.resource_id, came=len(change.came),
            left=len(change.left), is_renamed=int(is_renamed), connection=str(client.connection_id),
        )  # fmt: skip
    _touch_people(tx, change.people, clock=clock)
    follow(tx, client.actor, client.connection_id, people, now=clock.now())


def _touch_people(tx: Tx, people: Collection[UUID], *, clock: Clock) -> None:
    """Give people another version: what is said of them names their groups."""
    tx.execute(
        update(ProvisionedUserRow)
        .where(ProvisionedUserRow.tenant_id == tx.tenant_id, among(ProvisionedUserRow.resource_id, people))
        .values(version=ProvisionedUserRow.version + 1, changed_at=clock.now())
    )


def _member_ids(tx: Tx, row: ProvisionedGroupRow, *, among_these: Collection[UUID] | None = None) -> set[UUID]:
    query = select(ProvisionedMemberRow.member_id).where(
        ProvisionedMemberRow.tenant_id == tx.tenant_id, ProvisionedMemberRow.group_id == row.resource_id
    )
    return set(tx.scalars(query if among_these is None else query.where(among(ProvisionedMemberRow.member_id, among_these))))


def _known(tx: Tx, client: Client, said: Collection[str]) -> set[UUID]:
    """Return the people of this connection who are named. Raises InvalidValueException for anybody else."""
    wanted = {parse_id(one) for one in said}
    ids = {one for one in wanted if one is not None}
    found = set(
        tx.scalars(
            select(ProvisionedUserRow.resource_id)
            .where(ProvisionedUserRow.tenant_id == tx.tenant_id)
            .where(ProvisionedUserRow.connection_id == client.connection_id)
            .where(among(ProvisionedUserRow.resource_id, ids))
        )
    )
    if None in wanted or found != ids:
        raise InvalidValueException(detail="A member is no user of this service.")
    return found
