from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, true

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.kernel.rows import among
from appliance.knowledge.collections import readable_collections
from appliance.knowledge.errors import DocumentNotFound
from appliance.knowledge.places import unflat
from appliance.knowledge.tables import ChunkRow, DocumentRow, VersionRow
from appliance.knowledge.unreadable import BLOCKED, HELD, REASONS, REJECTED, WARNINGS
from appliance.knowledge.values import (
    ALL,
    CollectionId,
    Document,
    DocumentCounts,
    DocumentFilter,
    DocumentId,
    FileId,
    Passage,
    Sort,
    Status,
    UnreadPart,
    Version,
)

_COLUMNS: Final[dict[Sort, ColumnElement[Any]]] = {
    Sort.TITLE: func.lower(DocumentRow.title),
    Sort.STATUS: DocumentRow.status.expression,
    Sort.PASSAGES: func.coalesce(DocumentRow.chunk_count, 0),
    Sort.SIZE: DocumentRow.byte_count.expression,
    Sort.UPLOADED: DocumentRow.document_id.expression,  # ids grow with time
}


def list_documents(
    tx: Tx, caller: Caller, wanted: DocumentFilter = ALL, *, limit: int = 500, offset: int = 0
) -> list[Document]:
    """Return documents that the caller may read, newest first unless the filter says otherwise."""
    identity.require(caller, Permission.DOCUMENT_READ)
    column = _COLUMNS[wanted.sort]
    order = [column.desc() if wanted.is_descending else column.asc(), DocumentRow.document_id.desc()]
    page = select(DocumentRow.document_id).where(*_conditions(tx, caller, wanted)).order_by(*order)
    shown = page.limit(limit).offset(offset).scalar_subquery()  # ids alone are sorted; then the rows of these few
    rows = tx.scalars(
        select(DocumentRow)
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id.in_(shown))
        .order_by(*order)
    ).all()
    return as_documents(tx, rows)


def count_documents(tx: Tx, caller: Caller, wanted: DocumentFilter = ALL) -> int:
    """Return how many documents the caller may read that the filter lets through."""
    identity.require(caller, Permission.DOCUMENT_READ)
    query = select(func.count()).select_from(DocumentRow).where(*_conditions(tx, caller, wanted))
    return int(tx.scalar(query) or 0)


def _conditions(tx: Tx, caller: Caller, wanted: DocumentFilter) -> list[ColumnElement[bool]]:
    found = [DocumentRow.tenant_id == tx.tenant_id, may_read(tx, caller)]
    if text := wanted.text.replace("\0", "").strip():
        found.append(
            or_(
                DocumentRow.title.icontains(text, autoescape=True),
                DocumentRow.file_name.icontains(text, autoescape=True),
            )
        )
    if wanted.collection_id is not None:
        found.append(DocumentRow.collection_id == wanted.collection_id)
    if wanted.status is not None:
        found.append(DocumentRow.status == wanted.status)
    if wanted.before is not None:
        found.append(DocumentRow.document_id < wanted.before)
    if wanted.label:
        found.append(DocumentRow.labels.contains([wanted.label.replace("\0", "")]))
    if wanted.batch_id is not None:
        newer = select(VersionRow.document_id).where(
            VersionRow.tenant_id == tx.tenant_id, VersionRow.batch_id == wanted.batch_id
        )
        found.append(or_(DocumentRow.batch_id == wanted.batch_id, DocumentRow.document_id.in_(newer)))
    return found


def labels_among(tx: Tx, collections: frozenset[UUID] | None, known: Collection[str]) -> list[str]:
    """Return which of some labels documents of these collections bear, small letters or capitals; None: of all of them.

    Asking for permission is the caller's part.
    """
    borne = tx.scalars(
        select(func.unnest(DocumentRow.labels))
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.labels != [])
        .where(true() if collections is None else DocumentRow.collection_id.in_(collections))
        .distinct()
    )
    folded = {str(one).casefold() for one in borne}  # the database's small letters are those of its locale
    return [one for one in known if one.casefold() in folded]


def list_labels(tx: Tx, caller: Caller) -> list[str]:
    """Return the labels of the documents that the caller may read."""
    identity.require(caller, Permission.DOCUMENT_READ)
    labels = func.unnest(DocumentRow.labels).label("label")
    labelled = DocumentRow.labels != []  # few are, and an index names them
    query = select(labels).where(DocumentRow.tenant_id == tx.tenant_id, labelled, may_read(tx, caller)).distinct()
    return sorted(tx.scalars(query), key=str.casefold)


def get_document(tx: Tx, caller: Caller, document_id: DocumentId) -> Document:
    """Return the document. Raises DocumentNotFound, for one in a collection that is not open to the caller too."""
    return as_documents(tx, [readable(tx, caller, document_id)])[0]


def readable(tx: Tx, caller: Caller, document_id: DocumentId) -> DocumentRow:
    """Return the row of a document that the caller may read, for this room alone. Raises DocumentNotFound."""
    identity.require(caller, Permission.DOCUMENT_READ)
    row = tx.scalar(
        select(DocumentRow).where(
            DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id == document_id, may_read(tx, caller)
        )
    )
    if row is None:
        raise DocumentNotFound
    return row


def may_read(tx: Tx, caller: Caller) -> ColumnElement[bool]:
    """Return the condition of documents in collections that are open to the caller."""
    readable = readable_collections(tx, caller)
    return true() if readable is None else DocumentRow.collection_id.in_(readable)


