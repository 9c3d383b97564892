"""Collections: where documents live, and who may read them. A collection is open to everyone or to some groups.

Denied by default: a collection for groups that names none is read by nobody but those who manage collections. A
change takes effect on the next query, because every query asks here.
"""

from collections.abc import Collection as Some
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.exc import IntegrityError

from appliance import audit, identity
from appliance.audit import Actor, Event
from appliance.identity import Caller, GroupId, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.knowledge.errors import (
    CollectionMalformed,
    CollectionNameTaken,
    CollectionNotEmpty,
    CollectionNotFound,
)
from appliance.knowledge.tables import CollectionGroupRow, CollectionRow, DocumentRow
from appliance.knowledge.values import Audience, Collection, CollectionForm, CollectionId

_NAME_LIMIT, _DESCRIPTION_LIMIT = 120, 1_000


def create_first_collection(tx: Tx, actor: Actor, *, name: str, clock: Clock) -> CollectionId:
    """Give a new organisation the collection it starts with."""
    return _create(tx, actor, CollectionForm(name, "", Audience.EVERYONE, ()), clock)


def create_collection(tx: Tx, caller: Caller, form: CollectionForm, *, clock: Clock) -> Collection:
    """Create a collection. Raises CollectionMalformed, CollectionNameTaken."""
    identity.require(caller, Permission.COLLECTION_CHANGE)
    return get_collection(tx, caller, _create(tx, caller.actor, _checked(tx, form), clock))


def change_collection(tx: Tx, caller: Caller, collection_id: CollectionId, form: CollectionForm) -> Collection:
    """Give a collection another name, description or readers; readers change with the next query."""
    identity.require(caller, Permission.COLLECTION_CHANGE)
    row, form = _row(tx, collection_id), _checked(tx, form)
    row.name, row.description, row.audience = form.name, form.description, form.audience
    _write(tx)
    _set_groups(tx, collection_id, form.group_ids)
    audit.record(tx, caller.actor, Event.COLLECTION_CHANGED, subject=collection_id, audience=form.audience.value,
                 groups=len(form.group_ids))  # fmt: skip
    return get_collection(tx, caller, collection_id)


def delete_collection(tx: Tx, caller: Caller, collection_id: CollectionId) -> None:
    """Delete an empty collection. Raises CollectionNotEmpty."""
    identity.require(caller, Permission.COLLECTION_CHANGE)
    row = _row(tx, collection_id)
    if _counts(tx).get(collection_id):
        raise CollectionNotEmpty
    tx.delete(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.COLLECTION_DELETED, subject=collection_id)


def list_collections(tx: Tx, caller: Caller) -> list[Collection]:
    """Return the collections that the caller may read, by name."""
    identity.require(caller, Permission.DOCUMENT_READ)
    query = select(CollectionRow).where(CollectionRow.tenant_id == tx.tenant_id).order_by(CollectionRow.name)
    readable = readable_collections(tx, caller)
    rows = [row for row in tx.scalars(query) if readable is None or row.collection_id in readable]
    groups, counts = _groups(tx), _counts(tx)
    return [_value(row, groups.get(row.collection_id, ()), counts.get(row.collection_id, 0)) for row in rows]


def get_collection(tx: Tx, caller: Caller, collection_id: CollectionId) -> Collection:
    """Return a collection that the caller may read. Raises CollectionNotFound, for one they may not read too."""
    found = [one for one in list_collections(tx, caller) if one.collection_id == collection_id]
    if not found:
        raise CollectionNotFound
    return found[0]


def readable_collections(tx: Tx, caller: Caller) -> frozenset[UUID] | None:
    """Return the ids of what the caller may read; None means all, for those who manage collections."""
    if identity.may(caller, Permission.COLLECTION_CHANGE):
        return None
    shared = select(CollectionGroupRow.collection_id).where(
        CollectionGroupRow.tenant_id == tx.tenant_id, CollectionGroupRow.group_id.in_(caller.groups)
    )
    rows = tx.scalars(
        select(CollectionRow.collection_id).where(
            CollectionRow.tenant_id == tx.tenant_id,
            or_(CollectionRow.audience == Audience.EVERYONE, CollectionRow.collection_id.in_(shared)),
        )
    )
    return frozenset(rows)


