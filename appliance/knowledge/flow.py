"""From a sealed file to a searchable document. No transaction is open while something is read or computed.

Small files go through together: what a transaction and a call of the model cost is shared by several.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Semaphore
from uuid import UUID

import numpy as np
from sqlalchemy import Update, func, or_, update

from appliance import audit, dlp
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.gateway import Gateway, Vectors
from appliance.kernel import jobs
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.jobs import Taken
from appliance.knowledge.chunking import Chunk, chunk, embedding_text
from appliance.knowledge.index import replace_index
from appliance.knowledge.indexes import IndexModel, active_model, hold_model
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.unreadable import HELD, REASONS, Unread, UnreadableDocument
from appliance.knowledge.values import DocumentId, Status
from appliance.knowledge.versions import (
    SMALL,
    File,
    InHand,
    holds_same,
    in_hand,
    known_files,
    put_in_force,
    stranded_files,
)

_BATCH = 32
_TOGETHER = 8
_MOST_CHUNKS = 50_000
_ORPHAN_AGE = timedelta(hours=1)
_ASIDE_FOR = timedelta(days=30)
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
    # Those drawn and those that wait for it: each holds a thread, and there are few of them for everybody.
    seats: Semaphore = field(default_factory=lambda: Semaphore(6))


@dataclass(frozen=True)
class _Begun:
    """A file whose turn it is."""

    file_id: UUID
    file_name: str
    is_approved: bool


@dataclass(frozen=True)
class _Read:
    """A file's text in passages; or why there is none, or what was found in it that must not be there.

    Read and without passages: held, because parts of it could not be read.
    """

    file_id: UUID
    parsed: Parsed | None = None
    chunks: tuple[Chunk, ...] = ()
    unreadable: UnreadableDocument | None = None
    found: tuple[dlp.Category, ...] = ()


def ingest(shop: Workshop, tenant_id: TenantId, file_id: UUID, *, job_id: int | None = None) -> None:
    """Read, check, cut and embed one file, then make it searchable in one transaction.

    A worker names the job it does; if that is about a small file, others that wait behind it are done along with it,
    and their jobs end in the transaction that settles them. Safe to repeat at any point: until the last transaction
    nothing but the status has changed, and a file that is settled or gone is left alone.
    """
    taken = _take_along(shop, tenant_id, job_id)
    try:
        _ingest(shop, tenant_id, file_id, taken)
    except Exception:
        _give_back(shop, tenant_id, taken)
        raise


def erase(shop: Workshop, tenant_id: TenantId, file_id: UUID) -> None:
    """Remove the sealed file of a deleted version; while a row names it, it stays."""
    with shop.db.tenant(tenant_id) as tx:
        if known_files(tx, among=file_id):
            return
    shop.blobs.delete(tenant_id, file_id)


def sweep_orphans(shop: Workshop, tenant_id: TenantId) -> int:
    """Set sealed files aside that no row names, an hour after they were written; return how many.

    They are deleted after 30 days: a database that was restored from an older backup does not name the newest files.
    """
    oldest = (shop.clock.now() - _ORPHAN_AGE).timestamp()
    candidates = [blob for blob, written in shop.blobs.stored(tenant_id) if written < oldest]
    with shop.db.tenant(tenant_id) as tx:
        known = known_files(tx)
    orphans = [blob for blob in candidates if blob not in known]
    for blob in orphans:
        shop.blobs.set_aside(tenant_id, blob)
    shop.blobs.forget_aside(tenant_id, before=(shop.clock.now() - _ASIDE_FOR).timestamp())
    shop.blobs.forget_unfinished(tenant_id, before=oldest)
    return len(orphans)


def settle_stranded(shop: Workshop, tenant_id: TenantId) -> int:
    """Fail files on their way that no job will carry further; return how many. A person can try them again."""
    with shop.db.tenant(tenant_id) as tx:
        stranded = stranded_files(tx, tenant_id)
        for hand in in_hand(tx, stranded).values():
            _fail(tx, hand, UnreadableDocument("interrupted"), shop.clock)
    return len(stranded)


def _take_along(shop: Workshop, tenant_id: TenantId, job_id: int | None) -> list[Taken]:
    if job_id is None:
        return []
    with shop.db.tenant(tenant_id) as tx:
        return jobs.take_along(tx, job_id, most=_TOGETHER - 1, priority=SMALL)


def _give_back(shop: Workshop, tenant_id: TenantId, taken: Sequence[Taken]) -> None:
    # Until this worker ends, nobody else would take them up again: worth waiting for a database that is away.
    for wait in (0.0, 1.0, 4.0, 10.0):
        time.sleep(wait)
        try:
            with shop.db.tenant(tenant_id) as tx:
                jobs.give_back(tx, taken)
        except Exception:  # noqa: BLE001, S112 - the trouble that led here is the one that is told
            continue
        return


def _ingest(shop: Workshop, tenant_id: TenantId, file_id: UUID, taken: Sequence[Taken]) -> None:
    begun, model = _begin(shop, tenant_id, [file_id, *(one.subject for one in taken)])
    read = [_read(shop, tenant_id, one) for one in begun]
    while True:
        vectors = _embed(shop, tenant_id, [one for one in read if one.chunks], model)
        with shop.db.tenant(tenant_id) as tx:
            in_force = hold_model(tx)
            if in_force == model:
                _settle_all(tx, read, vectors, shop.clock)
                jobs.done(tx, taken)
                return
        model = in_force  # The index changed its model while these were embedded.


def _begin(shop: Workshop, tenant_id: TenantId, file_ids: Sequence[UUID]) -> tuple[list[_Begun], IndexModel]:
    with shop.db.tenant(tenant_id) as tx:
        found = [one.file for one in in_hand(tx, file_ids).values()]
        for file in found:
            file.status, file.progress, file.started_at = Status.PARSING, 0, shop.clock.now()
        begun = [_Begun(file.file_id, file.file_name, file.approved_by is not None) for file in found]
        return begun, active_model(tx)


def _read(shop: Workshop, tenant_id: TenantId, begun: _Begun) -> _Read:
    try:
        content = shop.blobs.get(tenant_id, begun.file_id)
        parsed = parse(content, file_name=begun.file_name, limits=shop.limits)
    except UnreadableDocument as unreadable:
        return _Read(begun.file_id, unreadable=unreadable)
    if found := () if begun.is_approved else _forbidden(begun.file_name, parsed):
        return _Read(begun.file_id, parsed=parsed, found=found)
    if not (parsed.is_whole or begun.is_approved):
        return _Read(begun.file_id, parsed=parsed)
    chunks = chunk(parsed)
    if not 0 < len(chunks) <= _MOST_CHUNKS:
        return _Read(begun.file_id, unreadable=UnreadableDocument("too_many_passages" if chunks else "no_text"))
    return _Read(begun.file_id, parsed=parsed, chunks=chunks)


def _forbidden(file_name: str, parsed: Parsed) -> tuple[dlp.Category, ...]:
    # Hidden text is searched too: what must not be there must not be there unseen either.
    names = [file_name, parsed.title, *(part.name for part in parsed.unread)]
    texts = [*names, *(block.text for page in parsed.pages for block in page.blocks)]
    found = {finding.category for text in texts for finding in dlp.inspect(text)}
    return tuple(sorted(found))


def _embed(shop: Workshop, tenant_id: TenantId, read: Sequence[_Read], model: IndexModel) -> dict[UUID, Vectors]:
    """Return the vectors of each file's passages; of none once all of them are gone or cancelled."""
    texts = [
        embedding_text(one, title=file.parsed.title) for file in read if file.parsed is not None for one in file.chunks
    ]
    parts = []
    for start in range(0, len(texts), _BATCH):
        # One batch alone is over before anybody looks.
        if len(texts) > _BATCH and not _note(shop, tenant_id, read, progress=100 * start // len(texts)):
            return {}
        parts.append(shop.gateway.embed_passages(tenant_id, texts[start : start + _BATCH], model=model.name))
    if not parts:
        return {}
    ends = np.cumsum([len(file.chunks) for file in read])
    return dict(zip((file.file_id for file in read), np.split(np.concatenate(parts), ends[:-1]), strict=True))


def _settle_all(tx: Tx, read: Sequence[_Read], vectors: dict[UUID, Vectors], clock: Clock) -> None:
    present = in_hand(tx, [one.file_id for one in read])
    for one in read:
        if one.file_id in present:  # or else cancelled, deleted, or settled by another worker meanwhile
            _settle(tx, present[one.file_id], one, vectors.get(one.file_id), clock)


def _settle(tx: Tx, hand: InHand, read: _Read, vectors: Vectors | None, clock: Clock) -> None:
    if read.unreadable is not None:
        _fail(tx, hand, read.unreadable, clock)
    elif read.parsed is None:
        raise AssertionError("a file is read, or told why not")
    elif read.found:
        _quarantine(tx, hand, read.parsed, read.found, clock)
    elif not read.chunks:
        _hold(tx, hand, read.parsed, clock)
    elif vectors is not None:
        _finish(tx, hand, read.parsed, read.chunks, vectors, clock)


def _finish(tx: Tx, hand: InHand, parsed: Parsed, chunks: tuple[Chunk, ...], vectors: Vectors, clock: Clock) -> None:
    document, file = hand.document, hand.file
    if isinstance(file, VersionRow):
        if holds_same(tx, document, file.content_digest):
            _fail(tx, hand, UnreadableDocument("already_there"), clock)
            return
        put_in_force(tx, document, file)
    indexed = replace_index(tx, DocumentId(document.document_id), parsed.title, chunks, vectors)
    document.languages, document.term_count = sorted(indexed.languages), indexed.term_count
    _describe(document, parsed)
    document.chunk_count, document.progress = len(chunks), 100
    document.status, document.ready_at = Status.READY, clock.now()
    document.settled_at = document.ready_at
    audit.record(
        tx,
        _SYSTEM,
        Event.DOCUMENT_INDEXED,
        subject=document.document_id,
        chunk_count=len(chunks),
        unread=_unread_codes(parsed),
        version=document.version,
    )


def _describe(file: File, parsed: Parsed) -> None:
    file.title, file.media_type = parsed.title, parsed.media_type
    # The comments of a PDF come last, on pages that have had their turn.
    file.page_count = max((page.number for page in parsed.pages if page.number is not None), default=None)
    file.warnings, file.unread = list(parsed.warnings), _as_rows(parsed.unread)


def _as_rows(unread: tuple[Unread, ...]) -> list[dict[str, str]]:
    return [{"name": part.name, "code": part.code} for part in unread]


def _unread_codes(parsed: Parsed) -> str:
    # The log takes codes, never the names of files.
    return ", ".join([*parsed.warnings, *sorted({part.code for part in parsed.unread})])


def _fail(tx: Tx, hand: InHand, unreadable: UnreadableDocument, clock: Clock) -> None:
    file = hand.file
    file.status, file.reason_code, file.reason = Status.FAILED, unreadable.code, unreadable.reason
    file.unread, file.settled_at = _as_rows(unreadable.unread), clock.now()
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_FAILED, subject=hand.document.document_id, outcome=Outcome.FAILURE,
        code=unreadable.code, version=file.version,
    )  # fmt: skip