def collections_of(tx: Tx, document_ids: Iterable[DocumentId]) -> dict[DocumentId, CollectionId]:
    """Return where these documents are, without those that were deleted; they stay there until the end of tx."""
    rows = tx.execute(
        select(DocumentRow.document_id, DocumentRow.collection_id)
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id.in_(list(document_ids)))
        .with_for_update(read=True, key_share=True)
    )
    return {DocumentId(document_id): CollectionId(collection_id) for document_id, collection_id in rows}


def list_passages(tx: Tx, caller: Caller, document_id: DocumentId) -> list[Passage]:
    """Return a document's chunks in reading order."""
    document = readable(tx, caller, document_id)
    rows = tx.scalars(
        select(ChunkRow)
        .where(ChunkRow.tenant_id == tx.tenant_id, ChunkRow.document_id == document_id)
        .order_by(ChunkRow.position)
    )
    return [as_passage(row, document.title) for row in rows]


def find_passage(tx: Tx, caller: Caller, document_id: DocumentId, chunk_id: UUID | None) -> Passage | None:
    """Return a passage of the document, or None if the document has none by that id (any more)."""
    document = readable(tx, caller, document_id)
    row = tx.scalar(
        select(ChunkRow).where(
            ChunkRow.tenant_id == tx.tenant_id, ChunkRow.document_id == document_id, ChunkRow.chunk_id == chunk_id
        )
    )
    return as_passage(row, document.title) if row else None


def list_page(tx: Tx, caller: Caller, document_id: DocumentId, number: int) -> list[Passage]:
    """Return the passages that stand on a page, wholly or in part, in reading order."""
    document = readable(tx, caller, document_id)
    rows = tx.scalars(
        select(ChunkRow)
        .where(ChunkRow.tenant_id == tx.tenant_id, ChunkRow.document_id == document_id)
        .where(ChunkRow.page_from <= number, ChunkRow.page_to >= number)
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
    """Return rows as values, with the names of who uploaded them and what is newer than they are."""
    newer = _newer(tx, rows)
    names = identity.names_of(tx, [*(row.uploaded_by for row in rows), *(row.uploaded_by for row in newer.values())])
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
            unread=tuple(UnreadPart(part["name"], part["code"], REASONS[part["code"]]) for part in row.unread),
            uploaded_at=row.uploaded_at,
            ready_at=row.ready_at,
            uploaded_by_name=names.get(row.uploaded_by, ""),
            file_id=FileId(row.file_id),
            version=row.version,
            labels=tuple(row.labels),
            is_redacted="removed" in row.warnings,
            is_partial=bool(row.unread or {*row.warnings} - {"removed", "warned"}),
            newer=as_version(newer[row.document_id], names) if row.document_id in newer else None,
        )
        for row in rows
    ]


def as_version(row: DocumentRow | VersionRow, names: Mapping[UUID, str]) -> Version:
    """Return a row as the version it stands for."""
    return Version(
        version_id=FileId(row.file_id),
        document_id=DocumentId(row.document_id),
        number=row.version,
        is_current=isinstance(row, DocumentRow),
        file_name=row.file_name,
        byte_count=row.byte_count,
        digest=row.content_digest.hex(),
        status=Status(row.status),
        progress=row.progress,
        reason_code=row.reason_code,
        reason=row.reason,
        uploaded_at=row.uploaded_at,
        ready_at=row.ready_at,
        uploaded_by_name=names.get(row.uploaded_by, ""),
    )


def versions_in_force(tx: Tx, document_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the numbers of the versions in force of these documents, without those that are gone."""
    rows = tx.execute(
        select(DocumentRow.document_id, DocumentRow.version).where(
            DocumentRow.tenant_id == tx.tenant_id, among(DocumentRow.document_id, document_ids)
        )
    )
    return {row.document_id: row.version for row in rows}


def _newer(tx: Tx, rows: Sequence[DocumentRow]) -> dict[UUID, VersionRow]:
    # A cancelled one is left out: whoever cancelled it knows.
    in_force = {row.document_id: row.version for row in rows}
    versions = tx.scalars(
        select(VersionRow)
        .where(VersionRow.tenant_id == tx.tenant_id, among(VersionRow.document_id, in_force))
        .where(VersionRow.status != Status.CANCELLED)
        .order_by(VersionRow.version)
    )
    return {row.document_id: row for row in versions if row.version > in_force[row.document_id]}


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
        places=unflat(row.ranges, row.boxes),
    )


def reason_of(document: Document | Version) -> tuple[str, dict[str, str]]:
    """Return why a document is not ready as a template and its values, so that a reader's language can say it."""
    said = document.reason or ""
    if template := {"dlp": HELD, "blocked": BLOCKED}.get(document.reason_code or ""):
        head, tail = template.split("{found}")
        if said.startswith(head) and said.endswith(tail):
            return template, {"found": said[len(head) : -len(tail)]}
    if document.reason_code == "rejected":
        return REJECTED, {}
    return REASONS.get(document.reason_code or "", said), {}


def existing_passages(tx: Tx, chunk_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these passages exist now, and keep their documents from being deleted until the end of tx."""
    rows = tx.scalars(
        select(ChunkRow.chunk_id)
        .where(ChunkRow.tenant_id == tx.tenant_id, ChunkRow.chunk_id.in_(chunk_ids))
        .with_for_update(read=True, key_share=True)
    )
    return set(rows)
