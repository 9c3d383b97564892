"""Taking files in: a document, a new version of one, or nothing new.

The same bytes in the same collection are recognised. A file of the same name in the same collection is a new version
of what is there, if whoever sends it may replace that; otherwise, or if they ask for it, it is a document of its own.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import content_digest
from appliance.knowledge.batches import open_batch
from appliance.knowledge.collections import target_collection
from appliance.knowledge.errors import (
    AlreadyThere,
    DocumentTooLarge,
    EmptyFile,
    FileNameMissing,
    VersionNotFound,
)
from appliance.knowledge.queries import as_documents
from appliance.knowledge.screening.attesting import checked_labels, note_attested, require_attested
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.values import BatchId, CollectionId, Document, DocumentId, FileId, Receipt, Received, Status
from appliance.knowledge.versions import (
    enqueue_ingestion,
    get_version,
    holds_same,
    is_changeable,
    locked,
    newest_of,
    next_number,
    replaceable,
)

_NAME_LIMIT = 255
_TAKEN_UP = (Status.CANCELLED, Status.BLOCKED)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Upload:
    """A file as it came in.

    `collection_id` is what it is for; None is the first that its person may read. `folder` is shown before the name.
    With `is_separate` it is a document of its own although there is one of that name. `is_attested`: its person
    says that they would post it on the organisation's internal wiki. `labels` are added to the document's.
    """

    file_name: str
    content: bytes
    collection_id: CollectionId | None = None
    folder: str = ""
    batch_id: BatchId | None = None
    is_separate: bool = False
    is_attested: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Sealed:
    """A file in the store, with what its row will say."""

    file_id: FileId
    name: str
    byte_count: int
    digest: bytes
    upload: Upload


def receive(
    db: Database, blobs: Blobs, caller: Caller, upload: Upload, *, limit_megabytes: int, clock: Clock
) -> Document:
    """Take a file in; return its document. See `take_in`."""
    return take_in(db, blobs, caller, upload, limit_megabytes=limit_megabytes, clock=clock).document


def take_in(
    db: Database,
    blobs: Blobs,
    caller: Caller,
    upload: Upload,
    *,
    limit_megabytes: int,
    clock: Clock,
    document_id: DocumentId | None = None,
) -> Received:
    """Seal the file, then record it, its audit entry and its job in one transaction.

    With `document_id` it is a new version of that document, whatever its name. Raises AlreadyThere, AttestationMissing,
    BatchNotFound, Forbidden, LabelsMalformed.
    """
    identity.require(caller, Permission.DOCUMENT_ADD)
    name = _checked_name(upload, limit_megabytes)
    digest = content_digest(upload.content)
    sealed = _Sealed(FileId(new_id()), name, len(upload.content), digest, upload)
    checked_labels(upload.labels)
    with db.tenant(caller.tenant_id) as tx:
        require_attested(tx, is_attested=upload.is_attested)
        known = _known(tx, caller, sealed, document_id)
    if known is not None:
        return known
    # Sealed first: a row never points to nothing. A file without a row is removed by the orphan sweep.
    blobs.put(caller.tenant_id, sealed.file_id, upload.content)
    try:
        with db.tenant(caller.tenant_id) as tx:
            received = _record(tx, caller, sealed, document_id, clock)
            received = note_attested(tx, caller, received, labels=upload.labels, is_attested=upload.is_attested, clock=clock)
    except AlreadyThere:
        blobs.delete(caller.tenant_id, sealed.file_id)
        raise
    if received.receipt is Receipt.KNOWN:
        blobs.delete(caller.tenant_id, sealed.file_id)
    return received


def restore_version(
    db: Database, blobs: Blobs, caller: Caller, document_id: DocumentId, version_id: FileId, *, clock: Clock
) -> Document:
    """Make an earlier version the newest one: history only grows, and the present one stays until it is ready."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    with db.tenant(caller.tenant_id) as tx:
        replaceable(tx, caller, document_id)
        earlier = get_version(tx, document_id, version_id)
        if earlier.status != Status.READY:
            raise VersionNotFound
        name, digest, number = earlier.file_name, earlier.content_digest, earlier.version
    content = blobs.get(caller.tenant_id, version_id)
    sealed = _Sealed(FileId(new_id()), name, len(content), digest, Upload(name, b""))
    blobs.put(caller.tenant_id, sealed.file_id, content)
    with db.tenant(caller.tenant_id) as tx:
        document = replaceable(tx, caller, document_id, is_locked=True)
        received = _add_version(tx, caller, document, sealed, clock, restored=number)
    if received.receipt is Receipt.KNOWN:
        blobs.delete(caller.tenant_id, sealed.file_id)
    return received.document


