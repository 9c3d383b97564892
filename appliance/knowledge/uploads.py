"""Large files that come in parts, and go on where they stopped.

Each part is sealed as a file of its own when it arrives; nothing of it lies about in the clear. A part that is sent
twice is there once. When all are here they become one file, which is taken in like any other. What is not finished
after a day is discarded.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from appliance import audit, identity
from appliance.audit import Actor, ActorKind, Event
from appliance.identity import Caller, Permission
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.sealing import content_digest
from appliance.knowledge.batches import open_batch
from appliance.knowledge.collections import target_collection
from appliance.knowledge.errors import (
    DocumentTooLarge,
    EmptyFile,
    PartMalformed,
    PartMisplaced,
    TooManyUploads,
    UploadIncomplete,
    UploadNotFound,
)
from appliance.knowledge.receiving import Upload, cleaned_name, take_in
from appliance.knowledge.screening.attesting import checked_labels, require_attested
from appliance.knowledge.tables import UploadPartRow, UploadRow
from appliance.knowledge.values import (
    BatchId,
    CollectionId,
    DocumentId,
    PartialUpload,
    Received,
    UploadId,
)
from appliance.knowledge.versions import enqueue_erasure, replaceable

PART_LIMIT = 8_000_000
_KEPT = timedelta(days=1)
_MOST_AT_ONCE = 50
# In files of the greatest size: of one person, and of all, so that nobody takes the room of everybody.
_ROOM_OF_ONE, _ROOM = 9, 45


@dataclass(frozen=True)
class UploadForm:
    """What is said of a file before it comes."""

    file_name: str
    byte_count: int
    folder: str = ""
    collection_id: CollectionId | None = None
    batch_id: BatchId | None = None
    document_id: DocumentId | None = None
    is_separate: bool = False
    is_attested: bool = False
    labels: tuple[str, ...] = ()


def begin_upload(tx: Tx, caller: Caller, form: UploadForm, *, limit_megabytes: int, clock: Clock) -> PartialUpload:
    """Announce a file. Raises AttestationMissing, DocumentTooLarge, LabelsMalformed, TooManyUploads, and what `take_in` raises of its target."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    name, labels = cleaned_name(form.file_name, form.folder), checked_labels(form.labels)
    require_attested(tx, is_attested=form.is_attested)
    if form.byte_count <= 0:
        raise EmptyFile
    if form.byte_count > limit_megabytes * 1_000_000:
        raise DocumentTooLarge(megabytes=limit_megabytes)
    if form.batch_id is not None:
        open_batch(tx, caller, form.batch_id)
    if form.document_id is not None:
        replaceable(tx, caller, form.document_id)
    collection_id = target_collection(tx, caller, form.collection_id)
    _require_room(tx, caller, form.byte_count, limit_megabytes)
    row = UploadRow(
        tenant_id=tx.tenant_id, upload_id=new_id(), user_id=caller.user_id, file_name=name, byte_count=form.byte_count,
        received_count=0, collection_id=collection_id, batch_id=form.batch_id, document_id=form.document_id,
        is_separate=form.is_separate, is_attested=form.is_attested, labels=labels, began_at=clock.now(),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.UPLOAD_BEGUN, subject=row.upload_id, byte_count=form.byte_count)
    return _value(row)


def get_upload(tx: Tx, caller: Caller, upload_id: UploadId) -> PartialUpload:
    """Return how much of a file is here. Raises UploadNotFound, for somebody else's too."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    return _value(_row(tx, caller, upload_id))


def append_part(
    db: Database, blobs: Blobs, caller: Caller, upload_id: UploadId, content: bytes, *, start: int
) -> PartialUpload:
    """Add the part that begins at this byte. The same part once more changes nothing. Raises PartMisplaced."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    with db.tenant(caller.tenant_id) as tx:
        known = _placed(tx, _row(tx, caller, upload_id), content, start)
    if known is not None:
        return known
    part_id = new_id()
    blobs.put(caller.tenant_id, part_id, content)
    try:
        with db.tenant(caller.tenant_id) as tx:
            return _add_part(tx, caller, upload_id, part_id, content, start)
    except (IntegrityError, PartMisplaced) as error:
        blobs.delete(caller.tenant_id, part_id)
        with db.tenant(caller.tenant_id) as tx:
            known = _placed(tx, _row(tx, caller, upload_id), content, start)
        if known is None:
            raise PartMisplaced(offset=start) from error
        return known


