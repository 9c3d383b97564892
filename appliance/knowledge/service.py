from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel import jobs
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import content_digest
from appliance.knowledge.collections import target_collection
from appliance.knowledge.errors import (
    AlreadyThere,
    DocumentNotFound,
    DocumentTooLarge,
    EmptyFile,
    FileNameMissing,
    NotFailed,
    NotQuarantined,
)
from appliance.knowledge.flow import ERASE, INGEST
from appliance.knowledge.queries import as_documents, get_document
from appliance.knowledge.tables import DocumentRow
from appliance.knowledge.values import CollectionId, Document, DocumentId, Status

_NAME_LIMIT = 255


@dataclass(frozen=True)
class Upload:
    """A file as it came in, and the collection it is for; None is the first that its person may read."""

    file_name: str
    content: bytes
    collection_id: CollectionId | None = None


def receive(
    db: Database, blobs: Blobs, caller: Caller, upload: Upload, *, limit_megabytes: int, clock: Clock
) -> Document:
    """Seal the file, then record it, its audit entry and its job in one transaction.

    The same bytes in the same collection are recognised: the document that is there already is returned, and nothing is stored twice.
    """
    identity.require(caller, Permission.DOCUMENT_ADD)
    name = _checked_name(upload, limit_megabytes)
    document_id = DocumentId(new_id())
    # Sealed first: a row never points to nothing. A file without a row is removed by the orphan sweep.
    blobs.put(caller.tenant_id, document_id, upload.content)
    with db.tenant(caller.tenant_id) as tx:
        document = _record(tx, caller, document_id, name, upload, clock)
    if document.document_id != document_id:
        blobs.delete(caller.tenant_id, document_id)
    return document


def approve(tx: Tx, caller: Caller, document_id: DocumentId) -> Document:
    """Release a held document to be indexed as it is: in spite of what was found, without what could not be read."""
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    row = _locked(tx, document_id)
    if not Status(row.status).is_held:
        raise NotQuarantined
    row.approved_by = caller.user_id
    return _queue_again(tx, caller, row, Event.DOCUMENT_APPROVED)


def retry(tx: Tx, caller: Caller, document_id: DocumentId) -> Document:
    """Queue a document again that failed, or of which parts could not be read."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    get_document(tx, caller, document_id)
    row = _locked(tx, document_id)
    if row.status not in {Status.FAILED, Status.INCOMPLETE}:
        raise NotFailed
    return _queue_again(tx, caller, row, Event.DOCUMENT_RETRIED)


def move(tx: Tx, caller: Caller, document_id: DocumentId, collection_id: CollectionId) -> Document:
    """Put a document into another collection: who may read it changes with the next query.

    Raises CollectionNotFound, and AlreadyThere if that collection holds the same file.
    """
    identity.require(caller, Permission.COLLECTION_CHANGE)
    row, target = _locked(tx, document_id), target_collection(tx, caller, collection_id)
    left, row.collection_id = row.collection_id, target
    try:
        with tx.begin_nested():
            tx.flush()
    except IntegrityError as error:
        raise AlreadyThere from error
    audit.record(tx, caller.actor, Event.DOCUMENT_MOVED, subject=document_id, left=str(left), entered=str(target))
    return as_documents(tx, [row])[0]


def delete(tx: Tx, caller: Caller, document_id: DocumentId) -> None:
    """Remove a document with its chunks, vectors and postings; its sealed file follows by a job."""
    identity.require(caller, Permission.DOCUMENT_DELETE)
    tx.delete(_locked(tx, document_id))
    tx.flush()
    jobs.enqueue(tx, jobs.Job(ERASE, document_id))
    audit.record(tx, caller.actor, Event.DOCUMENT_DELETED, subject=document_id)


def opened(tx: Tx, caller: Caller, document_id: DocumentId, *, page: int | None = None) -> None:
    """Record that the caller looked into a document, or at the picture of one of its pages."""
    get_document(tx, caller, document_id)
    if page is None:
        audit.record(tx, caller.actor, Event.DOCUMENT_OPENED, subject=document_id)
    else:
        audit.record(tx, caller.actor, Event.DOCUMENT_OPENED, subject=document_id, page=page)


def _checked_name(upload: Upload, limit_megabytes: int) -> str:
    # The name is shown and never used as a path; a browser may still send one.
    name = PurePosixPath(upload.file_name.replace("\\", "/").replace("\0", "")).name.strip()
    if not 0 < len(name) <= _NAME_LIMIT:
        raise FileNameMissing
    if not upload.content:
        raise EmptyFile
    if len(upload.content) > limit_megabytes * 1_000_000:
        raise DocumentTooLarge(megabytes=limit_megabytes)
    return name


def _record(tx: Tx, caller: Caller, document_id: DocumentId, name: str, upload: Upload, clock: Clock) -> Document:
    digest, collection_id = content_digest(upload.content), target_collection(tx, caller, upload.collection_id)
    added = tx.scalar(
        insert(DocumentRow)
        .values(
            tenant_id=tx.tenant_id,
            document_id=document_id,
            collection_id=collection_id,
            file_name=name,
            title=PurePosixPath(name).stem,
            media_type="application/octet-stream",
            byte_count=len(upload.content),
            content_digest=digest,
            status=Status.RECEIVED,
            uploaded_by=caller.user_id,
            uploaded_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "collection_id", "content_digest"])
        .returning(DocumentRow.document_id)
    )
    if added is not None:
        audit.record(tx, caller.actor, Event.DOCUMENT_RECEIVED, subject=document_id, byte_count=len(upload.content))
        jobs.enqueue(tx, jobs.Job(INGEST, document_id, lock=str(document_id)))
    row = tx.scalars(
        select(DocumentRow).where(
            DocumentRow.tenant_id == tx.tenant_id,
            DocumentRow.collection_id == collection_id,
            DocumentRow.content_digest == digest,
        )
    ).one()
    return as_documents(tx, [row])[0]


def _locked(tx: Tx, document_id: DocumentId) -> DocumentRow:
    row = tx.scalar(
        select(DocumentRow)
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id == document_id)
        .with_for_update()
    )
    if row is None:
        raise DocumentNotFound
    return row


def _queue_again(tx: Tx, caller: Caller, row: DocumentRow, event: Event) -> Document:
    row.status, row.progress, row.reason, row.reason_code = Status.RECEIVED, 0, None, None
    row.warnings, row.unread = [], []
    tx.flush()
    audit.record(tx, caller.actor, event, subject=row.document_id)
    jobs.enqueue(tx, jobs.Job(INGEST, row.document_id, lock=str(row.document_id)))
    return as_documents(tx, [row])[0]