def cleaned_name(file_name: str, folder: str = "") -> str:
    """Return a name as it is shown: the file's own, behind its folder. It is never used as a path."""
    given, around = (_CONTROLS.sub("", text.replace("\\", "/")) for text in (file_name, folder))
    own = PurePosixPath(given).name.strip()
    parts = [part.strip() for part in around.split("/")]
    name = "/".join([*(part for part in parts if part not in {"", ".", ".."}), own])
    if not own or len(name) > _NAME_LIMIT:
        raise FileNameMissing
    return name


def _checked_name(upload: Upload, limit_megabytes: int) -> str:
    name = cleaned_name(upload.file_name, upload.folder)
    if not upload.content:
        raise EmptyFile
    if len(upload.content) > limit_megabytes * 1_000_000:
        raise DocumentTooLarge(megabytes=limit_megabytes)
    return name


def _known(tx: Tx, caller: Caller, sealed: _Sealed, document_id: DocumentId | None) -> Received | None:
    """Look whether these bytes are there already, before anything is written."""
    if sealed.upload.batch_id is not None:
        open_batch(tx, caller, sealed.upload.batch_id)
    if document_id is not None:
        row = replaceable(tx, caller, document_id)
        return _as_known(tx, row) if row.content_digest == sealed.digest else None
    same = _same_bytes(tx, target_collection(tx, caller, sealed.upload.collection_id), sealed.digest)
    return None if same is None or same.status in _TAKEN_UP else _as_known(tx, same)


def _record(tx: Tx, caller: Caller, sealed: _Sealed, document_id: DocumentId | None, clock: Clock) -> Received:
    if document_id is not None:
        return _add_version(tx, caller, replaceable(tx, caller, document_id, is_locked=True), sealed, clock)
    collection_id = target_collection(tx, caller, sealed.upload.collection_id)
    # Of two files of one name that come at the same moment, the second is the newer version.
    in_turn(tx, f"{collection_id}/{sealed.name}")
    same = _same_bytes(tx, collection_id, sealed.digest)
    if same is not None and same.status == Status.BLOCKED:
        return _sent_again(tx, caller, same, sealed, clock)
    if same is not None:
        return _taken_up_again(tx, caller, same) if same.status == Status.CANCELLED else _as_known(tx, same)
    if not sealed.upload.is_separate:
        namesake = _namesake(tx, collection_id, sealed.name)
        if namesake is not None and is_changeable(caller, namesake):
            return _add_version(tx, caller, locked(tx, DocumentId(namesake.document_id)), sealed, clock)
    return _add_document(tx, caller, collection_id, sealed, clock)


def _add_document(tx: Tx, caller: Caller, collection_id: CollectionId, sealed: _Sealed, clock: Clock) -> Received:
    added = tx.scalar(
        insert(DocumentRow)
        .values(
            tenant_id=tx.tenant_id,
            document_id=sealed.file_id,
            collection_id=collection_id,
            **_columns(caller, sealed, clock),
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "collection_id", "content_digest"])
        .returning(DocumentRow.document_id)
    )
    row = _same_bytes(tx, collection_id, sealed.digest)
    assert row is not None  # noqa: S101 - it was added now, or by somebody else just before
    if added is None:
        return _as_known(tx, row)
    audit.record(tx, caller.actor, Event.DOCUMENT_RECEIVED, subject=sealed.file_id, byte_count=sealed.byte_count)
    enqueue_ingestion(tx, row.document_id, row)
    return Received(as_documents(tx, [row])[0], Receipt.ADDED)


