"""Deciding on what keeps a document back: finding by finding, or all of one rule. Each decision says why.

Where the organisation wants two, releasing is a proposal until another person agrees; removing and rejecting take something
away, and one is enough. A service account is no person, and a token, or a name given at the console, could be the same person
twice: the second agrees at a browser.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select

from appliance import audit, identity
from appliance.audit import Event
from appliance.dlp.own.allowances import AllowanceForm, allow
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Sealer
from appliance.knowledge.errors import (
    AllowanceNotMistaken,
    AllowanceTakesTwo,
    FindingNotFound,
    FindingSettled,
    JustificationMissing,
    NotSecondReviewer,
)
from appliance.knowledge.queries import may_read
from appliance.knowledge.screening.choices import get_screening
from appliance.knowledge.screening.reading import as_findings
from appliance.knowledge.screening.recording import held_back, of_waiting_files
from appliance.knowledge.screening.sealed import REASONS
from appliance.knowledge.screening.tables import FindingRow
from appliance.knowledge.screening.values import Finding, Resolution
from appliance.knowledge.service import queue_again
from appliance.knowledge.settling import let_go
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.unreadable import REJECTED
from appliance.knowledge.values import DocumentId, Status
from appliance.knowledge.versions import File, InHand, locked

MOST = 1_000
_REASON = range(3, 501)
_MISTAKEN = "A reviewer said that it is not what the rule says."


@dataclass(frozen=True)
class Decision:
    """What a reviewer decides, and why. `is_mistaken`: it is not what the rule says that it is."""

    resolution: Resolution
    reason: str
    is_mistaken: bool = False
    allowed_until: datetime | None = None
    """With `is_mistaken`: until when what the rule finds is told of no more in that document."""


def decide(
    tx: Tx, caller: Caller, finding_ids: Collection[UUID], decision: Decision, *, sealer: Sealer, clock: Clock
) -> list[Finding]:
    """Decide on findings. Once nothing of a file is open it is read again, or erased where one was rejected.

    Raises FindingNotFound, FindingSettled, JustificationMissing, NotSecondReviewer, AllowanceNotMistaken, AllowanceTakesTwo.
    """
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    reason = " ".join(decision.reason.replace("\0", "").split())
    if len(reason) not in _REASON:
        raise JustificationMissing
    if decision.allowed_until is not None and not decision.is_mistaken:
        raise AllowanceNotMistaken
    rows = _locked(tx, caller, finding_ids)
    needs_second = get_screening(tx).needs_second
    takes_two = decision.resolution is Resolution.RELEASE and needs_second
    if needs_second and decision.allowed_until is not None:
        raise AllowanceTakesTwo  # what is told no more in a document is released in each of its versions
    if takes_two and not identity.is_person(tx, caller.user_id):
        raise NotSecondReviewer
    sealed = sealer.seal_all(tx, [(reason.encode(), REASONS.place(row.finding_id, row.document_id)) for row in rows])
    for row, value in zip(rows, sealed, strict=True):
        row.resolution, row.resolved_by, row.resolved_at = decision.resolution, caller.user_id, clock.now()
        row.sealed_reason, row.is_mistaken = value, decision.is_mistaken
        if not takes_two:
            row.confirmed_by, row.confirmed_at = caller.user_id, clock.now()
    tx.flush()
    for document_id, some in _by_document(rows).items():
        audit.record(
            tx, caller.actor, Event.FINDINGS_DECIDED, subject=document_id, decision=decision.resolution.value, findings=len(some),
            rules=", ".join(sorted({row.rule for row in some})), mistaken=int(decision.is_mistaken), takes_two=int(takes_two),
        )  # fmt: skip
        if not takes_two:
            _allow(tx, caller, DocumentId(document_id), some, decision, clock)
            _go_on(tx, caller, document_id, some, clock)
    return as_findings(tx, sealer, rows, reads=True)


def confirm(
    tx: Tx, caller: Caller, finding_ids: Collection[UUID], *, agrees: bool, sealer: Sealer, clock: Clock
) -> list[Finding]:
    """Agree, as a second person, to releasing findings, or say no: then they are open as before.

    Raises FindingNotFound, FindingSettled, NotSecondReviewer.
    """
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    identity.require_browser(caller)
    rows = _locked(tx, caller, finding_ids)
    if any(row.resolution is None for row in rows):
        raise FindingSettled
    if any(row.resolved_by == caller.user_id for row in rows):
        raise NotSecondReviewer
    for row in rows:
        if agrees:
            row.confirmed_by, row.confirmed_at = caller.user_id, clock.now()
        else:
            row.resolution = row.resolved_by = row.resolved_at = row.sealed_reason = None
            row.is_mistaken = False
    tx.flush()
    for document_id, some in _by_document(rows).items():
        audit.record(
            tx, caller.actor, Event.FINDINGS_CONFIRMED, subject=document_id, agreed=int(agrees), findings=len(some)
        )
        if agrees:
            _go_on(tx, caller, document_id, some, clock)
    return as_findings(tx, sealer, rows, reads=True)


def open_of_rule(tx: Tx, caller: Caller, rule: str, *, is_proposed: bool = False) -> list[UUID]:
    """Return the findings of a rule that are open in documents that the caller may read: at most 1,000, the oldest first."""
    identity.require(caller, Permission.DOCUMENT_APPROVE)
    proposed = FindingRow.resolution.is_not(None) if is_proposed else FindingRow.resolution.is_(None)
    query = select(FindingRow.finding_id).where(
        FindingRow.tenant_id == tx.tenant_id, FindingRow.rule == rule, proposed, *held_back(), of_waiting_files(tx),
        FindingRow.document_id.in_(_readable(tx, caller)),
    )  # fmt: skip
    return list(tx.scalars(query.order_by(FindingRow.finding_id).limit(MOST)))


def _readable(tx: Tx, caller: Caller) -> Select[UUID]:
    return select(DocumentRow.document_id).where(DocumentRow.tenant_id == tx.tenant_id, may_read(tx, caller))


def _locked(tx: Tx, caller: Caller, finding_ids: Collection[UUID]) -> list[FindingRow]:
    """Return open findings, their documents locked first, as everybody does who changes both."""
    chosen = set(finding_ids)
    mine = FindingRow.tenant_id == tx.tenant_id, FindingRow.finding_id.in_(chosen)
    documents = tx.scalars(select(FindingRow.document_id).where(*mine).distinct()).all()
    tx.execute(
        select(DocumentRow.document_id)
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.document_id.in_(documents))
        .order_by(DocumentRow.document_id)
        .with_for_update()
    )
    query = select(FindingRow).where(*mine, FindingRow.document_id.in_(_readable(tx, caller)))
    rows = tx.scalars(
        query.order_by(FindingRow.finding_id).with_for_update().execution_options(populate_existing=True)
    ).all()
    if not rows or len(rows) != len(chosen) or len(chosen) > MOST:
        raise FindingNotFound
    if any(row.confirmed_by is not None or row.action not in {"quarantine", "block"} for row in rows):
        raise FindingSettled
    return list(rows)


def _allow(
    tx: Tx, caller: Caller, document_id: DocumentId, rows: Sequence[FindingRow], decision: Decision, clock: Clock
) -> None:
    """Let what was told by mistake be told no more, in this document, for a while. The floor is told all the same."""
    if decision.allowed_until is None:
        return
    for rule in sorted({row.rule for row in rows}):
        allow(tx, caller, AllowanceForm(_MISTAKEN, decision.allowed_until, rule=rule, document_id=document_id), clock=clock, is_review=True)


def _go_on(tx: Tx, caller: Caller, document_id: UUID, rows: Sequence[FindingRow], clock: Clock) -> None:
    document = locked(tx, DocumentId(document_id))
    for file_id in sorted({row.file_id for row in rows}):
        file = document if document.file_id == file_id else tx.get(VersionRow, (tx.tenant_id, file_id), with_for_update=True)
        if file is None or file.status != Status.QUARANTINED:
            raise FindingSettled
        if any(row.resolution == Resolution.REJECT for row in rows if row.file_id == file_id):
            let_go(tx, InHand(document, file), REJECTED, "rejected", clock)
        elif file.version >= document.version:  # or else a later one is in force, and this one comes no more
            _read_again(tx, caller, document, file)


def _read_again(tx: Tx, caller: Caller, document: DocumentRow, file: File) -> None:
    left = tx.scalar(
        select(FindingRow.finding_id)
        .where(FindingRow.tenant_id == tx.tenant_id, FindingRow.file_id == file.file_id, *held_back())
        .limit(1)
    )
    if left is None:
        queue_again(tx, caller, document, file, Event.DOCUMENT_APPROVED)


def _by_document(rows: Sequence[FindingRow]) -> dict[UUID, list[FindingRow]]:
    found: dict[UUID, list[FindingRow]] = {}
    for row in rows:
        found.setdefault(row.document_id, []).append(row)
    return found
