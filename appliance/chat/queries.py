from collections import defaultdict
from typing import cast
from uuid import UUID

from sqlalchemy import func, select

from appliance import identity
from appliance.chat.errors import ChatbotNotFound, ConversationNotFound
from appliance.chat.tables import ChatbotRow, CitationRow, ConversationRow, MessageRow
from appliance.chat.values import Chatbot, ChatbotId, Citation, Conversation, ConversationId, Message, Outcome
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx


def list_chatbots(tx: Tx, caller: Caller) -> list[Chatbot]:
    """Return the organisation's chatbots, oldest first."""
    identity.require(caller, Permission.CHAT)
    rows = tx.scalars(select(ChatbotRow).where(ChatbotRow.tenant_id == tx.tenant_id).order_by(ChatbotRow.chatbot_id))
    return [as_chatbot(row) for row in rows]


def get_chatbot(tx: Tx, caller: Caller, chatbot_id: ChatbotId) -> Chatbot:
    """Return the chatbot. Raises ChatbotNotFound."""
    identity.require(caller, Permission.CHAT)
    row = tx.get(ChatbotRow, (tx.tenant_id, chatbot_id))
    if row is None:
        raise ChatbotNotFound
    return as_chatbot(row)


def list_conversations(tx: Tx, caller: Caller, *, limit: int = 100) -> list[Conversation]:
    """Return the caller's own conversations, the latest first."""
    identity.require(caller, Permission.CHAT)
    rows = tx.scalars(
        select(ConversationRow)
        .where(ConversationRow.tenant_id == tx.tenant_id, ConversationRow.owner_id == caller.user_id)
        .order_by(ConversationRow.updated_at.desc())
        .limit(limit)
    )
    return [as_conversation(row) for row in rows]


def get_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId) -> Conversation:
    """Return one of the caller's own conversations. Raises ConversationNotFound, for anybody else's too."""
    identity.require(caller, Permission.CHAT)
    row = tx.get(ConversationRow, (tx.tenant_id, conversation_id))
    if row is None or row.owner_id != caller.user_id:
        raise ConversationNotFound
    return as_conversation(row)


def list_messages(tx: Tx, caller: Caller, conversation_id: ConversationId) -> list[Message]:
    """Return a conversation's messages in order, with their citations."""
    get_conversation(tx, caller, conversation_id)
    rows = tx.scalars(
        select(MessageRow)
        .where(MessageRow.tenant_id == tx.tenant_id, MessageRow.conversation_id == conversation_id)
        .order_by(MessageRow.message_id)
    ).all()
    citations = _citations(tx, [row.message_id for row in rows])
    return [
        Message(
            row.message_id,
            "user" if row.role == "user" else "assistant",
            row.body,
            cast("Outcome | None", row.outcome),
            row.created_at,
            tuple(citations[row.message_id]),
        )
        for row in rows
    ]


def count_questions(tx: Tx) -> int:
    """Return how many questions were asked in the organisation."""
    query = select(func.count()).where(MessageRow.tenant_id == tx.tenant_id, MessageRow.role == "user")
    return int(tx.scalar(query) or 0)


def as_chatbot(row: ChatbotRow) -> Chatbot:
    return Chatbot(ChatbotId(row.chatbot_id), row.name, row.welcome, row.instructions, row.model)


def as_conversation(row: ConversationRow) -> Conversation:
    return Conversation(ConversationId(row.conversation_id), ChatbotId(row.chatbot_id), row.title, row.updated_at)


def _citations(tx: Tx, message_ids: list[UUID]) -> defaultdict[UUID, list[Citation]]:
    found: defaultdict[UUID, list[Citation]] = defaultdict(list)
    rows = tx.scalars(
        select(CitationRow)
        .where(CitationRow.tenant_id == tx.tenant_id, CitationRow.message_id.in_(message_ids))
        .order_by(CitationRow.number)
    )
    for row in rows:
        found[row.message_id].append(
            Citation(
                row.number, row.document_id, row.chunk_id, row.title, row.heading, row.page_from, row.page_to, row.quote
            )
        )
    return found
