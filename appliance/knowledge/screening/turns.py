"""Whose turn it is to be looked at anew: jobs of the queue, one at a time for an organisation."""

from uuid import UUID

from sqlalchemy import update

from appliance import dlp
from appliance.kernel import jobs
from appliance.kernel.db import Tx
from appliance.knowledge.screening.tables import ScanRow

RESCAN = "knowledge.rescan"
OUTDATED = -1
"""The version of a policy by which a file was looked at under other circumstances."""


def enqueue_rescan(tx: Tx) -> None:
    """Queue a piece of the work."""
    jobs.enqueue(tx, jobs.Job(RESCAN, tx.tenant_id, lock=_lock(tx)))


def is_rescanning(tx: Tx) -> bool:
    """Say whether documents are being looked at anew."""
    return jobs.is_pending(tx, _lock(tx))


def look_again(tx: Tx, document_id: UUID) -> None:
    """Have a document looked at anew whose labels or place have changed, where a policy may ask for them."""
    if not dlp.policy_in_force(tx).rules:
        return
    tx.execute(
        update(ScanRow)
        .where(ScanRow.tenant_id == tx.tenant_id, ScanRow.document_id == document_id)
        .values(policy_version=OUTDATED)
    )
    if not is_rescanning(tx):
        enqueue_rescan(tx)


def _lock(tx: Tx) -> str:
    return f"{tx.tenant_id}/{RESCAN}"
