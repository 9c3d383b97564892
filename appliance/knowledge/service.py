from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from appliance import audit, dlp, identity, policy
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.knowledge.collections import target_collection
from appliance.knowledge.errors import (
    AlreadyThere,
    NotCancellable,
    NotFailed,
    NotQuarantined,
    SecondNeeded,
)
from appliance.knowledge.queries import as_documents, readable
from appliance.knowledge.screening.attesting import checked_labels
from appliance.knowledge.screening.choices import get_screening
from appliance.knowledge.screening.recording import release_all
from appliance.knowledge.screening.turns import look_again
from appliance.knowledge.tables import DocumentRow
from appliance.knowledge.values import ON_ITS_WAY, CollectionId, Document, DocumentId, Status
from appliance.knowledge.versions import (
    File,
    enqueue_erasure,
    enqueue_ingestion,
    file_in,
    files_of,
    locked,
    replaceable,
    require_own,
)

UNDONE = (Status.FAILED, Status.CANCELLED)


def approve(tx: Tx, caller: Caller, document_id: DocumentId, *, version: int | None = None) -> Document:
    """Release a held document, or the newer version of it, to be indexed as it is.

    In spite of what was found, without what could not be read. `version` is what the caller looked at: where another
    one has come since, nothing is released. Raises NotQuarantined, and SecondNeeded where what was found takes two.
    """
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    row = locked(tx, document_id)
    file = file_in(tx, row, {status for status in Status if status.is_held})
    if file is None or version not in {None, file.version}:
        raise NotQuarantined
    if file.status == Status.QUARANTINED:
        if get_screening(tx).needs_second:
            raise SecondNeeded
        release_all(tx, file.file_id, caller.user_id)
    file.approved_by = caller.user_id
    return queue_again(tx, caller, row, file, Event.DOCUMENT_APPROVED)


def retry(tx: Tx, caller: Caller, document_id: DocumentId) -> Document:
    """Queue a document, or the newer version of it, again: failed, cancelled, or partly unreadable.

    What others cancelled takes the right to change it.
    """
    identity.require(caller, Permission.DOCUMENT_ADD)
    readable(tx, caller, document_id)
    row = locked(tx, document_id)
    file = file_in(tx, row, (*UNDONE, Status.INCOMPLETE))
    if file is None:
        raise NotFailed
    if file.status == Status.CANCELLED:
        require_own(caller, file.uploaded_by)  # as to cancel it
    return queue_again(tx, caller, row, file, Event.DOCUMENT_RETRIED)


def cancel(tx: Tx, caller: Caller, document_id: DocumentId, *, clock: Clock) -> Document:
    """Stop a document, or the newer version of it, on its way. A worker that has it in hand stops at its next step."""
    identity.require(caller, Permission.DOCUMENT_ADD)
    readable(tx, caller, document_id)
    row = locked(tx, document_id)
    file = file_in(tx, row, ON_ITS_WAY)
    if file is None:
        raise NotCancellable
    require_own(caller, file.uploaded_by)
    stop(tx, caller, row, file, clock)
    return as_documents(tx, [row])[0]


def label(tx: Tx, caller: Caller, document_id: DocumentId, labels: Sequence[str]) -> Document:
    """Give a document these labels and no others. What something is demanded for, its uploader alone does not take off.

    Raises LabelsMalformed, Forbidden.
    """
    identity.require(caller, Permission.DOCUMENT_ADD)
    row, chosen = replaceable(tx, caller, document_id, is_locked=True), checked_labels(labels)
    lost = {one.casefold() for one in row.labels} - {one.casefold() for one in chosen}
    if lost & (policy.demanding_labels(tx) | dlp.policy_in_force(tx).labels):
        identity.require(caller, Permission.DOCUMENT_CHANGE)
    row.labels = chosen
    tx.flush()
    look_again(tx, document_id)
    audit.record(tx, caller.actor, Event.DOCUMENT_LABELLED, subject=document_id, labels=len(chosen))
    return as_documents(tx, [row])[0]


def move(tx: Tx, caller: Caller, document_id: DocumentId, collection_id: CollectionId) -> Document:
    """Put a document into another collection: who may read it changes with the next query.

    Raises CollectionNotFound, and AlreadyThere if that collection holds the same file.
    """
    identity.require(caller, Permission.COLLECTION_CHANGE)
    row, target = locked(tx, document_id), target_collection(tx, caller, collection_id)
    left, row.collection_id = row.collection_id, target
    try:
        with tx.begin_nested():
            tx.flush()
    except IntegrityError as error:
        raise AlreadyThere from error
    look_again(tx, document_id)
    audit.record(tx, caller.actor, Event.DOCUMENT_MOVED, subject=document_id, left=str(left), entered=str(target))
    return as_documents(tx, [row])[0]


def delete(tx: Tx, caller: Caller, document_id: DocumentId) -> None:
    """Remove a document with its versions, chunks, vectors and postings; their sealed files follow by jobs."""
    identity.require(caller, Permission.DOCUMENT_DELETE)
    row = locked(tx, document_id)
    files = files_of(tx, row)
    tx.delete(row)
    tx.flush()
    enqueue_erasure(tx, files)
    audit.record(tx, caller.actor, Event.DOCUMENT_DELETED, subject=document_id, versions=len(files))


def opened(tx: Tx, caller: Caller, document_id: DocumentId, *, page: int | None = None) -> None:
    """Record that the caller looked into a document, or at the picture of one of its pages."""
    readable(tx, caller, document_id)
    if page is None:
        audit.record(tx, caller.actor, Event.DOCUMENT_OPENED, subject=document_id)
    else:
        audit.record(tx, caller.actor, Event.DOCUMENT_OPENED, subject=document_id, page=page)


def stop(tx: Tx, caller: Caller, document: DocumentRow, file: File, clock: Clock) -> None:
    """Cancel a locked file on its way. Its job finds nothing to do."""
    file.status, file.settled_at = Status.CANCELLED, clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.DOCUMENT_CANCELLED, subject=document.document_id, version=file.version)


def queue_again(tx: Tx, caller: Caller, document: DocumentRow, file: File, event: Event) -> Document:
    """Send a locked file on its way once more."""
    file.status, file.progress, file.reason, file.reason_code = Status.RECEIVED, 0, None, None
    file.warnings, file.unread = [], []
    file.started_at = file.settled_at = None
    audit.record(tx, caller.actor, event, subject=document.document_id, version=file.version)
    enqueue_ingestion(tx, document.document_id, file)
    return as_documents(tx, [document])[0]
