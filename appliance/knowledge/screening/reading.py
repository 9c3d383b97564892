"""Findings as people see them: what waits for a reviewer, and what became of one document."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, or_, select

from appliance import audit, identity
from appliance.audit import Event
from appliance.dlp import FAMILIES, Action, Category
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Sealer
from appliance.knowledge.queries import may_read, readable
from appliance.knowledge.screening.recording import held_back, newer_held, of_waiting_files
from appliance.knowledge.screening.sealed import EXCERPTS, REASONS
from appliance.knowledge.screening.tables import AttestationRow, FindingRow, ScanRow
from appliance.knowledge.screening.values import Finding, Report, Resolution, Spot, Waiting
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.values import CollectionId, DocumentId, Status
from appliance.knowledge.versions import File

_SHOWN = 100


def list_waiting(
    tx: Tx, caller: Caller, *, sealer: Sealer, rule: str = "", before: DocumentId | None = None, limit: int = 25
) -> list[Waiting]:
    """Return documents that are held back because of what was found, the latest first, with what is open of it, masked.

    With `rule` those findings alone. What was held back before findings were kept has none. Looking is an event in the log.
    """
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    files = _waiting_files(tx, caller, rule, before, limit)
    rows = _open_rows(tx, [file.file_id for file in files.values()], rule)
    shown = as_findings(tx, sealer, rows, reads=True)
    names = identity.names_of(tx, [file.uploaded_by for file in files.values()])
    audit.record(tx, caller.actor, Event.FINDINGS_READ, subject=tx.tenant_id, documents=len(files), shown=len(rows))
    return [
        Waiting(
            DocumentId(document.document_id), CollectionId(document.collection_id), file.title, file.version,
            names.get(file.uploaded_by, ""), file.uploaded_at,
            tuple(one for one, row in zip(shown, rows, strict=True) if row.file_id == file.file_id),
        )
        for document, file in files.items()
    ]  # fmt: skip


def rules_waiting(tx: Tx, caller: Caller) -> list[str]:
    """Return the rules of findings that are open in documents that the caller may read, by name."""
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    readable_ones = select(DocumentRow.document_id).where(DocumentRow.tenant_id == tx.tenant_id, may_read(tx, caller))
    query = select(FindingRow.rule).where(
        FindingRow.tenant_id == tx.tenant_id, *held_back(), of_waiting_files(tx), FindingRow.document_id.in_(readable_ones)
    )
    return sorted(tx.scalars(query.distinct()))


def report_of(tx: Tx, caller: Caller, document_id: DocumentId, *, sealer: Sealer) -> Report:
    """Return what was found in a document's newest file, and what was done about it. Raises DocumentNotFound.

    What stands around a finding is for whoever may release documents, who is recorded.
    """
    document = readable(tx, caller, document_id)
    file = _newest(tx, document)
    rows = tx.scalars(
        select(FindingRow)
        .where(FindingRow.tenant_id == tx.tenant_id, FindingRow.file_id == file.file_id)
        .order_by(FindingRow.place, FindingRow.start_at, FindingRow.finding_id)
    ).all()
    reads = identity.may(caller, Permission.DOCUMENT_APPROVE)
    if reads and rows:
        audit.record(tx, caller.actor, Event.FINDINGS_READ, subject=document_id, documents=1, shown=len(rows))
    scan = tx.get(ScanRow, (tx.tenant_id, file.file_id))
    attested = tx.get(AttestationRow, (tx.tenant_id, file.file_id))
    names = identity.names_of(tx, [attested.attested_by] if attested else [])
    return Report(
        document_id=document_id,
        version=file.version,
        policy_version=scan.policy_version if scan else None,
        own_version=scan.own_version if scan else None,
        engine_version=scan.engine_version if scan else None,
        action=Action(scan.action) if scan else None,
        found=scan.found if scan else 0,
        removed=scan.removed if scan else 0,
        is_checked=scan is not None and scan.is_checked,
        scanned_at=scan.scanned_at if scan else None,
        attested_by_name=names.get(attested.attested_by, "") if attested else "",
        attested_at=attested.attested_at if attested else None,
        statement=attested.statement if attested else None,
        findings=tuple(
            replace(one, is_open=one.is_open and file.status == Status.QUARANTINED)
            for one in as_findings(tx, sealer, rows, reads=reads)
        ),
    )


def as_findings(tx: Tx, sealer: Sealer, rows: Sequence[FindingRow], *, reads: bool) -> list[Finding]:
    """Return rows as people see them; without `reads`, without what stands around and what reviewers wrote."""
    excerpts = _opened(tx, sealer, rows, "sealed_excerpt") if reads else {}
    reasons = _opened(tx, sealer, rows, "sealed_reason") if reads else {}
    people = {user for row in rows for user in (row.resolved_by, row.confirmed_by) if user is not None}
    names = identity.names_of(tx, people)
    return [_as_finding(row, excerpts, reasons, names) for row in rows]


def _as_finding(
    row: FindingRow, excerpts: Mapping[UUID, str], reasons: Mapping[UUID, str], names: Mapping[UUID, str]
) -> Finding:
    category = Category(row.category)
    return Finding(
        finding_id=row.finding_id,
        document_id=DocumentId(row.document_id),
        category=category,
        family=FAMILIES[category],
        rule=row.rule,
        place=Spot(row.place),
        page=row.page,
        times=row.times,
        confidence=round(row.confidence, 2),
        through=row.through,
        action=Action(row.action),
        policy_version=row.policy_version,
        engine_version=row.engine_version,
        found_at=row.found_at,
        excerpt=excerpts.get(row.finding_id),
        resolution=Resolution(row.resolution) if row.resolution else None,
        resolved_by=row.resolved_by,
        resolved_by_name=names.get(row.resolved_by, "") if row.resolved_by else "",
        resolved_at=row.resolved_at,
        confirmed_by_name=names.get(row.confirmed_by, "") if row.confirmed_by else "",
        confirmed_at=row.confirmed_at,
        reason=reasons.get(row.finding_id),
        is_mistaken=row.is_mistaken,
        is_open=row.confirmed_by is None and row.action in {Action.QUARANTINE, Action.BLOCK},
    )


def _opened(tx: Tx, sealer: Sealer, rows: Sequence[FindingRow], column: str) -> dict[UUID, str]:
    place = EXCERPTS.place if column == "sealed_excerpt" else REASONS.place
    sealed = [(row, getattr(row, column)) for row in rows if getattr(row, column) is not None]
    values = [(value, place(row.finding_id, row.document_id)) for row, value in sealed]
    opened = sealer.unseal_all(tx, values) if values else []
    return {row.finding_id: text.decode() for (row, _), text in zip(sealed, opened, strict=True)}


def _newest(tx: Tx, document: DocumentRow) -> File:
    query = select(VersionRow).where(
        VersionRow.tenant_id == tx.tenant_id, VersionRow.document_id == document.document_id,
        VersionRow.version > document.version, VersionRow.status != Status.CANCELLED,
    )  # fmt: skip
    return tx.scalar(query.order_by(VersionRow.version.desc()).limit(1)) or document


def _waiting_files(
    tx: Tx, caller: Caller, rule: str, before: DocumentId | None, limit: int
) -> dict[DocumentRow, File]:
    held = newer_held(tx)
    query = select(DocumentRow).where(
        DocumentRow.tenant_id == tx.tenant_id,
        may_read(tx, caller),
        or_(
            DocumentRow.status == Status.QUARANTINED,
            DocumentRow.document_id.in_(held.with_only_columns(VersionRow.document_id)),
        ),
    )
    if before is not None:
        query = query.where(DocumentRow.document_id < before)
    if rule:
        found = select(FindingRow.document_id).where(
            FindingRow.tenant_id == tx.tenant_id, FindingRow.rule == rule, *held_back()
        )
        query = query.where(DocumentRow.document_id.in_(found))
    documents = tx.scalars(query.order_by(DocumentRow.document_id.desc()).limit(limit)).all()
    newer = tx.scalars(held.where(VersionRow.document_id.in_([one.document_id for one in documents])))
    versions = {row.document_id: row for row in newer}
    return {one: versions.get(one.document_id, one) for one in documents}


def _open_rows(tx: Tx, file_ids: Sequence[UUID], rule: str) -> Sequence[FindingRow]:
    """Return what is open of these files, at most a hundred of each."""
    order = FindingRow.place, FindingRow.start_at, FindingRow.finding_id
    place = func.row_number().over(partition_by=FindingRow.file_id, order_by=order).label("place")
    found = select(FindingRow.finding_id, place).where(
        FindingRow.tenant_id == tx.tenant_id, FindingRow.file_id.in_(file_ids), *held_back()
    )
    if rule:
        found = found.where(FindingRow.rule == rule)
    ranked = found.subquery()
    shown = select(ranked.c.finding_id).where(ranked.c.place <= _SHOWN)
    query = select(FindingRow).where(FindingRow.tenant_id == tx.tenant_id, FindingRow.finding_id.in_(shown))
    return tx.scalars(query.order_by(*order)).all()
