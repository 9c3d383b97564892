"""Storing a message with what it cites, sealed."""

from uuid import UUID

from appliance.chat import books, texts, unsealed
from appliance.chat.sealed import WORDS, Quoted, Words, title_place
from appliance.chat.tables import CitationRow, ConversationRow, MessageRow
from appliance.chat.values import Citation, Message
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Sealer


def add(tx: Tx, sealer: Sealer, conversation: ConversationRow, message: Message) -> Message:
    """Store a message below its parent."""
    unsealed.seal_before(tx, sealer, conversation)
    quoted = {one.number: Quoted(one.title, one.heading, one.quote) for one in message.citations}
    place = WORDS.place(message.message_id, conversation.conversation_id)
    tx.add(
        MessageRow(
            tenant_id=tx.tenant_id,
            message_id=message.message_id,
            conversation_id=conversation.conversation_id,
            parent_id=message.parent_id,
            role=message.role,
            sealed_words=sealer.seal(tx, Words(message.body, quoted).pack(), place),
            outcome=message.outcome,
            replaced=message.replaced,
            removed=message.removed,
            warned=message.warned,
            untraced=message.untraced,
            model=message.model,
            created_at=message.created_at,
        )
    )
    tx.flush()
    tx.add_all(_citation_row(tx, message.message_id, citation) for citation in message.citations)
    tx.flush()
    talk = conversation.owner_id, conversation.conversation_id
    texts.write_texts(tx, sealer, {talk: {message.message_id: message.body}})
    return message


def entitle(tx: Tx, sealer: Sealer, conversation: ConversationRow, title: str) -> None:
    """Give a conversation a title."""
    unsealed.seal_before(tx, sealer, conversation)
    conversation.sealed_title = sealer.seal(tx, title.encode(), title_place(conversation))
    tx.flush()
    named = {conversation.conversation_id: title}
    texts.write_texts(tx, sealer, {(conversation.owner_id, conversation.conversation_id): named})
    books.write_titles(tx, sealer, named)


def _citation_row(tx: Tx, message_id: UUID, citation: Citation) -> CitationRow:
    return CitationRow(
        tenant_id=tx.tenant_id,
        message_id=message_id,
        number=citation.number,
        document_id=citation.document_id,
        chunk_id=citation.chunk_id,
        page_from=citation.page_from,
        page_to=citation.page_to,
        version=citation.version,
    )