def _quarantine(tx: Tx, hand: InHand, parsed: Parsed, categories: Sequence[dlp.Category], clock: Clock) -> None:
    found = ", ".join(category.value for category in categories)
    file = hand.file
    # Who releases it has to know of what was not read as well.
    file.warnings, file.unread = list(parsed.warnings), _as_rows(parsed.unread)
    file.status, file.reason_code, file.reason = Status.QUARANTINED, "dlp", HELD.format(found=found)
    file.settled_at = clock.now()
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_QUARANTINED, subject=hand.document.document_id, found=found, version=file.version
    )


def _hold(tx: Tx, hand: InHand, parsed: Parsed, clock: Clock) -> None:
    file = hand.file
    _describe(file, parsed)
    file.status, file.reason_code, file.reason = Status.INCOMPLETE, "incomplete", REASONS["incomplete"]
    file.settled_at = clock.now()
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_HELD, subject=hand.document.document_id, unread=_unread_codes(parsed),
        version=file.version,
    )  # fmt: skip


def _note(shop: Workshop, tenant_id: TenantId, read: Sequence[_Read], *, progress: int) -> bool:
    """Note how far these files are; False if none of them is on its way any more."""
    file_ids = [one.file_id for one in read]
    own = func.coalesce(DocumentRow.version_id, DocumentRow.document_id)
    statements: list[tuple[Update, type[DocumentRow | VersionRow]]] = [
        (
            update(DocumentRow)
            .where(or_(DocumentRow.document_id.in_(file_ids), DocumentRow.version_id.in_(file_ids)))
            .where(own.in_(file_ids)),
            DocumentRow,
        ),
        (update(VersionRow).where(VersionRow.version_id.in_(file_ids)), VersionRow),
    ]
    with shop.db.tenant(tenant_id) as tx:
        noted = [
            found
            for statement, table in statements
            for found in tx.scalars(
                statement.where(table.tenant_id == tenant_id, table.status.in_([Status.PARSING, Status.EMBEDDING]))
                .values(status=Status.EMBEDDING, progress=progress)
                .returning(table.document_id)
            )
        ]
    return bool(noted)
