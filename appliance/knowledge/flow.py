"""From a sealed file to a searchable document. No transaction is open while something is read or computed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Semaphore

import numpy as np
from sqlalchemy import select, text, update

from appliance import audit, dlp
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.gateway import Gateway, Vectors
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.knowledge.chunking import Chunk, chunk, embedding_text
from appliance.knowledge.index import replace_index
from appliance.knowledge.parsing import Limits, Parsed, parse
from appliance.knowledge.tables import DocumentRow
from appliance.knowledge.unreadable import HELD, REASONS, Unread, UnreadableDocument
from appliance.knowledge.values import DocumentId, Status

INGEST = "knowledge.ingest"
ERASE = "knowledge.erase"
_BATCH = 32
_MOST_CHUNKS = 50_000
_ORPHAN_AGE = timedelta(hours=1)
_ASIDE_FOR = timedelta(days=30)
_STRANDED = text(
    """SELECT d.document_id FROM documents d
       WHERE d.tenant_id = :tenant AND d.status IN ('received', 'parsing', 'embedding') AND NOT EXISTS (
         SELECT FROM procrastinate_jobs j WHERE j.tenant_id = :tenant AND j.status IN ('todo', 'doing')
         AND j.args ->> 'subject' = d.document_id::text)"""
)
_SYSTEM = Actor(ActorKind.SYSTEM)


@dataclass(frozen=True)
class Workshop:
    """What reading a document needs."""

    db: Database
    blobs: Blobs
    gateway: Gateway
    clock: Clock
    limits: Limits
    # Pages that one process draws at a time: each takes a processor and some hundred megabytes.
    easels: Semaphore = field(default_factory=lambda: Semaphore(2))


def ingest(shop: Workshop, tenant_id: TenantId, document_id: DocumentId) -> None:
    """Read, check, cut and embed one document, then make it searchable in one transaction.

    Safe to repeat at any point: until the last transaction nothing but the status has changed, and a document that
    is ready, failed or gone is left alone.
    """
    begun = _begin(shop, tenant_id, document_id)
    if begun is None:
        return
    file_name, is_approved = begun
    try:
        content = shop.blobs.get(tenant_id, document_id)
        parsed = parse(content, file_name=file_name, limits=shop.limits)
    except UnreadableDocument as unreadable:
        _fail(shop, tenant_id, document_id, unreadable)
        return
    categories = [] if is_approved else _forbidden(file_name, parsed)
    if categories:
        _quarantine(shop, tenant_id, document_id, parsed, categories)
        return
    if not (parsed.is_whole or is_approved):
        _hold(shop, tenant_id, document_id, parsed)
        return
    chunks = chunk(parsed)
    if not chunks:
        _fail(shop, tenant_id, document_id, UnreadableDocument("no_text"))
        return
    if len(chunks) > _MOST_CHUNKS:
        _fail(shop, tenant_id, document_id, UnreadableDocument("too_many_passages"))
        return
    vectors = _embed(shop, tenant_id, document_id, parsed.title, chunks)
    if vectors is None:
        return  # Deleted meanwhile.
    _finish(shop, tenant_id, document_id, parsed, chunks, vectors)


def erase(shop: Workshop, tenant_id: TenantId, document_id: DocumentId) -> None:
    """Remove the sealed file of a deleted document; while a document names it, it stays."""
    with shop.db.tenant(tenant_id) as tx:
        if tx.get(DocumentRow, (tenant_id, document_id)) is not None:
            return
    shop.blobs.delete(tenant_id, document_id)


def sweep_orphans(shop: Workshop, tenant_id: TenantId) -> int:
    """Set sealed files aside that no document names, an hour after they were written; return how many.

    They are deleted after 30 days: a database that was restored from an older backup does not name the newest files.
    """
    with shop.db.tenant(tenant_id) as tx:
        known = set(tx.scalars(select(DocumentRow.document_id).where(DocumentRow.tenant_id == tenant_id)))
    oldest = (shop.clock.now() - _ORPHAN_AGE).timestamp()
    orphans = [blob for blob, written in shop.blobs.stored(tenant_id) if blob not in known and written < oldest]
    for blob in orphans:
        shop.blobs.set_aside(tenant_id, blob)
    shop.blobs.forget_aside(tenant_id, before=(shop.clock.now() - _ASIDE_FOR).timestamp())
    return len(orphans)


def _begin(shop: Workshop, tenant_id: TenantId, document_id: DocumentId) -> tuple[str, bool] | None:
    with shop.db.tenant(tenant_id) as tx:
        row = _unfinished(tx, document_id)
        if row is None:
            return None
        row.status, row.progress = Status.PARSING, 0
        return row.file_name, row.approved_by is not None


def _forbidden(file_name: str, parsed: Parsed) -> list[dlp.Category]:
    # Hidden text is searched too: what must not be there must not be there unseen either.
    names = [file_name, parsed.title, *(part.name for part in parsed.unread)]
    texts = [*names, *(block.text for page in parsed.pages for block in page.blocks)]
    found = {finding.category for text in texts for finding in dlp.inspect(text)}
    return sorted(found)


def _embed(
    shop: Workshop, tenant_id: TenantId, document_id: DocumentId, title: str, chunks: tuple[Chunk, ...]
) -> Vectors | None:
    texts = [embedding_text(one, title=title) for one in chunks]
    parts = []
    for start in range(0, len(texts), _BATCH):
        if not _note(shop, tenant_id, document_id, progress=100 * start // len(texts)):
            return None
        parts.append(shop.gateway.embed_passages(tenant_id, texts[start : start + _BATCH]))
    return np.concatenate(parts)


def _finish(
    shop: Workshop,
    tenant_id: TenantId,
    document_id: DocumentId,
    parsed: Parsed,
    chunks: tuple[Chunk, ...],
    vectors: Vectors,
) -> None:
    with shop.db.tenant(tenant_id) as tx:
        row = _unfinished(tx, document_id)
        if row is None:
            return  # Deleted, or finished by another worker, meanwhile.
        replace_index(tx, document_id, parsed.title, chunks, vectors)
        _describe(row, parsed)
        row.chunk_count, row.progress = len(chunks), 100
        row.status, row.ready_at = Status.READY, shop.clock.now()
        audit.record(
            tx,
            _SYSTEM,
            Event.DOCUMENT_INDEXED,
            subject=document_id,
            chunk_count=len(chunks),
            unread=_unread_codes(parsed),
        )


def _describe(row: DocumentRow, parsed: Parsed) -> None:
    row.title, row.media_type = parsed.title, parsed.media_type
    # The comments of a PDF come last, on pages that have had their turn.
    row.page_count = max((page.number for page in parsed.pages if page.number is not None), default=None)
    row.warnings, row.unread = list(parsed.warnings), _as_rows(parsed.unread)


def _as_rows(unread: tuple[Unread, ...]) -> list[dict[str, str]]:
    return [{"name": part.name, "code": part.code} for part in unread]


def _unread_codes(parsed: Parsed) -> str:
    # The log takes codes, never the names of files.
    return ", ".join([*parsed.warnings, *sorted({part.code for part in parsed.unread})])


def _fail(shop: Workshop, tenant_id: TenantId, document_id: DocumentId, unreadable: UnreadableDocument) -> None:
    def settle(tx: Tx, row: DocumentRow) -> None:
        row.status, row.reason_code, row.reason = Status.FAILED, unreadable.code, unreadable.reason
        row.unread = _as_rows(unreadable.unread)
        audit.record(
            tx, _SYSTEM, Event.DOCUMENT_FAILED, subject=document_id, outcome=Outcome.FAILURE, code=unreadable.code
        )

    _settle(shop, tenant_id, document_id, settle)


def _quarantine(
    shop: Workshop, tenant_id: TenantId, document_id: DocumentId, parsed: Parsed, categories: list[dlp.Category]
) -> None:
    found = ", ".join(category.value for category in categories)

    def settle(tx: Tx, row: DocumentRow) -> None:
        # Who releases it has to know of what was not read as well.
        row.warnings, row.unread = list(parsed.warnings), _as_rows(parsed.unread)
        row.status, row.reason_code = Status.QUARANTINED, "dlp"
        row.reason = HELD.format(found=found)
        audit.record(tx, _SYSTEM, Event.DOCUMENT_QUARANTINED, subject=document_id, found=found)

    _settle(shop, tenant_id, document_id, settle)


def _hold(shop: Workshop, tenant_id: TenantId, document_id: DocumentId, parsed: Parsed) -> None:
    def settle(tx: Tx, row: DocumentRow) -> None:
        _describe(row, parsed)
        row.status, row.reason_code, row.reason = Status.INCOMPLETE, "incomplete", REASONS["incomplete"]
        audit.record(tx, _SYSTEM, Event.DOCUMENT_HELD, subject=document_id, unread=_unread_codes(parsed))

    _settle(shop, tenant_id, document_id, settle)


def _settle(
    shop: Workshop, tenant_id: TenantId, document_id: DocumentId, settle: Callable[[Tx, DocumentRow], None]
) -> None:
    with shop.db.tenant(tenant_id) as tx:
        row = _unfinished(tx, document_id)
        if row is not None:
            settle(tx, row)


def _note(shop: Workshop, tenant_id: TenantId, document_id: DocumentId, *, progress: int) -> bool:
    """Note how far a document is; False if it is not on its way any more."""
    with shop.db.tenant(tenant_id) as tx:
        noted = tx.scalar(
            update(DocumentRow)
            .where(DocumentRow.tenant_id == tenant_id, DocumentRow.document_id == document_id)
            .where(DocumentRow.status.in_([Status.PARSING, Status.EMBEDDING]))
            .values(status=Status.EMBEDDING, progress=progress)
            .returning(DocumentRow.document_id)
        )
    return noted is not None


def _unfinished(tx: Tx, document_id: DocumentId) -> DocumentRow | None:
    row = tx.scalar(
        select(DocumentRow)
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id == document_id)
        .with_for_update()
    )
    return None if row is None or Status(row.status).is_final else row


def settle_stranded(shop: Workshop, tenant_id: TenantId) -> int:
    """Fail documents on their way that no job will carry further; return how many. A person can try them again."""
    with shop.db.tenant(tenant_id) as tx:
        stranded = tx.scalars(_STRANDED, {"tenant": tenant_id}).all()
    for document_id in stranded:
        _fail(shop, tenant_id, DocumentId(document_id), UnreadableDocument("interrupted"))
    return len(stranded)
