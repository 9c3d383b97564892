"""Looks through stored documents for a dry run, in the worker, as it looks through an upload.

Also what a dry run found, for whoever asks at a door. A rule about one value, or for a group of one person, would count what a
single document holds or a single person said. So exact numbers are for whoever may read all that was looked at, and others are
told `coarse` ones.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select

from appliance import identity, tenancy
from appliance.dlp import Engine, Finding, dryrun, own_rules
from appliance.dlp.dryrun_values import DryRun, DryRunDocument, Kept, coarse
from appliance.identity import Caller, Permission
from appliance.identity.groups import groups_of
from appliance.kernel.blobs import BlobMissing
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.rows import among
from appliance.knowledge.collections import readable_collections
from appliance.knowledge.flow import Workshop
from appliance.knowledge.parsing import parse
from appliance.knowledge.queries import may_read
from appliance.knowledge.screening.sifting import found_in
from appliance.knowledge.tables import DocumentRow
from appliance.knowledge.unreadable import UnreadableDocument
from appliance.knowledge.values import Status
from appliance.tenancy import Review

_STORED: Final = (Status.READY, Status.QUARANTINED, Status.INCOMPLETE)


class StoredTexts:
    """The organisation's documents, the newest first, whether they are searched or held back."""

    def __init__(self, shop: Workshop) -> None:
        """Read by the same parser, from the same sealed files, as when they were uploaded."""
        self._shop = shop

    def following(self, tx: Tx, after: UUID | None) -> Kept | None:
        """Return the newest document before this one, or None."""
        wanted = [DocumentRow.tenant_id == tx.tenant_id, DocumentRow.status.in_([one.value for one in _STORED])]
        if after is not None:
            wanted.append(DocumentRow.document_id < after)
        row = tx.scalar(select(DocumentRow).where(*wanted).order_by(DocumentRow.document_id.desc()).limit(1))
        if row is None:
            return None
        groups = frozenset[UUID](groups_of(tx, row.uploaded_by))
        own = own_rules(tx).about(document_id=row.document_id, collection_id=row.collection_id)
        return Kept(row.document_id, row.file_id, row.file_name, frozenset(row.labels), groups, own)

    def findings(self, tenant_id: TenantId, kept: Kept, engine: Engine, least: float) -> Sequence[Finding] | None:
        """Return what is found in it, as at an upload; None if it cannot be read whole: it may hold anything. Raises ModelMissing."""
        try:
            content = self._shop.blobs.get(tenant_id, kept.file_id)
            parsed = parse(content, file_name=kept.file_name, limits=self._shop.limits)
        except (BlobMissing, UnreadableDocument):  # or else deleted, or replaced, meanwhile
            return None
        return found_in(parsed, kept.file_name, engine.for_one_document(), kept.own, least) if parsed.is_whole else None


def titles_of(tx: Tx, caller: Caller, document_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the titles of those documents that the caller may read, by id."""
    if not identity.may(caller, Permission.DOCUMENT_READ):
        return {}
    rows = tx.execute(
        select(DocumentRow.document_id, DocumentRow.title).where(
            DocumentRow.tenant_id == tx.tenant_id, among(DocumentRow.document_id, document_ids), may_read(tx, caller)
        )
    )
    return {row.document_id: row.title for row in rows}


def get_dry_run(tx: Tx, caller: Caller, run_id: UUID) -> DryRun:
    """Return a dry run, with numbers that the caller may be told. Raises Forbidden, DryRunMissing."""
    return as_told(tx, caller, dryrun.get_dry_run(tx, caller, run_id))


def list_dry_runs(tx: Tx, caller: Caller) -> list[DryRun]:
    """Return the latest dry runs, the newest first, with numbers that the caller may be told. Raises Forbidden."""
    return [as_told(tx, caller, one) for one in dryrun.list_dry_runs(tx, caller)]


def list_dry_run_documents(
    tx: Tx, caller: Caller, run_id: UUID, *, after: UUID | None = None, limit: int
) -> list[DryRunDocument]:
    """Return documents that would be treated otherwise, by id, of those that the caller may read. Raises Forbidden, DryRunMissing."""
    open_ones = select(DocumentRow.document_id).where(DocumentRow.tenant_id == tx.tenant_id, may_read(tx, caller))
    found = dryrun.list_dry_run_documents(tx, caller, run_id, within=open_ones, after=after, limit=limit)
    return found if identity.may(caller, Permission.DOCUMENT_READ) else []


def as_told(tx: Tx, caller: Caller, run: DryRun) -> DryRun:
    """Return a run with exact numbers if the caller may read all that it looked at, and coarse ones otherwise."""
    if run.form.days is None:
        is_open = identity.may(caller, Permission.DOCUMENT_READ) and readable_collections(tx, caller) is None
    else:
        is_watched = tenancy.get_settings(tx).conversation_review is not Review.OFF
        is_open = is_watched and identity.may(caller, Permission.CONVERSATION_REVIEW)
    return run if is_open else coarse(run)
