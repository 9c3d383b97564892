"""From a sealed file to a searchable document. No transaction is open while something is read or computed.

Small files go through together: what a transaction and a call of the model cost is shared by several.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Semaphore
from uuid import UUID

from sqlalchemy import Update, func, or_, update

from appliance import dlp
from appliance.gateway import Gateway, Vectors
from appliance.kernel import jobs
from appliance.kernel.blobs import Blobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.jobs import Taken
from appliance.kernel.sealing import Sealer
from appliance.knowledge.chunking import chunk, embedding_text
from appliance.knowledge.indexes import IndexModel, active_model, hold_model
from appliance.knowledge.parsed import Parsed, title_of
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.screening.recording import InForce, Known, in_force, known_of
from appliance.knowledge.screening.sifting import sift
from appliance.knowledge.settling import Read, fail, settle
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.unreadable import UnreadableDocument
from appliance.knowledge.values import Status
from appliance.knowledge.versions import SMALL, InHand, in_hand, known_files, stranded_files

_BATCH = 32
_TOGETHER = 8
_MOST_CHUNKS = 50_000
_ORPHAN_AGE = timedelta(hours=1)
_ASIDE_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Workshop:
    """What reading a document needs."""

    db: Database
    blobs: Blobs
    gateway: Gateway
    clock: Clock
    limits: Limits
    sealer: Sealer
    scanner: dlp.Engine
    # Pages that one process draws at a time: each takes a processor and some hundred megabytes.
    easels: Semaphore = field(default_factory=lambda: Semaphore(2))
    # Those drawn and those that wait for it: each holds a thread, and there are few of them for everybody.
    seats: Semaphore = field(default_factory=lambda: Semaphore(6))


@dataclass(frozen=True)
class _Begun:
    """A file whose turn it is."""

    file_id: UUID
    known: Known
    is_approved: bool


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
            fail(tx, hand, UnreadableDocument("interrupted"), shop.clock)
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
    file_ids = [file_id, *(one.subject for one in taken)]
    while not _ingested(shop, tenant_id, file_ids, taken):
        pass  # Another policy came into force, or another label, while these were read: by the old one they must not be searched.


def _ingested(shop: Workshop, tenant_id: TenantId, file_ids: Sequence[UUID], taken: Sequence[Taken]) -> bool:
    begun, model, judged_by = _begin(shop, tenant_id, file_ids)
    read = [_read(shop, tenant_id, one) for one in begun]
    while True:
        vectors = _embed(shop, tenant_id, [one for one in read if one.chunks], model)
        with shop.db.tenant(tenant_id) as tx:
            now = hold_model(tx)
            if not in_force(tx).is_like(judged_by):
                return False
            present = in_hand(tx, [one.file_id for one in read])
            if not all(one.known.is_of(present[one.file_id].document) for one in read if one.file_id in present):
                return False
            if now == model:
                _settle_all(shop, tx, read, present, vectors)
                jobs.done(tx, taken)
                return True
        model = now  # The index changed its model while these were embedded.


def _begin(
    shop: Workshop, tenant_id: TenantId, file_ids: Sequence[UUID]
) -> tuple[list[_Begun], IndexModel, InForce]:
    with shop.db.tenant(tenant_id) as tx:
        hands, now = in_hand(tx, file_ids), in_force(tx)
        known = known_of(tx, shop.sealer, now, hands)
        for hand in hands.values():
            hand.file.status, hand.file.progress, hand.file.started_at = Status.PARSING, 0, shop.clock.now()
        begun = [
            _Begun(file_id, known[file_id], hand.file.approved_by is not None) for file_id, hand in hands.items()
        ]
        return begun, active_model(tx), now


def _read(shop: Workshop, tenant_id: TenantId, begun: _Begun) -> Read:
    name, terms = begun.known.file_name, begun.known.terms
    try:
        content = shop.blobs.get(tenant_id, begun.file_id)
        parsed = parse(content, file_name=name, limits=shop.limits)
    except UnreadableDocument as unreadable:
        nothing = Parsed("", title_of(name), (), unread=unreadable.unread)
        return Read(begun.file_id, begun.known, sift(nothing, name, terms, shop.scanner), unreadable=unreadable)
    sifted = sift(parsed, name, terms, shop.scanner)
    read = Read(begun.file_id, begun.known, sifted)
    is_checked = sifted.is_checked or (begun.is_approved and begun.known.was_unchecked)
    if sifted.held or not (is_checked and (sifted.parsed.is_whole or begun.is_approved)):
        return read
    chunks = chunk(sifted.parsed)
    if not 0 < len(chunks) <= _MOST_CHUNKS:
        return replace(read, unreadable=UnreadableDocument("too_many_passages" if chunks else "no_text"))
    return replace(read, chunks=chunks)


def _embed(shop: Workshop, tenant_id: TenantId, read: Sequence[Read], model: IndexModel) -> dict[UUID, Vectors]:
    """Return the vectors of each file's passages; of none once all of them are gone or cancelled."""
    texts = [
        embedding_text(one, title=file.sifted.parsed.title) for file in read for one in file.chunks
    ]
    parts = []
    for start in range(0, len(texts), _BATCH):
        # One batch alone is over before anybody looks.
        if len(texts) > _BATCH and not _note(shop, tenant_id, read, progress=100 * start // len(texts)):
            return {}
        parts.append(shop.gateway.embed_passages(tenant_id, texts[start : start + _BATCH], model=model.name))
    if not parts:
        return {}
    import numpy as np  # the model that made the vectors has loaded it

    ends = np.cumsum([len(file.chunks) for file in read])
    return dict(zip((file.file_id for file in read), np.split(np.concatenate(parts), ends[:-1]), strict=True))


def _settle_all(
    shop: Workshop, tx: Tx, read: Sequence[Read], present: Mapping[UUID, InHand], vectors: Mapping[UUID, Vectors]
) -> None:
    for one in read:
        if one.file_id in present:  # or else cancelled, deleted, or settled by another worker meanwhile
            settle(tx, shop.sealer, present[one.file_id], one, vectors.get(one.file_id), shop.clock)


def _note(shop: Workshop, tenant_id: TenantId, read: Sequence[Read], *, progress: int) -> bool:
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
