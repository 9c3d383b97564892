"""Versions of documents: one in force, which `documents` holds, and others beside it.

Nothing changes for readers until a newer version is ready: then index, title, status and file change places with the
old ones in one transaction. Every other version keeps its sealed file until it, or its document, is deleted.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, delete, func, or_, select, text

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel import jobs
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.knowledge.errors import DocumentNotFound, VersionInForce, VersionNotFound
from appliance.knowledge.queries import as_version, readable
from appliance.knowledge.screening.tables import AttestationRow, FindingRow, ScanRow
from appliance.knowledge.tables import DocumentRow, FileColumns, UploadPartRow, VersionRow
from appliance.knowledge.values import DocumentId, FileId, Status, Version

INGEST = "knowledge.ingest"
ERASE = "knowledge.erase"
SMALL = 3
_CLASSES = ((16_000, SMALL), (1_000_000, 2), (10_000_000, 1))
_FIRST_OF_ALL = 6
_ALL_FIELDS = tuple(FileColumns.__annotations__)
_STRANDED = text(
    """WITH busy AS (
         SELECT coalesce(version_id, document_id) AS file_id, status FROM documents WHERE tenant_id = :tenant
         UNION ALL SELECT version_id, status FROM document_versions WHERE tenant_id = :tenant
       )
       SELECT b.file_id FROM busy b WHERE b.status IN ('received', 'parsing', 'embedding') AND NOT EXISTS (
         SELECT FROM procrastinate_jobs j WHERE j.tenant_id = :tenant AND j.status IN ('todo', 'doing')
         AND j.args ->> 'subject' = b.file_id::text)"""
)
File = DocumentRow | VersionRow


@dataclass(frozen=True)
class InHand:
    """A file on its way and its document, both locked; they are the same where it is a first version."""

    document: DocumentRow
    file: File


def list_versions(tx: Tx, caller: Caller, document_id: DocumentId) -> list[Version]:
    """Return a document's versions, the newest first."""
    document = readable(tx, caller, document_id)
    others = tx.scalars(
        select(VersionRow).where(VersionRow.tenant_id == tx.tenant_id, VersionRow.document_id == document_id)
    )
    rows: list[File] = sorted([document, *others], key=lambda row: row.version, reverse=True)
    names = identity.names_of(tx, [row.uploaded_by for row in rows])
    return [as_version(row, names) for row in rows]


def delete_version(tx: Tx, caller: Caller, document_id: DocumentId, version_id: FileId) -> None:
    """Delete a version that is not in force; its sealed file follows. Raises VersionInForce, VersionNotFound."""
    identity.require(caller, Permission.DOCUMENT_DELETE)
    readable(tx, caller, document_id)
    if locked(tx, document_id).file_id == version_id:
        raise VersionInForce
    row = get_version(tx, document_id, version_id)
    number = row.version
    tx.delete(row)
    tx.flush()
    forget_file(tx, version_id)
    enqueue_erasure(tx, [version_id])
    audit.record(tx, caller.actor, Event.VERSION_DELETED, subject=document_id, version=number)


def get_version(tx: Tx, document_id: DocumentId, version_id: FileId) -> VersionRow:
    """Return a version that is not in force. Raises VersionNotFound."""
    row = tx.get(VersionRow, (tx.tenant_id, version_id))
    if row is None or row.document_id != document_id:
        raise VersionNotFound
    return row


def require_own(caller: Caller, uploaded_by: UUID) -> None:
    """What others uploaded is changed by those who may. Raises Forbidden."""
    if uploaded_by != caller.user_id:
        identity.require(caller, Permission.DOCUMENT_CHANGE)


def replaceable(tx: Tx, caller: Caller, document_id: DocumentId, *, is_locked: bool = False) -> DocumentRow:
    """Return the row of a document that the caller may replace. Raises DocumentNotFound, Forbidden."""
    row = readable(tx, caller, document_id)
    if is_locked:
        row = locked(tx, document_id)
    require_own(caller, row.uploaded_by)
    return row


def is_changeable(caller: Caller, row: DocumentRow) -> bool:
    """Say whether the caller may replace, label and cancel this document."""
    return row.uploaded_by == caller.user_id or identity.may(caller, Permission.DOCUMENT_CHANGE)


def locked(tx: Tx, document_id: DocumentId) -> DocumentRow:
    """Return a document's row, locked. Raises DocumentNotFound."""
    row = tx.get(DocumentRow, (tx.tenant_id, document_id), with_for_update=True, populate_existing=True)
    if row is None:
        raise DocumentNotFound
    return row


def file_in(tx: Tx, document: DocumentRow, states: Collection[Status]) -> File | None:
    """Return the newest file of a locked document if it, or else the one in force, is in one of these states."""
    newest = newest_of(tx, document)
    return next((row for row in (newest, document) if row is not None and row.status in states), None)


def newest_of(tx: Tx, document: DocumentRow) -> VersionRow | None:
    """Return the latest version of a locked document unless that is in force."""
    return tx.scalar(
        select(VersionRow)
        .where(
            VersionRow.tenant_id == tx.tenant_id,
            VersionRow.document_id == document.document_id,
            VersionRow.version > document.version,
        )
        .order_by(VersionRow.version.desc())
        .limit(1)
        .with_for_update()
    )


