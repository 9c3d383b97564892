"""Batches: files that were uploaded together, how far they are, and what was wrong with which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, func, select, union_all

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import among
from appliance.knowledge.errors import BatchNotFound
from appliance.knowledge.pace import seconds_left
from appliance.knowledge.queries import may_read
from appliance.knowledge.service import UNDONE, queue_again, stop
from appliance.knowledge.tables import BatchRow, DocumentRow, VersionRow
from appliance.knowledge.values import ON_ITS_WAY, Batch, BatchId, DocumentId, Status
from appliance.knowledge.versions import file_in, locked, require_own


def create_batch(tx: Tx, caller: Caller, *, clock: Clock) -> BatchId:
    """Begin a batch; uploads name it."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    batch_id = BatchId(new_id())
    row = BatchRow(tenant_id=tx.tenant_id, batch_id=batch_id, created_by=caller.user_id, created_at=clock.now())
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.BATCH_CREATED, subject=batch_id)
    return batch_id


def list_batches(
    tx: Tx, caller: Caller, *, clock: Clock, limit: int = 50, before: BatchId | None = None
) -> list[Batch]:
    """Return one's own batches, or everybody's for who may change documents; the latest first."""
    identity.require(caller, Permission.DOCUMENT_READ)
    query = select(BatchRow).where(BatchRow.tenant_id == tx.tenant_id)
    if not identity.may(caller, Permission.DOCUMENT_CHANGE):
        query = query.where(BatchRow.created_by == caller.user_id)
    if before is not None:
        query = query.where(BatchRow.batch_id < before)
    rows = tx.scalars(query.order_by(BatchRow.batch_id.desc()).limit(limit)).all()
    return _values(tx, caller, rows, clock)


def get_batch(tx: Tx, caller: Caller, batch_id: BatchId, *, clock: Clock) -> Batch:
    """Return a batch and how far it is. Raises BatchNotFound, for one of somebody else's too."""
    identity.require(caller, Permission.DOCUMENT_READ)
    return _values(tx, caller, [open_batch(tx, caller, batch_id)], clock)[0]


def retry_batch(tx: Tx, caller: Caller, batch_id: BatchId) -> int:
    """Queue what failed or was cancelled of a batch again; return how many files."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    open_batch(tx, caller, batch_id)
    count = 0
    for document_id in _documents(tx, caller, batch_id, UNDONE):
        document = locked(tx, document_id)
        file = file_in(tx, document, UNDONE)
        if file is not None and file.batch_id == batch_id:
            queue_again(tx, caller, document, file, Event.DOCUMENT_RETRIED)
            count += 1
    audit.record(tx, caller.actor, Event.BATCH_RETRIED, subject=batch_id, files=count)
    return count


def cancel_batch(tx: Tx, caller: Caller, batch_id: BatchId, *, clock: Clock) -> int:
    """Stop what is on its way of a batch; return how many files."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    require_own(caller, open_batch(tx, caller, batch_id).created_by)
    count = 0
    for document_id in _documents(tx, caller, batch_id, ON_ITS_WAY):
        document = locked(tx, document_id)
        file = file_in(tx, document, ON_ITS_WAY)
        if file is not None and file.batch_id == batch_id:
            stop(tx, caller, document, file, clock)
            count += 1
    audit.record(tx, caller.actor, Event.BATCH_CANCELLED, subject=batch_id, files=count)
    return count


def open_batch(tx: Tx, caller: Caller, batch_id: BatchId) -> BatchRow:
    """Return one's own batch, or anybody's for who may change documents. Raises BatchNotFound."""
    row = tx.get(BatchRow, (tx.tenant_id, batch_id))
    is_own = row is not None and row.created_by == caller.user_id
    if row is None or not (is_own or identity.may(caller, Permission.DOCUMENT_CHANGE)):
        raise BatchNotFound
    return row


def _values(tx: Tx, caller: Caller, rows: Sequence[BatchRow], clock: Clock) -> list[Batch]:
    names = identity.names_of(tx, [row.created_by for row in rows])
    counted: dict[UUID, list[_Counted]] = {row.batch_id: [] for row in rows}
    for found in tx.execute(_counts(tx, caller, list(counted))):
        counted[found.batch_id].append(_Counted(Status(found.status), *found[2:]))
    waiting = {
        batch_id: max(one.latest for one in states if not one.status.is_final)
        for batch_id, states in counted.items()
        if not all(one.status.is_final for one in states)
    }
    seconds = seconds_left(tx, set(waiting.values()), clock.now()) if waiting else {}
    return [
        _value(row, names.get(row.created_by, ""), counted[row.batch_id], seconds.get(waiting.get(row.batch_id)))
        for row in rows
    ]


@dataclass(frozen=True)
class _Counted:
    """Files of a batch in one state: how many, their bytes, those times the percentage done, the latest upload."""

    status: Status
    files: int
    byte_count: int
    done: int
    latest: datetime


def _value(row: BatchRow, name: str, states: Sequence[_Counted], seconds_left: int | None) -> Batch:
    counts: Counter[Status] = Counter()
    for one in states:
        counts[one.status] += one.files
    total = sum(one.byte_count for one in states)
    finished = sum(100 * one.byte_count if one.status.is_final else one.done for one in states)
    return Batch(
        batch_id=BatchId(row.batch_id),
        created_by_name=name,
        created_at=row.created_at,
        total=counts.total(),
        counts=dict(counts),
        percent=int(finished // total) if total else 100,
        seconds_left=seconds_left,
    )


def _counts(tx: Tx, caller: Caller, batch_ids: Sequence[UUID]) -> CompoundSelect[UUID, str, int, int, int, datetime]:
    """Return the query that counts the files of batches by their states, those that the caller may read."""
    first, other = (
        select(
            table.batch_id,
            table.status,
            func.count(),
            func.sum(table.byte_count),
            func.sum(table.byte_count * table.progress),
            func.max(table.uploaded_at),
        )
        .where(table.tenant_id == tx.tenant_id, among(table.batch_id, batch_ids))
        .group_by(table.batch_id, table.status)
        for table in (DocumentRow, VersionRow)
    )
    return union_all(first.where(may_read(tx, caller)), other.where(VersionRow.document_id.in_(_readable(tx, caller))))


def _documents(tx: Tx, caller: Caller, batch_id: BatchId, states: tuple[Status, ...]) -> list[DocumentId]:
    """Return the documents that the caller may read with a file of the batch in one of these states."""
    first, other = (
        select(table.document_id).where(
            table.tenant_id == tx.tenant_id, table.batch_id == batch_id, table.status.in_(states)
        )
        for table in (DocumentRow, VersionRow)
    )
    found = union_all(first.where(may_read(tx, caller)), other.where(VersionRow.document_id.in_(_readable(tx, caller))))
    return sorted({DocumentId(document_id) for (document_id,) in tx.execute(found)})


def _readable(tx: Tx, caller: Caller) -> Select[UUID]:
    return select(DocumentRow.document_id).where(DocumentRow.tenant_id == tx.tenant_id, may_read(tx, caller))
