"""Searchable documents are looked at anew when the policy, the own rules or the engine have changed: in the background, one at a time.

What is to do is asked of the database each time, so that a worker that dies loses the document in hand and no more. What is
let through as before stays; of what is to say less now, or more, the text is made anew; what is to be held back is out of the
index in the same transaction. Nothing is erased here: what a policy blocks by now waits for a reviewer.
"""

import time
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Uuid, and_, column, func, literal, or_, select, values

from appliance import audit, dlp, identity
from appliance.audit import Actor, ActorKind, Event
from appliance.identity import Caller, Permission
from appliance.kernel.blobs import BlobMissing
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.knowledge.errors import RescanUnderWay
from appliance.knowledge.flow import Workshop
from appliance.knowledge.parsed import Parsed, title_of
from appliance.knowledge.parsing import parse
from appliance.knowledge.screening.naming import enqueue_names
from appliance.knowledge.screening.recording import InForce, Known, in_force, known_of, record_scan
from appliance.knowledge.screening.sifting import Sifted, chosen, sift, version_of
from appliance.knowledge.screening.tables import ScanRow
from appliance.knowledge.screening.turns import OUTDATED, enqueue_rescan, is_rescanning
from appliance.knowledge.screening.values import Coverage, Covered
from appliance.knowledge.settling import hold, quarantine, withdraw
from appliance.knowledge.tables import DocumentRow
from appliance.knowledge.unreadable import UnreadableDocument
from appliance.knowledge.values import DocumentId, Status
from appliance.knowledge.versions import InHand, enqueue_ingestion, locked

log = logger("screening")
# A piece takes its turn in the queue like a document of some size: uploads and other organisations come between.
_DOCUMENTS, _SECONDS = 20, 10.0
_SYSTEM = Actor(ActorKind.SYSTEM)


def begin_rescan(tx: Tx, caller: Caller) -> None:
    """Have all searchable documents looked at that were not, by the policy and the rules of now. Raises RescanUnderWay."""
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    if is_rescanning(tx):
        raise RescanUnderWay
    enqueue_rescan(tx)
    audit.record(tx, caller.actor, Event.RESCAN_BEGUN, subject=tx.tenant_id)


def get_coverage(tx: Tx, caller: Caller, engine: dlp.Engine) -> Coverage:
    """Return with which versions searchable documents were looked at."""
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    now = in_force(tx)
    version = version_of(now.policy, engine)
    scanned, is_as_now = _scanned(tx, now, version)
    columns = ScanRow.policy_version, ScanRow.own_version, ScanRow.engine_version, func.coalesce(is_as_now, False)
    rows = tx.execute(
        scanned.with_only_columns(*columns, func.count(), maintain_column_froms=True)
        .group_by(*columns)
        .order_by(ScanRow.policy_version.desc().nulls_last(), ScanRow.own_version.desc(), ScanRow.engine_version)
    ).all()
    covered = tuple(
        Covered(
            None if policy in {None, OUTDATED} else policy, None if policy in {None, OUTDATED} else own, by, documents,
            is_current,
        )
        for policy, own, by, is_current, documents in rows
    )  # fmt: skip
    return Coverage(
        policy_version=now.policy.version, own_version=now.own.common, engine_version=version,
        current=sum(one.documents for one in covered if one.is_current), total=sum(one.documents for one in covered),
        is_running=is_rescanning(tx), by_version=covered,
    )  # fmt: skip


def tend_rescan(shop: Workshop, tenant_id: TenantId) -> bool:
    """Begin by itself once an organisation has a policy and documents that were not looked at by it; say whether it did."""
    with shop.db.tenant(tenant_id) as tx:
        now = in_force(tx)
        if now.policy.version == 0 or is_rescanning(tx) or not tx.scalar(_outdated(tx, now, shop.scanner)):
            return False
        enqueue_rescan(tx)
        audit.record(tx, _SYSTEM, Event.RESCAN_BEGUN, subject=tenant_id, policy=now.policy.version)
        return True


def rescan(shop: Workshop, tenant_id: TenantId) -> None:
    """Look at some documents anew, and queue the next piece while any is left. Safe to repeat."""
    until = time.monotonic() + _SECONDS
    for _ in range(_DOCUMENTS):
        with shop.db.tenant(tenant_id) as tx:
            now = in_force(tx)
            document_id = tx.scalar(_outdated(tx, now, shop.scanner))
            if document_id is None:
                audit.record(tx, _SYSTEM, Event.RESCAN_ENDED, subject=tenant_id, policy=now.policy.version)
                enqueue_names(tx)
                return
        if not _can_look(shop, now):
            return  # As it is, every document would be held back. `tend_rescan` tries again.
        _look(shop, tenant_id, document_id)
        if time.monotonic() > until:
            break
    with shop.db.tenant(tenant_id) as tx:
        enqueue_rescan(tx)


