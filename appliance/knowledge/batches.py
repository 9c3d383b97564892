"""Batches: files that were uploaded together, how far they are, and what was wrong with which."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CompoundSelect, Row, select, text, union_all

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.knowledge.errors import BatchNotFound
from appliance.knowledge.queries import may_read
from appliance.knowledge.service import UNDONE, queue_again, stop
from appliance.knowledge.tables import BatchRow, DocumentRow, VersionRow
from appliance.knowledge.values import ON_ITS_WAY, Batch, BatchId, DocumentId, Status
from appliance.knowledge.versions import file_in, locked, require_own

_MEASURED = timedelta(minutes=15)
# Bytes settled of late, since when, and what is still to be read up to a moment of upload.
_PACE = text(
    """WITH files AS (
         SELECT byte_count, status, progress, uploaded_at, started_at, settled_at FROM documents WHERE tenant_id = :tenant
           AND (settled_at > :since OR status IN ('received', 'parsing', 'embedding'))
         UNION ALL
         SELECT byte_count, status, progress, uploaded_at, started_at, settled_at FROM document_versions
           WHERE tenant_id = :tenant AND (settled_at > :since OR status IN ('received', 'parsing', 'embedding'))
       )
       SELECT coalesce(sum(byte_count) FILTER (WHERE settled_at > :since AND status <> 'cancelled'), 0)::float8,
              min(greatest(started_at, :since)) FILTER (WHERE settled_at > :since AND status <> 'cancelled'),
              coalesce(sum(byte_count * (100 - progress) / 100.0)
                FILTER (WHERE status IN ('received', 'parsing', 'embedding') AND uploaded_at <= :until), 0)::float8
       FROM files"""
)


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
    names = identity.names_of(tx, [row.created_by for row in rows])
    return [_value(tx, caller, row, names.get(row.created_by, ""), clock) for row in rows]


def get_batch(tx: Tx, caller: Caller, batch_id: BatchId, *, clock: Clock) -> Batch:
    """Return a batch and how far it is. Raises BatchNotFound, for one of somebody else's too."""
    identity.require(caller, Permission.DOCUMENT_READ)
    row = open_batch(tx, caller, batch_id)
    return _value(tx, caller, row, identity.names_of(tx, [row.created_by]).get(row.created_by, ""), clock)


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


def _value(tx: Tx, caller: Caller, row: BatchRow, name: str, clock: Clock) -> Batch:
    files = tx.execute(_files(tx, caller, BatchId(row.batch_id))).all()
    counts = Counter(Status(file.status) for file in files)
    total = sum(file.byte_count for file in files)
    finished = sum(file.byte_count * (100 if Status(file.status).is_final else file.progress) for file in files)
    waits = [file.uploaded_at for file in files if not Status(file.status).is_final]
    return Batch(
        batch_id=BatchId(row.batch_id),
        created_by_name=name,
        created_at=row.created_at,
        total=len(files),
        counts=dict(counts),
        percent=finished // total if total else 100,
        seconds_left=_seconds_left(tx, max(waits), clock.now()) if waits else None,
    )


def _seconds_left(tx: Tx, until: datetime, now: datetime) -> int | None:
    values = {"tenant": tx.tenant_id, "since": now - _MEASURED, "until": until}
    settled, since, left = tx.execute(_PACE, values).one()
    seconds = (now - since).total_seconds() if since is not None else 0
    if not settled or seconds <= 0:
        return None
    return round(float(left) * seconds / float(settled))


def _files(tx: Tx, caller: Caller, batch_id: BatchId) -> CompoundSelect[tuple[str, int, int, datetime, UUID]]:
    """Return the query of a batch's files that the caller may read."""
    first, other = (
        select(table.status, table.progress, table.byte_count, table.uploaded_at, table.document_id).where(
            table.tenant_id == tx.tenant_id, table.batch_id == batch_id
        )
        for table in (DocumentRow, VersionRow)
    )
    readable = select(DocumentRow.document_id).where(DocumentRow.tenant_id == tx.tenant_id, may_read(tx, caller))
    return union_all(first.where(may_read(tx, caller)), other.where(VersionRow.document_id.in_(readable)))


def _documents(tx: Tx, caller: Caller, batch_id: BatchId, states: tuple[Status, ...]) -> list[DocumentId]:
    rows: list[Row[tuple[str, int, int, datetime, UUID]]] = list(tx.execute(_files(tx, caller, batch_id)))
    return sorted({DocumentId(row.document_id) for row in rows if row.status in states})
