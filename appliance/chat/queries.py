"""Reads of conversations. A conversation is a tree of messages; its head ends the branch that is shown."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, tuple_

from appliance import identity, knowledge
from appliance.chat.errors import ConversationNotFound
from appliance.chat.sources import is_open, may_read_whole, withheld
from appliance.chat.tables import CitationRow, ConversationRow, FeedbackRow, MessageRow
from appliance.chat.values import ChatbotId, Citation, Conversation, ConversationId, Feedback, Message, Outcome
from appliance.identity import Caller, Permission, UserId
from appliance.kernel.db import Tx


def list_conversations(
    tx: Tx, caller: Caller, *, query: str = "", before: tuple[datetime, UUID] | None = None, limit: int = 100
) -> list[Conversation]:
    """Return the caller's own conversations, the latest first: those that say the query, before one of them."""
    identity.require(caller, Permission.CHAT)
    found = select(ConversationRow).where(
        ConversationRow.tenant_id == tx.tenant_id, ConversationRow.owner_id == caller.user_id
    )
    if query := query.replace("\0", "").strip():
        found = found.where(or_(ConversationRow.title.icontains(query, autoescape=True), _says(tx, caller, query)))
    key = tuple_(ConversationRow.updated_at, ConversationRow.conversation_id)
    if before is not None:
        found = found.where(key < before)
    rows = tx.scalars(
        found.order_by(ConversationRow.updated_at.desc(), ConversationRow.conversation_id.desc()).limit(limit)
    )
    return [as_conversation(row) for row in rows]


def get_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId) -> Conversation:
    """Return one of the caller's own conversations. Raises ConversationNotFound, for anybody else's too."""
    return as_conversation(own_row(tx, caller, conversation_id))


def read_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId) -> Conversation:
    """Return a conversation of the caller's own, or one that was shared. Raises ConversationNotFound.

    What is shared was made of documents: who may not read each of them does not read the conversation.
    """
    identity.require(caller, Permission.CHAT)
    row = tx.get(ConversationRow, (tx.tenant_id, conversation_id))
    if row is None:
        raise ConversationNotFound
    is_shared = row.shared_at is not None and (
        row.owner_id == caller.user_id or may_read_whole(tx, caller, conversation_id)
    )
    if row.owner_id != caller.user_id and not is_shared:
        raise ConversationNotFound
    return as_conversation(row)


def list_messages(tx: Tx, caller: Caller, conversation_id: ConversationId) -> list[Message]:
    """Return the branch that is shown, from its first question to its head, with citations and siblings."""
    conversation = read_conversation(tx, caller, conversation_id)
    messages = _readable_tree(tx, caller, conversation_id)
    siblings: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
    for message in messages.values():
        siblings[message.parent_id].append(message.message_id)
    shown = branch(messages, conversation.head_id)
    feedback = _feedback(tx, conversation.owner_id, [message.message_id for message in shown])
    return [
        replace(one, siblings=tuple(siblings[one.parent_id]), feedback=feedback.get(one.message_id)) for one in shown
    ]


def list_all_messages(tx: Tx, caller: Caller, conversation_id: ConversationId) -> list[Message]:
    """Return every message of one's own conversation, of every branch, in the order they were written."""
    conversation = get_conversation(tx, caller, conversation_id)
    return _judged(tx, conversation, _readable_tree(tx, caller, conversation_id))


def is_closed(tx: Tx, caller: Caller, conversation_id: ConversationId, message_id: UUID) -> bool:
    """Say whether an answer that the caller was given is closed to them by now. Raises ConversationNotFound."""
    get_conversation(tx, caller, conversation_id)
    return bool(withheld(tx, caller, [message_id]))


def messages_of(tx: Tx, conversation: Conversation) -> list[Message]:
    """Return every message of a conversation that whoever calls was allowed to read, with what its owner thought."""
    return _judged(tx, conversation, _tree(tx, conversation.conversation_id))


def find_quote(tx: Tx, caller: Caller, message_id: UUID, number: int) -> str | None:
    """Return what an answer quotes under this number, or None for whoever may not read the conversation, or the answer."""
    conversation_id = tx.scalar(
        select(MessageRow.conversation_id).where(
            MessageRow.tenant_id == tx.tenant_id, MessageRow.message_id == message_id
        )
    )
    if conversation_id is None or not identity.may(caller, Permission.CHAT):
        return None
    try:
        read_conversation(tx, caller, ConversationId(conversation_id))
    except ConversationNotFound:
        return None
    if withheld(tx, caller, [message_id]):
        return None
    row = tx.get(CitationRow, (tx.tenant_id, message_id, number))
    return row.quote if row else None


def branch(messages: dict[UUID, Message], head_id: UUID | None) -> list[Message]:
    """Return the messages from the root to this one."""
    found: list[Message] = []
    while head_id is not None and head_id in messages:
        found.append(messages[head_id])
        head_id = messages[head_id].parent_id
    return found[::-1]


