"""The values of a conversation that stand under surrogates, as they are kept: sealed, and gone with the conversation."""

from uuid import UUID

from sqlalchemy import select

from appliance.chat.sealed import SURROGATES
from appliance.chat.tables import SurrogatesRow
from appliance.dlp import Surrogates
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Sealer


def find_surrogates(tx: Tx, sealer: Sealer, conversation_id: UUID) -> Surrogates | None:
    """Return those of a conversation that the caller may read, or None if it has none yet."""
    found = select(SurrogatesRow.sealed).where(
        SurrogatesRow.tenant_id == tx.tenant_id, SurrogatesRow.conversation_id == conversation_id
    )
    sealed = tx.scalar(found)
    return None if sealed is None else Surrogates.unpack(sealer.unseal(tx, sealed, SURROGATES.place(conversation_id)))


def keep_surrogates(tx: Tx, sealer: Sealer, conversation_id: UUID, surrogates: Surrogates) -> None:
    """Keep them with the conversation, which is locked, beside what was kept of another question meanwhile."""
    if not surrogates:
        return
    kept = find_surrogates(tx, sealer, conversation_id)
    if kept is not None:
        if len(kept) == len(surrogates) and kept.key == surrogates.key:
            return
        kept.take(surrogates)
    packed = (kept or surrogates).pack()
    row = SurrogatesRow(
        tenant_id=tx.tenant_id, conversation_id=conversation_id,
        sealed=sealer.seal(tx, packed, SURROGATES.place(conversation_id)),
    )  # fmt: skip
    tx.merge(row)
    tx.flush()
