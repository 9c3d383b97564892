from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.knowledge.collections import readable_collections
from appliance.knowledge.errors import DocumentNotFound
from appliance.knowledge.tables import ChunkRow, DocumentRow
from appliance.knowledge.unreadable import WARNINGS
from appliance.knowledge.values import CollectionId, Document, DocumentCounts, DocumentId, Passage, Status


def list_documents(tx: Tx, caller: Caller, *, limit: int = 500) -> list[Document]:
    """Return the organisation's documents, newest first."""
    identity.require(caller, Permission.DOCUMENT_READ)
    rows = tx.scalars(
        select(DocumentRow)
        .where(DocumentRow.tenant_id == tx.tenant_id, may_read(tx, caller))
        .order_by(DocumentRow.document_id.desc())
        .limit(limit)
    ).all()
    return as_documents(tx, rows)


def get_document(tx: Tx, caller: Caller, document_id: DocumentId) -> Document:
    """Return the document. Raises DocumentNotFound, for one in a collection that is not open to the caller too."""
    identity.require(caller, Permission.DOCUMENT_READ)
    row = tx.scalar(
        select(DocumentRow).where(
            DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id == document_id, may_read(tx, caller)
        )
    )
    if row is None:
        raise DocumentNotFound
    return as_documents(tx, [row])[0]


def may_read(tx: Tx, caller: Caller) -> ColumnElement[bool]:
    """Return the condition of documents in collections that are open to the caller."""
    readable = readable_collections(tx, caller)
    return true() if readable is None else DocumentRow.collection_id.in_(readable)


def may_read_all(tx: Tx, caller: Caller, document_ids: Collection[UUID | None]) -> bool:
    """Say whether the caller may read each of these documents. Of a deleted one (None) nobody knows any more."""
    if readable_collections(tx, caller) is None:
        return True
    query = select(func.count()).where(
        DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id.in_(document_ids), may_read(tx, caller)
    )
    return None not in document_ids and tx.scalar(query) == len(set(document_ids))


def list_passages(tx: Tx, caller: Caller, document_id: DocumentId) -> list[Passage]:
    """Return a document's chunks in reading order."""
    document = get_document(tx, caller, document_id)
    rows = tx.scalars(
        select(ChunkRow)
        .where(ChunkRow.tenant_id == tx.tenant_id, ChunkRow.document_id == document_id)
        .order_by(ChunkRow.position)
    )
    return [as_passage(row, document.title) for row in rows]


def counts(tx: Tx) -> DocumentCounts:
    """Return how many documents there are, and how many can be searched."""
    total, ready = tx.execute(
        select(func.count(), func.count().filter(DocumentRow.status == Status.READY)).where(
            DocumentRow.tenant_id == tx.tenant_id
        )
    ).one()
    return DocumentCounts(total, ready)


def as_documents(tx: Tx, rows: Sequence[DocumentRow]) -> list[Document]:
    """Return rows as values, with the names of who uploaded them."""
    names = identity.names_of(tx, [row.uploaded_by for row in rows])
    return [
        Document(
            document_id=DocumentId(row.document_id),
            collection_id=CollectionId(row.collection_id),
            file_name=row.file_name,
            title=row.title,
            media_type=row.media_type,
            byte_count=row.byte_count,
            status=Status(row.status),
            progress=row.progress,
            reason_code=row.reason_code,
            reason=row.reason,
            page_count=row.page_count,
            chunk_count=row.chunk_count,
            warnings=tuple(WARNINGS[code] for code in row.warnings if code in WARNINGS),
            uploaded_at=row.uploaded_at,
            ready_at=row.ready_at,
            uploaded_by_name=names.get(row.uploaded_by, ""),
        )
        for row in rows
    ]


def as_passage(row: ChunkRow, title: str) -> Passage:
    """Return a chunk as a passage of the document with this title."""
    return Passage(
        chunk_id=row.chunk_id,
        document_id=DocumentId(row.document_id),
        title=title,
        heading=row.heading,
        body=row.body,
        page_from=row.page_from,
        page_to=row.page_to,
        position=row.position,
    )


def existing_passages(tx: Tx, chunk_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these passages exist now, and keep their documents from being deleted until the end of tx."""
    rows = tx.scalars(
        select(ChunkRow.chunk_id)
        .where(ChunkRow.tenant_id == tx.tenant_id, ChunkRow.chunk_id.in_(chunk_ids))
        .with_for_update(read=True, key_share=True)
    )
    return set(rows)