def branch_to(tx: Tx, caller: Caller, conversation_id: ConversationId, head_id: UUID | None) -> list[Message]:
    """Return the messages from the root to this one, as far as the caller may read them."""
    return branch(_readable_tree(tx, caller, conversation_id), head_id)


def leaf_below(tx: Tx, conversation_id: ConversationId, message_id: UUID) -> UUID | None:
    """Return where the latest branch through a message ends, or None if the conversation has no such message."""
    messages = _tree(tx, conversation_id)
    if message_id not in messages:
        return None
    latest = {message.parent_id: message.message_id for message in messages.values()}
    while message_id in latest:
        message_id = latest[message_id]
    return message_id


def own_row(tx: Tx, caller: Caller, conversation_id: ConversationId, *, is_locked: bool = False) -> ConversationRow:
    """Return the row of one's own conversation, locked if its head is to move. Raises ConversationNotFound."""
    identity.require(caller, Permission.CHAT)
    row = tx.get(ConversationRow, (tx.tenant_id, conversation_id), with_for_update=is_locked or None)
    if row is None or row.owner_id != caller.user_id:
        raise ConversationNotFound
    return row


def as_conversation(row: ConversationRow) -> Conversation:
    """Return a row as the value that the doors see."""
    return Conversation(
        ConversationId(row.conversation_id),
        ChatbotId(row.chatbot_id),
        row.title,
        row.updated_at,
        UserId(row.owner_id),
        row.head_id,
        row.shared_at,
    )


def _says(tx: Tx, caller: Caller, query: str) -> ColumnElement[bool]:
    # OFFSET 0 keeps the planner from turning this into one search through everybody's messages (measured: 300 ms of
    # 100,000 conversations, against 20 for one person's 2,000).
    said = select(MessageRow.message_id).where(
        MessageRow.tenant_id == tx.tenant_id,
        MessageRow.conversation_id == ConversationRow.conversation_id,
        MessageRow.body.icontains(query, autoescape=True),
        is_open(tx, caller),
    )
    return said.offset(0).exists()


def _readable_tree(tx: Tx, caller: Caller, conversation_id: ConversationId) -> dict[UUID, Message]:
    messages = _tree(tx, conversation_id)
    closed = withheld(tx, caller, [one.message_id for one in messages.values() if one.role == "assistant"])
    return {
        message_id: replace(one, body="", citations=(), is_withheld=True) if message_id in closed else one
        for message_id, one in messages.items()
    }


def _tree(tx: Tx, conversation_id: ConversationId) -> dict[UUID, Message]:
    rows = tx.scalars(
        select(MessageRow)
        .where(MessageRow.tenant_id == tx.tenant_id, MessageRow.conversation_id == conversation_id)
        .order_by(MessageRow.created_at, MessageRow.message_id)
    ).all()
    citations = _citations(tx, [row.message_id for row in rows])
    return {row.message_id: _message(row, citations[row.message_id]) for row in rows}


def _message(row: MessageRow, citations: Iterable[Citation]) -> Message:
    return Message(
        row.message_id,
        "user" if row.role == "user" else "assistant",
        row.body,
        cast("Outcome | None", row.outcome),
        row.created_at,
        tuple(citations),
        row.parent_id,
    )


def _judged(tx: Tx, conversation: Conversation, messages: dict[UUID, Message]) -> list[Message]:
    feedback = _feedback(tx, conversation.owner_id, list(messages))
    return [replace(one, feedback=feedback.get(one.message_id)) for one in messages.values()]


def _feedback(tx: Tx, owner_id: UserId, message_ids: list[UUID]) -> dict[UUID, Feedback]:
    rows = tx.scalars(
        select(FeedbackRow).where(
            FeedbackRow.tenant_id == tx.tenant_id,
            FeedbackRow.user_id == owner_id,
            FeedbackRow.message_id.in_(message_ids),
        )
    )
    return {row.message_id: Feedback(row.is_good, row.comment) for row in rows}


def _citations(tx: Tx, message_ids: list[UUID]) -> defaultdict[UUID, list[Citation]]:
    found: defaultdict[UUID, list[Citation]] = defaultdict(list)
    rows = tx.scalars(
        select(CitationRow)
        .where(CitationRow.tenant_id == tx.tenant_id, CitationRow.message_id.in_(message_ids))
        .order_by(CitationRow.number)
    )
    cited = rows.all()
    in_force = knowledge.versions_in_force(tx, {row.document_id for row in cited if row.document_id})
    for row in cited:
        is_replaced = bool(row.version and row.document_id and in_force.get(row.document_id) != row.version)
        found[row.message_id].append(
            Citation(
                row.number, row.document_id, row.chunk_id, row.title, row.heading, row.page_from, row.page_to, row.quote,
                row.version, is_replaced,
            )
        )  # fmt: skip
    return found
