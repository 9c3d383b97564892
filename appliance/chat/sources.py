"""What an answer was made of. It is read by whoever may read all of it, today: not by whoever could when it was given.

Kept beside the citations: a model that writes may tell of a passage that it does not cite. Of a model that can only
quote, what it cites is all that it told.
"""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, true

from appliance import knowledge
from appliance.chat.tables import MessageRow, MessageSourceRow
from appliance.chat.values import ConversationId
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.kernel.rows import among
from appliance.knowledge import CollectionId, DocumentId


def add_sources(tx: Tx, message_id: UUID, used: Mapping[DocumentId, CollectionId], told: Collection[UUID] = ()) -> None:
    """Note which documents, from which collections, a stored answer was made of: its own, and those of `told` answers.

    One that was moved since is noted where it is now; of one that was deleted since, the collection remains.
    """
    present = knowledge.collections_of(tx, used)
    pairs: list[tuple[UUID | None, UUID | None]] = [
        (document_id if document_id in present else None, present.get(document_id, collection_id))
        for document_id, collection_id in sorted(used.items())
    ]
    earlier = tx.execute(
        select(MessageSourceRow.document_id, MessageSourceRow.collection_id).where(
            MessageSourceRow.tenant_id == tx.tenant_id, among(MessageSourceRow.message_id, told)
        )
    )
    pairs += [(document_id, collection_id) for document_id, collection_id in earlier]
    tx.add_all(
        MessageSourceRow(
            tenant_id=tx.tenant_id,
            message_id=message_id,
            number=number,
            document_id=document_id,
            collection_id=collection_id,
        )
        for number, (document_id, collection_id) in enumerate(dict.fromkeys(pairs), start=1)
    )
    tx.flush()


def withheld(tx: Tx, caller: Caller, message_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return which of these messages rest on something that the caller may not read, or not any more."""
    readable = knowledge.readable_collections(tx, caller)
    if readable is None or not (message_ids := list(message_ids)):
        return frozenset()
    rows = tx.scalars(
        select(MessageSourceRow.message_id).where(
            MessageSourceRow.tenant_id == tx.tenant_id,
            among(MessageSourceRow.message_id, message_ids),
            _is_closed(readable),
        )
    )
    return frozenset(rows)


def is_open(tx: Tx, caller: Caller) -> ColumnElement[bool]:
    """Return the condition of messages that rest on nothing closed to the caller, for a search in them."""
    readable = knowledge.readable_collections(tx, caller)
    if readable is None:
        return true()
    return ~exists().where(
        MessageSourceRow.tenant_id == tx.tenant_id,
        MessageSourceRow.message_id == MessageRow.message_id,
        _is_closed(readable),
    )


def may_read_whole(tx: Tx, caller: Caller, conversation_id: ConversationId) -> bool:
    """Say whether nothing in a conversation is withheld from the caller."""
    ids = select(MessageRow.message_id).where(
        MessageRow.tenant_id == tx.tenant_id, MessageRow.conversation_id == conversation_id
    )
    return not withheld(tx, caller, tx.scalars(ids).all())


def _is_closed(readable: Collection[UUID]) -> ColumnElement[bool]:
    # Of what was deleted before collections were noted nobody knows who might read it: it stays closed.
    return or_(MessageSourceRow.collection_id.is_(None), MessageSourceRow.collection_id.not_in(readable))