def _add_version(
    tx: Tx, caller: Caller, document: DocumentRow, sealed: _Sealed, clock: Clock, *, restored: int | None = None
) -> Received:
    newest = newest_of(tx, document)
    waits = newest is not None and newest.status not in {Status.FAILED, *_TAKEN_UP}
    if document.content_digest == sealed.digest or (waits and newest and newest.content_digest == sealed.digest):
        return _as_known(tx, document)
    if holds_same(tx, document, sealed.digest):
        raise AlreadyThere
    number = next_number(tx, document)
    row = VersionRow(
        tenant_id=tx.tenant_id,
        version_id=sealed.file_id,
        document_id=document.document_id,
        version=number,
        **_columns(caller, sealed, clock),
    )
    tx.add(row)
    tx.flush()
    event = Event.VERSION_RECEIVED if restored is None else Event.VERSION_RESTORED
    audit.record(
        tx, caller.actor, event, subject=document.document_id, version=number, byte_count=sealed.byte_count,
        copy_of=restored or 0,
    )  # fmt: skip
    enqueue_ingestion(tx, document.document_id, row)
    return Received(as_documents(tx, [document])[0], Receipt.VERSION)


def _columns(caller: Caller, sealed: _Sealed, clock: Clock) -> dict[str, object]:
    return {
        "batch_id": sealed.upload.batch_id,
        "file_name": sealed.name,
        "title": PurePosixPath(sealed.name).stem,
        "media_type": "application/octet-stream",
        "byte_count": sealed.byte_count,
        "content_digest": sealed.digest,
        "status": Status.RECEIVED,
        "uploaded_by": caller.user_id,
        "uploaded_at": clock.now(),
    }


def _same_bytes(tx: Tx, collection_id: UUID, digest: bytes) -> DocumentRow | None:
    return tx.scalar(
        select(DocumentRow).where(
            DocumentRow.tenant_id == tx.tenant_id,
            DocumentRow.collection_id == collection_id,
            DocumentRow.content_digest == digest,
        )
    )


def _namesake(tx: Tx, collection_id: UUID, name: str) -> DocumentRow | None:
    return tx.scalar(
        select(DocumentRow)
        .where(
            DocumentRow.tenant_id == tx.tenant_id,
            DocumentRow.collection_id == collection_id,
            DocumentRow.file_name == name,
        )
        .order_by(DocumentRow.document_id.desc())
        .limit(1)
    )


def _taken_up_again(tx: Tx, caller: Caller, row: DocumentRow) -> Received:
    row.status, row.progress = Status.RECEIVED, 0
    audit.record(tx, caller.actor, Event.DOCUMENT_RETRIED, subject=row.document_id)
    enqueue_ingestion(tx, row.document_id, row)
    return Received(as_documents(tx, [row])[0], Receipt.ADDED)


def _sent_again(tx: Tx, caller: Caller, row: DocumentRow, sealed: _Sealed, clock: Clock) -> Received:
    """Take up a file that was not kept when it came before: the policy may be another by now."""
    row.version_id, row.progress, row.reason_code, row.reason = sealed.file_id, 0, None, None
    row.approved_by = None  # what was approved before, another has rejected since
    for name, value in _columns(caller, sealed, clock).items():
        setattr(row, name, value)
    tx.flush()
    audit.record(tx, caller.actor, Event.DOCUMENT_RETRIED, subject=row.document_id)
    enqueue_ingestion(tx, row.document_id, row)
    return Received(as_documents(tx, [row])[0], Receipt.ADDED)


def _as_known(tx: Tx, row: DocumentRow) -> Received:
    return Received(as_documents(tx, [row])[0], Receipt.KNOWN)