def next_number(tx: Tx, document: DocumentRow) -> int:
    """Return the number of a locked document's next version."""
    known = tx.scalar(
        select(func.max(VersionRow.version)).where(
            VersionRow.tenant_id == tx.tenant_id, VersionRow.document_id == document.document_id
        )
    )
    return max(document.version, known or 0) + 1


def in_hand(tx: Tx, file_ids: Sequence[UUID]) -> dict[UUID, InHand]:
    """Lock these files with their documents; return those still on their way."""
    documents = {row.document_id: row for row in tx.scalars(_documents_of(tx, file_ids))}
    versions = tx.scalars(
        select(VersionRow)
        .where(VersionRow.tenant_id == tx.tenant_id, VersionRow.version_id.in_(file_ids))
        .order_by(VersionRow.version_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = [InHand(documents[row.document_id], row) for row in versions if row.document_id in documents]
    found += [InHand(row, row) for row in documents.values() if row.file_id in file_ids]
    return {one.file.file_id: one for one in found if not Status(one.file.status).is_final}


def forget_file(tx: Tx, file_id: UUID) -> None:
    """Delete what was found in a version that is deleted. That of a document goes with its row."""
    for table in (FindingRow, ScanRow, AttestationRow):
        tx.execute(delete(table).where(table.tenant_id == tx.tenant_id, table.file_id == file_id))


def put_in_force(tx: Tx, document: DocumentRow, version: VersionRow) -> None:
    """Let a version and the one in force change places. Both rows are locked."""
    entering = {name: getattr(version, name) for name in _ALL_FIELDS}
    leaving = {name: getattr(document, name) for name in _ALL_FIELDS}
    left, entered = document.file_id, version.version_id
    tx.delete(version)
    tx.flush()
    for name, value in entering.items():
        setattr(document, name, value)
    document.version_id = entered
    tx.add(VersionRow(tenant_id=tx.tenant_id, version_id=left, document_id=document.document_id, **leaving))
    tx.flush()


def holds_same(tx: Tx, document: DocumentRow, digest: bytes) -> bool:
    """Say whether another document of the same collection holds these bytes."""
    return (
        tx.scalar(
            select(DocumentRow.document_id).where(
                DocumentRow.tenant_id == tx.tenant_id,
                DocumentRow.collection_id == document.collection_id,
                DocumentRow.content_digest == digest,
                DocumentRow.document_id != document.document_id,
            )
        )
        is not None
    )


def enqueue_ingestion(tx: Tx, document_id: UUID, file: File) -> None:
    """Queue a file to be read: small ones first, a document's versions one after the other."""
    priority = next((priority for limit, priority in _CLASSES if file.byte_count <= limit), 0)
    tx.flush()
    jobs.enqueue(tx, jobs.Job(INGEST, file.file_id, lock=str(document_id), priority=priority))


def enqueue_erasure(tx: Tx, file_ids: Collection[UUID]) -> None:
    """Queue sealed files to be erased, before anything is read."""
    for file_id in file_ids:
        jobs.enqueue(tx, jobs.Job(ERASE, file_id, priority=_FIRST_OF_ALL))


def known_files(tx: Tx, among: UUID | None = None) -> set[UUID]:
    """Return the ids of all sealed files that a row names, or those of `among` alone."""
    # What is blocked is not kept: such a row says what was there, and names no file.
    named = (
        select(func.coalesce(DocumentRow.version_id, DocumentRow.document_id).label("id"), DocumentRow.tenant_id).where(
            DocumentRow.status != Status.BLOCKED
        ),
        select(VersionRow.version_id, VersionRow.tenant_id).where(VersionRow.status != Status.BLOCKED),
        select(UploadPartRow.part_id, UploadPartRow.tenant_id),
    )
    found: set[UUID] = set()
    for query in named:
        column, tenant = query.selected_columns
        narrowed = query.where(tenant == tx.tenant_id)
        found |= {row[0] for row in tx.execute(narrowed.where(column == among) if among else narrowed)}
    return found


def files_of(tx: Tx, document: DocumentRow) -> list[UUID]:
    """Return the ids of all sealed files of a document."""
    others = tx.scalars(
        select(VersionRow.version_id).where(
            VersionRow.tenant_id == tx.tenant_id, VersionRow.document_id == document.document_id
        )
    )
    return [document.file_id, *others]


def stranded_files(tx: Tx, tenant_id: TenantId) -> list[UUID]:
    """Return the files on their way that no job will carry further."""
    return list(tx.scalars(_STRANDED, {"tenant": tenant_id}))


def _documents_of(tx: Tx, file_ids: Sequence[UUID]) -> Select[DocumentRow]:
    versions = select(VersionRow.document_id).where(
        VersionRow.tenant_id == tx.tenant_id, VersionRow.version_id.in_(file_ids)
    )
    return (
        select(DocumentRow)
        .where(
            DocumentRow.tenant_id == tx.tenant_id,
            or_(
                DocumentRow.document_id.in_(file_ids),
                DocumentRow.version_id.in_(file_ids),
                DocumentRow.document_id.in_(versions),
            ),
        )
        .order_by(DocumentRow.document_id)  # two workers that lock several do not wait for each other
        .with_for_update()
        .execution_options(populate_existing=True)
    )
