"""Names and titles of versions that are not in force, looked at anew once the documents in force were: by the policy and own rules of now.

A name as it was given stays sealed with what is on record of its file, so that a policy that is relaxed shows it again. A version
that was never looked at has no such record, and keeps its name. Where it was got to is in the job: a killed worker begins there again.
"""

import time
from uuid import UUID

from sqlalchemy import select

from appliance.kernel import jobs
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.knowledge.flow import Workshop
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.screening.recording import in_force, known_of
from appliance.knowledge.screening.sealed import NAMES
from appliance.knowledge.screening.sifting import Sifted, sift
from appliance.knowledge.screening.tables import ScanRow
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.versions import InHand

RESCAN_NAMES = "knowledge.rescan_names"
BEGINNING = UUID(int=0)
_AT_ONCE, _SECONDS = 50, 10.0


def enqueue_names(tx: Tx, after: UUID = BEGINNING) -> None:
    """Queue a piece of the work: names of versions whose ids come after this one."""
    jobs.enqueue(tx, jobs.Job(RESCAN_NAMES, after, lock=f"{tx.tenant_id}/{RESCAN_NAMES}"))


def rescan_names(shop: Workshop, tenant_id: TenantId, after: UUID) -> None:
    """Look at some names anew, and queue the next piece while any is left. Safe to repeat."""
    until = time.monotonic() + _SECONDS
    while True:
        reached = _look(shop, tenant_id, after)
        if reached is None:
            return
        after = reached
        if time.monotonic() >= until:
            with shop.db.tenant(tenant_id) as tx:
                enqueue_names(tx, after)
            return


def _look(shop: Workshop, tenant_id: TenantId, after: UUID) -> UUID | None:
    """Look at the next names; return the last version's id, None once there is none, or another policy holds by now."""
    with shop.db.tenant(tenant_id) as tx:
        now, hands = in_force(tx), _following(tx, after)
        known = known_of(tx, shop.sealer, now, hands)
        said = {file_id: (hand.file.file_name, hand.file.title) for file_id, hand in hands.items()}
    sifted = {
        file_id: sift(Parsed("", title, ()), known[file_id].file_name, known[file_id].terms, shop.scanner)
        for file_id, (_, title) in said.items()
    }
    with shop.db.tenant(tenant_id) as tx:
        if not hands or not in_force(tx).is_like(now):
            return None  # the look by what holds now ends with names, too
        for file_id, found in sifted.items():
            _settle(shop, tx, file_id, found, known[file_id].file_name, said[file_id])
    return max(hands)


def _following(tx: Tx, after: UUID) -> dict[UUID, InHand]:
    rows = tx.execute(
        select(VersionRow, DocumentRow)
        .join(DocumentRow, (DocumentRow.tenant_id == VersionRow.tenant_id) & (DocumentRow.document_id == VersionRow.document_id))
        .join(ScanRow, (ScanRow.tenant_id == VersionRow.tenant_id) & (ScanRow.file_id == VersionRow.version_id))
        .where(VersionRow.tenant_id == tx.tenant_id, VersionRow.version_id > after)
        .order_by(VersionRow.version_id)
        .limit(_AT_ONCE)
    )
    return {version.version_id: InHand(document, version) for version, document in rows}


def _settle(shop: Workshop, tx: Tx, file_id: UUID, found: Sifted, given: str, said: tuple[str, str]) -> None:
    """Write down what a version is called now, unless it changed meanwhile. What a detector failed at stays as it is."""
    row = tx.get(VersionRow, (tx.tenant_id, file_id), with_for_update=True)
    scan = tx.get(ScanRow, (tx.tenant_id, file_id), with_for_update=True)
    told = found.file_name, found.parsed.title
    if row is None or scan is None or (row.file_name, row.title) != said or told == said or not found.is_checked:
        return
    scan.sealed_name = None
    if found.file_name != given:
        scan.sealed_name = shop.sealer.seal(tx, given.encode(), NAMES.place(file_id, row.document_id))
    row.file_name, row.title = told
    tx.flush()