def finish_upload(
    db: Database, blobs: Blobs, caller: Caller, upload_id: UploadId, *, limit_megabytes: int, clock: Clock
) -> Received:
    """Take the whole file in. Raises UploadIncomplete, and what `take_in` raises."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    with db.tenant(caller.tenant_id) as tx:
        row = _row(tx, caller, upload_id)
        if row.received_count != row.byte_count:
            raise UploadIncomplete(offset=row.received_count)
        parts = list(
            tx.scalars(
                select(UploadPartRow.part_id)
                .where(UploadPartRow.tenant_id == tx.tenant_id, UploadPartRow.upload_id == upload_id)
                .order_by(UploadPartRow.start_at)
            )
        )
        folder, _, name = row.file_name.rpartition("/")
    content = b"".join(blobs.get(caller.tenant_id, part) for part in parts)
    upload = Upload(
        name, content, CollectionId(row.collection_id) if row.collection_id else None, folder,
        BatchId(row.batch_id) if row.batch_id else None, row.is_separate, row.is_attested, tuple(row.labels),
    )  # fmt: skip
    received = take_in(
        db, blobs, caller, upload, limit_megabytes=limit_megabytes, clock=clock,
        document_id=DocumentId(row.document_id) if row.document_id else None,
    )  # fmt: skip
    with db.tenant(caller.tenant_id) as tx:
        _remove(tx, upload_id)
    return received


def discard_upload(tx: Tx, caller: Caller, upload_id: UploadId) -> None:
    """Give an unfinished upload up; its parts are erased."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    _row(tx, caller, upload_id)
    _remove(tx, upload_id)
    audit.record(tx, caller.actor, Event.UPLOAD_DISCARDED, subject=upload_id)


def sweep_uploads(db: Database, tenant_id: TenantId, *, clock: Clock) -> int:
    """Discard what was begun more than a day ago; return how many."""
    with db.tenant(tenant_id) as tx:
        old = tx.scalars(
            select(UploadRow.upload_id).where(
                UploadRow.tenant_id == tenant_id, UploadRow.began_at < clock.now() - _KEPT
            )
        ).all()
        for upload_id in old:
            _remove(tx, upload_id)
            audit.record(tx, Actor(ActorKind.SYSTEM), Event.UPLOAD_DISCARDED, subject=upload_id)
    return len(old)


def _require_room(tx: Tx, caller: Caller, byte_count: int, limit_megabytes: int) -> None:
    # One at a time, or each of many would see the room that all of them take.
    in_turn(tx, "uploads")
    is_own = UploadRow.user_id == caller.user_id
    total, own, count = tx.execute(
        select(
            func.coalesce(func.sum(UploadRow.byte_count), 0),
            func.coalesce(func.sum(UploadRow.byte_count).filter(is_own), 0),
            func.count().filter(is_own),
        ).where(UploadRow.tenant_id == tx.tenant_id)
    ).one()
    largest = limit_megabytes * 1_000_000
    is_full = own + byte_count > _ROOM_OF_ONE * largest or total + byte_count > _ROOM * largest
    if is_full or count >= _MOST_AT_ONCE:
        raise TooManyUploads


def _placed(tx: Tx, row: UploadRow, content: bytes, start: int) -> PartialUpload | None:
    """Return the upload if it holds this part already, None if the part is the next. Raises PartMisplaced."""
    if not 0 < len(content) <= PART_LIMIT or start < 0 or start + len(content) > row.byte_count:
        raise PartMalformed(most=PART_LIMIT)
    if start == row.received_count:
        return None
    digest = tx.scalar(
        select(UploadPartRow.content_digest).where(
            UploadPartRow.tenant_id == tx.tenant_id,
            UploadPartRow.upload_id == row.upload_id,
            UploadPartRow.start_at == start,
        )
    )
    if digest != content_digest(content):
        raise PartMisplaced(offset=row.received_count)
    return _value(row)


def _add_part(tx: Tx, caller: Caller, upload_id: UploadId, part_id: UUID, content: bytes, start: int) -> PartialUpload:
    grown = tx.scalar(
        update(UploadRow)
        .where(UploadRow.tenant_id == tx.tenant_id, UploadRow.upload_id == upload_id, UploadRow.received_count == start)
        .values(received_count=start + len(content))
        .returning(UploadRow.upload_id)
    )
    if grown is None:
        raise PartMisplaced(offset=start)  # Another request brought a part at this moment.
    tx.add(
        UploadPartRow(
            tenant_id=tx.tenant_id, part_id=part_id, upload_id=upload_id, start_at=start, byte_count=len(content),
            content_digest=content_digest(content),
        )
    )  # fmt: skip
    tx.flush()
    return _value(_row(tx, caller, upload_id))


def _row(tx: Tx, caller: Caller, upload_id: UploadId) -> UploadRow:
    row = tx.get(UploadRow, (tx.tenant_id, upload_id), populate_existing=True)
    if row is None or row.user_id != caller.user_id:
        raise UploadNotFound
    return row


def _remove(tx: Tx, upload_id: UUID) -> None:
    parts = tx.scalars(
        select(UploadPartRow.part_id).where(
            UploadPartRow.tenant_id == tx.tenant_id, UploadPartRow.upload_id == upload_id
        )
    ).all()
    tx.execute(delete(UploadRow).where(UploadRow.tenant_id == tx.tenant_id, UploadRow.upload_id == upload_id))
    enqueue_erasure(tx, parts)


def _value(row: UploadRow) -> PartialUpload:
    return PartialUpload(
        UploadId(row.upload_id), row.file_name, row.byte_count, row.received_count, PART_LIMIT, row.began_at + _KEPT
    )
