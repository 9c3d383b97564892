"""What whoever uploads says of a file: that they would post it on the organisation's internal wiki, and which labels it bears."""

from collections.abc import Iterable, Sequence

from appliance import audit
from appliance.audit import Event
from appliance.identity import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.knowledge.errors import AttestationMissing, LabelsMalformed
from appliance.knowledge.queries import as_documents
from appliance.knowledge.screening.choices import get_screening
from appliance.knowledge.screening.tables import AttestationRow
from appliance.knowledge.screening.turns import look_again
from appliance.knowledge.screening.values import STATEMENT, Attestation
from appliance.knowledge.tables import DocumentRow
from appliance.knowledge.values import Receipt, Received

_MOST_LABELS, _LABEL_LIMIT = 20, 40


def checked_labels(labels: Iterable[str]) -> list[str]:
    """Return labels as they are kept. Raises LabelsMalformed."""
    chosen = sorted({" ".join(one.replace("\0", "").split()) for one in labels} - {""}, key=str.casefold)
    if len(chosen) > _MOST_LABELS or any(len(one) > _LABEL_LIMIT or "," in one for one in chosen):
        raise LabelsMalformed
    return chosen


def require_attested(tx: Tx, *, is_attested: bool) -> None:
    """Raise AttestationMissing where the organisation requires what was not said."""
    if not is_attested and get_screening(tx).attestation is Attestation.REQUIRED:
        raise AttestationMissing


def note_attested(
    tx: Tx, caller: Caller, received: Received, *, labels: Sequence[str], is_attested: bool, clock: Clock
) -> Received:
    """Write down what was said of a file that came in, in its own transaction. What was there already bears what it bore."""
    if received.receipt is Receipt.KNOWN or not (labels or is_attested):
        return received
    document = received.document
    row = tx.get_one(DocumentRow, (tx.tenant_id, document.document_id))
    if labels:
        row.labels = checked_labels([*row.labels, *labels])
        look_again(tx, document.document_id)  # what is in force bears them as well
        audit.record(tx, caller.actor, Event.DOCUMENT_LABELLED, subject=document.document_id, labels=len(row.labels))
    if is_attested:
        file_id, version = document.file_id, document.version
        if document.newer is not None:
            file_id, version = document.newer.version_id, document.newer.number
        tx.merge(
            AttestationRow(
                tenant_id=tx.tenant_id, file_id=file_id, document_id=document.document_id, attested_by=caller.user_id,
                attested_at=clock.now(), statement=STATEMENT,
            )
        )  # fmt: skip
        audit.record(tx, caller.actor, Event.UPLOAD_ATTESTED, subject=document.document_id, version=version)
    tx.flush()
    return Received(as_documents(tx, [row])[0], received.receipt)