def target_collection(tx: Tx, caller: Caller, collection_id: CollectionId | None) -> CollectionId:
    """Return where an upload goes: the named collection if the caller may read it, or else the oldest one they may."""
    readable = readable_collections(tx, caller)
    rows = tx.scalars(
        select(CollectionRow.collection_id)
        .where(CollectionRow.tenant_id == tx.tenant_id)
        .order_by(CollectionRow.created_at, CollectionRow.collection_id)
    )
    open_ones = [found for found in rows if readable is None or found in readable]
    if collection_id is not None:
        open_ones = [found for found in open_ones if found == collection_id]
    if not open_ones:
        raise CollectionNotFound
    return CollectionId(open_ones[0])


def _create(tx: Tx, actor: Actor, form: CollectionForm, clock: Clock) -> CollectionId:
    collection_id = CollectionId(new_id())
    tx.add(
        CollectionRow(
            tenant_id=tx.tenant_id,
            collection_id=collection_id,
            name=form.name,
            description=form.description,
            audience=form.audience,
            created_at=clock.now(),
        )
    )
    _write(tx)
    _set_groups(tx, collection_id, form.group_ids)
    audit.record(tx, actor, Event.COLLECTION_CREATED, subject=collection_id, audience=form.audience.value)
    return collection_id


def _checked(tx: Tx, form: CollectionForm) -> CollectionForm:
    name, description = form.name.strip(), form.description.strip()
    if not 0 < len(name) <= _NAME_LIMIT or len(description) > _DESCRIPTION_LIMIT:
        raise CollectionMalformed
    group_ids = form.group_ids if form.audience is Audience.GROUPS else ()
    identity.check_groups(tx, group_ids)
    return CollectionForm(name, description, form.audience, group_ids)


def _write(tx: Tx) -> None:
    try:
        with tx.begin_nested():
            tx.flush()
    except IntegrityError as error:
        raise CollectionNameTaken from error


def _set_groups(tx: Tx, collection_id: CollectionId, group_ids: Some[GroupId]) -> None:
    tx.execute(
        delete(CollectionGroupRow).where(
            CollectionGroupRow.tenant_id == tx.tenant_id, CollectionGroupRow.collection_id == collection_id
        )
    )
    tx.add_all(
        CollectionGroupRow(tenant_id=tx.tenant_id, collection_id=collection_id, group_id=group_id)
        for group_id in set(group_ids)
    )
    tx.flush()


def _row(tx: Tx, collection_id: CollectionId) -> CollectionRow:
    row = tx.get(CollectionRow, (tx.tenant_id, collection_id), with_for_update=True)
    if row is None:
        raise CollectionNotFound
    return row


def _groups(tx: Tx) -> dict[UUID, tuple[GroupId, ...]]:
    rows = tx.execute(
        select(CollectionGroupRow.collection_id, func.array_agg(CollectionGroupRow.group_id))
        .where(CollectionGroupRow.tenant_id == tx.tenant_id)
        .group_by(CollectionGroupRow.collection_id)
    )
    return {collection_id: tuple(map(GroupId, group_ids)) for collection_id, group_ids in rows}


def _counts(tx: Tx) -> dict[UUID, int]:
    rows = tx.execute(
        select(DocumentRow.collection_id, func.count())
        .where(DocumentRow.tenant_id == tx.tenant_id)
        .group_by(DocumentRow.collection_id)
    )
    return {row[0]: row[1] for row in rows}


def _value(row: CollectionRow, group_ids: tuple[GroupId, ...], count: int) -> Collection:
    return Collection(
        CollectionId(row.collection_id), row.name, row.description, Audience(row.audience), group_ids, count
    )
