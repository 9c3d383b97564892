"""Storing a message with what it cites."""

from uuid import UUID

from appliance.chat.tables import CitationRow, MessageRow
from appliance.chat.values import Citation, ConversationId, Message
from appliance.kernel.db import Tx


def add(tx: Tx, conversation_id: ConversationId, message: Message) -> Message:
    """Store a message below its parent."""
    tx.add(
        MessageRow(
            tenant_id=tx.tenant_id,
            message_id=message.message_id,
            conversation_id=conversation_id,
            parent_id=message.parent_id,
            role=message.role,
            body=message.body,
            outcome=message.outcome,
            created_at=message.created_at,
        )
    )
    tx.flush()
    tx.add_all(_citation_row(tx, message.message_id, citation) for citation in message.citations)
    tx.flush()
    return message


def _citation_row(tx: Tx, message_id: UUID, citation: Citation) -> CitationRow:
    return CitationRow(
        tenant_id=tx.tenant_id,
        message_id=message_id,
        number=citation.number,
        document_id=citation.document_id,
        chunk_id=citation.chunk_id,
        title=citation.title,
        heading=citation.heading,
        page_from=citation.page_from,
        page_to=citation.page_to,
        quote=citation.quote,
        version=citation.version,
    )