def _can_look(shop: Workshop, now: InForce) -> bool:
    looking = chosen(now.policy, shop.scanner)
    try:
        if looking is not None:
            looking.inspect("Ready.", own=now.own)
    except Refusal as refusal:
        log.warning("rescan_waits", code=refusal.code)
        return False
    return True


def _look(shop: Workshop, tenant_id: TenantId, document_id: UUID) -> None:
    with shop.db.tenant(tenant_id) as tx:
        row = tx.get(DocumentRow, (tenant_id, document_id))
        if row is None:
            return
        now, hand = in_force(tx), InHand(row, row)
        file_id = row.file_id
        known = known_of(tx, shop.sealer, now, {file_id: hand})[file_id]
    sifted, is_read = _sifted(shop, tenant_id, file_id, known)
    with shop.db.tenant(tenant_id) as tx:
        document = locked(tx, DocumentId(document_id)) if tx.get(DocumentRow, (tenant_id, document_id)) else None
        if document is None or document.status != Status.READY or document.file_id != file_id or not in_force(tx).is_like(now):
            return  # Another one came in its place, or another policy: the next look sees it.
        if not known.is_of(document):
            return  # It bears other labels by now, or is elsewhere: the next look sees that.
        _settle(shop, tx, document, sifted, known, is_read=is_read)


def _sifted(shop: Workshop, tenant_id: TenantId, file_id: UUID, known: Known) -> tuple[Sifted, bool]:
    try:
        parsed = parse(shop.blobs.get(tenant_id, file_id), file_name=known.file_name, limits=shop.limits)
    except (BlobMissing, UnreadableDocument) as error:  # of a document that is deleted meanwhile, or lost
        unread = error.unread if isinstance(error, UnreadableDocument) else ()
        nothing = Parsed("", title_of(known.file_name), (), unread=unread)
        return sift(nothing, known.file_name, known.terms, shop.scanner), False
    return sift(parsed, known.file_name, known.terms, shop.scanner), True


def _settle(
    shop: Workshop, tx: Tx, document: DocumentRow, sifted: Sifted, known: Known, *, is_read: bool
) -> None:
    hand = InHand(document, document)
    before = tx.get(ScanRow, (tx.tenant_id, document.file_id))
    cuts = before.cuts if before else ""
    record_scan(tx, shop.sealer, hand, sifted, known, is_kept=True, clock=shop.clock)
    if sifted.held:
        document.file_name, document.title = sifted.file_name, sifted.parsed.title
        withdraw(tx, document, code="held")
        quarantine(tx, hand, sifted, shop.clock)
    elif not (is_read and sifted.is_checked):
        withdraw(tx, document, code="unchecked")
        hold(tx, hand, sifted, shop.clock)
    elif sifted.cuts != cuts:
        withdraw(tx, document, code="removed")
        document.status, document.progress = Status.RECEIVED, 0
        document.started_at = document.settled_at = None
        enqueue_ingestion(tx, document.document_id, document)


def _outdated(tx: Tx, now: InForce, engine: dlp.Engine) -> Select[UUID]:
    scanned, is_as_now = _scanned(tx, now, version_of(now.policy, engine))
    return scanned.where(or_(ScanRow.file_id.is_(None), ~is_as_now)).order_by(DocumentRow.document_id).limit(1)


def _scanned(tx: Tx, now: InForce, engine_version: str) -> tuple[Select[UUID], ColumnElement[bool]]:
    """Ask for searchable documents with how they were looked at; return with it what says that it was as it would be now."""
    found = (
        select(DocumentRow.document_id)
        .outerjoin(ScanRow, _of_the_file())
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.status == Status.READY)
    )
    own: ColumnElement[int] = literal(now.own.common)
    if now.own.of_documents:  # own rules were changed for a few documents alone
        few = values(column("document_id", Uuid), column("changes", Integer), name="few").data(list(now.own.of_documents.items()))
        found = found.outerjoin(few, few.c.document_id == DocumentRow.document_id)
        own = own + func.coalesce(few.c.changes, 0)
    is_as_now = and_(
        ScanRow.policy_version == now.policy.version, ScanRow.own_version == own, ScanRow.engine_version == engine_version
    )
    return found, is_as_now


def _of_the_file() -> ColumnElement[bool]:
    return and_(
        ScanRow.tenant_id == DocumentRow.tenant_id,
        ScanRow.file_id == func.coalesce(DocumentRow.version_id, DocumentRow.document_id),
    )
