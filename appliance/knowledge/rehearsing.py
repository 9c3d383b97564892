"""Stored documents for whoever tries something over all of them, in the worker: their texts as an upload's are looked at."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select

from appliance import identity
from appliance.dlp import Engine, Finding, own_rules
from appliance.dlp.dryrun_values import Kept
from appliance.identity import Caller, Permission
from appliance.identity.groups import groups_of
from appliance.kernel.blobs import BlobMissing
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.rows import among
from appliance.knowledge.flow import Workshop
from appliance.knowledge.parsing import parse
from appliance.knowledge.queries import may_read
from appliance.knowledge.screening.sifting import found_in
from appliance.knowledge.tables import DocumentRow
from appliance.knowledge.unreadable import UnreadableDocument
from appliance.knowledge.values import Status

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
