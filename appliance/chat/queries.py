"""Reads of conversations. A conversation is a tree of messages; its head ends the branch that is shown."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, select

from appliance import identity, knowledge
from appliance.chat.errors import ConversationNotFound
from appliance.chat.finding import latest
from appliance.chat.sealed import Quoted, Words, open_comments, open_titles, open_words
from appliance.chat.sources import may_read_whole, withheld
from appliance.chat.tables import CitationRow, ConversationRow, FeedbackRow, MessageRow
from appliance.chat.values import (
    UNTITLED,
    ChatbotId,
    Citation,
    Conversation,
    ConversationId,
    Feedback,
    Message,
    Outcome,
)
from appliance.identity import Caller, Permission, UserId
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.rows import among
from appliance.kernel.sealing import IntegrityError, Sealer


def list_conversations(
    tx: Tx,
    caller: Caller,
    *,
    sealer: Sealer,
    query: str = "",
    before: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> list[Conversation]:
    """Return the caller's own conversations, the latest first: those that say the query, before one of them."""
    identity.require(caller, Permission.CHAT)
    rows = latest(tx, caller, sealer, query=query, before=before, limit=limit)
    return as_conversations(tx, sealer, rows)


def get_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer) -> Conversation:
    """Return one of the caller's own conversations. Raises ConversationNotFound, for anybody else's too."""
    return as_conversation(tx, sealer, own_row(tx, caller, conversation_id))


def read_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer) -> Conversation:
    """Return a conversation of the caller's own, or one that was shared. Raises ConversationNotFound.

    What is shared was made of documents: who may not read each of them does not read the conversation.
    """
    return as_conversation(tx, sealer, _readable_row(tx, caller, conversation_id))


def _readable_row(tx: Tx, caller: Caller, conversation_id: ConversationId) -> ConversationRow:
    identity.require(caller, Permission.CHAT)
    row = tx.get(ConversationRow, (tx.tenant_id, conversation_id))
    if row is None:
        raise ConversationNotFound
    is_shared = row.shared_at is not None and (
        row.owner_id == caller.user_id or may_read_whole(tx, caller, conversation_id)
    )
    if row.owner_id != caller.user_id and not is_shared:
        raise ConversationNotFound
    return row


def list_messages(tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer) -> list[Message]:
    """Return the branch that is shown, from its first question to its head, with citations and siblings."""
    return list_latest(tx, caller, conversation_id, sealer=sealer)[0]


def list_latest(
    tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer, most: int | None = None
) -> tuple[list[Message], int]:
    """Return the last messages of the branch that is shown, as `list_messages` does, and how many come before them.

    Only what is returned is opened.
    """
    row = _readable_row(tx, caller, conversation_id)
    parents = _parents(tx, conversation_id)
    siblings: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
    for message_id, parent_id in parents.items():
        siblings[parent_id].append(message_id)
    path = _path(parents, row.head_id)
    if parents and row.head_id is not None and not path:
        raise IntegrityError("the end of a conversation stands in another one")
    shown = path[-most:] if most else path
    messages = _readable_tree(tx, caller, sealer, conversation_id, shown)
    feedback = _feedback(tx, sealer, row.owner_id, shown)
    return [
        replace(messages[one], siblings=tuple(siblings[parents[one]]), feedback=feedback.get(one)) for one in shown
    ], len(path) - len(shown)


def list_all_messages(tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer) -> list[Message]:
    """Return every message of one's own conversation, of every branch, in the order they were written."""
    row = own_row(tx, caller, conversation_id)
    return _judged(tx, sealer, row.owner_id, _readable_tree(tx, caller, sealer, conversation_id))


def is_closed(tx: Tx, caller: Caller, conversation_id: ConversationId, message_id: UUID) -> bool:
    """Say whether an answer that the caller was given is closed to them by now. Raises ConversationNotFound."""
    own_row(tx, caller, conversation_id)
    return bool(withheld(tx, caller, [message_id]))


def messages_of(tx: Tx, sealer: Sealer, conversation: Conversation) -> list[Message]:
    """Return every message of a conversation that whoever calls was allowed to read, with what its owner thought."""
    return _judged(tx, sealer, conversation.owner_id, _tree(tx, sealer, conversation.conversation_id))


def find_quote(tx: Tx, caller: Caller, message_id: UUID, number: int, *, sealer: Sealer) -> str | None:
    """Return what an answer quotes under this number, or None for whoever may not read the conversation, or the answer."""
    row = tx.get(MessageRow, (tx.tenant_id, message_id))
    if row is None or not identity.may(caller, Permission.CHAT):
        return None
    try:
        _readable_row(tx, caller, ConversationId(row.conversation_id))
    except ConversationNotFound:
        return None
    if withheld(tx, caller, [message_id]):
        return None
    cited = tx.get(CitationRow, (tx.tenant_id, message_id, number))
    if cited is None:
        return None
    quoted = open_words(tx, sealer, [row], {message_id: [cited]})[0].quoted.get(number)
    return quoted.quote if quoted else None


def branch_to(
    tx: Tx, caller: Caller, conversation_id: ConversationId, head_id: UUID | None, *, sealer: Sealer
) -> list[Message]:
    """Return the messages from the root to this one, as far as the caller may read them."""
    path = _path(_parents(tx, conversation_id), head_id)
    messages = _readable_tree(tx, caller, sealer, conversation_id, path)
    return [messages[one] for one in path]


def leaf_below(tx: Tx, conversation_id: ConversationId, message_id: UUID) -> UUID | None:
    """Return where the latest branch through a message ends, or None if the conversation has no such message."""
    parents = _parents(tx, conversation_id)
    if message_id not in parents:
        return None
    latest_below = {parent_id: one for one, parent_id in parents.items()}
    while message_id in latest_below:
        message_id = latest_below[message_id]
    return message_id


def own_row(tx: Tx, caller: Caller, conversation_id: ConversationId, *, is_locked: bool = False) -> ConversationRow:
    """Return the row of one's own conversation, locked if its head is to move. Raises ConversationNotFound."""
    identity.require(caller, Permission.CHAT)
    row = tx.get(ConversationRow, (tx.tenant_id, conversation_id), with_for_update=is_locked or None)
    if row is None or row.owner_id != caller.user_id:
        raise ConversationNotFound
    return row


def as_conversation(tx: Tx, sealer: Sealer, row: ConversationRow) -> Conversation:
    """Return a row as the value that the doors see."""
    return as_conversations(tx, sealer, [row])[0]


def as_conversations(tx: Tx, sealer: Sealer, rows: Sequence[ConversationRow]) -> list[Conversation]:
    """Return rows as the values that the doors see, in one look."""
    return [
        Conversation(
            ConversationId(row.conversation_id),
            ChatbotId(row.chatbot_id),
            title or UNTITLED,
            row.updated_at,
            UserId(row.owner_id),
            row.head_id,
            row.shared_at,
        )
        for row, title in zip(rows, open_titles(tx, sealer, rows), strict=True)
    ]


def _parents(tx: Tx, conversation_id: ConversationId) -> dict[UUID, UUID | None]:
    """Return what each message of a conversation stands below, in the order they were written."""
    found = select(MessageRow.message_id, MessageRow.parent_id).where(*_of(tx, conversation_id)).order_by(*_ORDER)
    return {row[0]: row[1] for row in tx.execute(found)}


def _path(parents: Mapping[UUID, UUID | None], head_id: UUID | None) -> list[UUID]:
    """Return the messages from the root to this one."""
    found: list[UUID] = []
    while head_id is not None and head_id in parents:
        found.append(head_id)
        head_id = parents[head_id]
    return found[::-1]


def _readable_tree(
    tx: Tx, caller: Caller, sealer: Sealer, conversation_id: ConversationId, wanted: Sequence[UUID] | None = None
) -> dict[UUID, Message]:
    messages = _tree(tx, sealer, conversation_id, wanted)
    closed = withheld(tx, caller, [one.message_id for one in messages.values() if one.role == "assistant"])
    return {
        message_id: replace(one, body="", citations=(), is_withheld=True) if message_id in closed else one
        for message_id, one in messages.items()
    }


def _tree(
    tx: Tx, sealer: Sealer, conversation_id: ConversationId, wanted: Sequence[UUID] | None = None
) -> dict[UUID, Message]:
    """Return the messages of a conversation, all or the wanted, in the order they were written."""
    found = select(MessageRow).where(*_of(tx, conversation_id)).order_by(*_ORDER)
    if wanted is not None:
        found = found.where(among(MessageRow.message_id, wanted))
    rows = tx.scalars(found, execution_options=IN_BYTES).all()
    cited = _cited(tx, [row.message_id for row in rows])
    words = open_words(tx, sealer, rows, cited)
    every = [one for found_of_one in cited.values() for one in found_of_one]
    in_force = knowledge.versions_in_force(tx, {one.document_id for one in every if one.document_id})
    return {
        row.message_id: _message(row, said, (_citation(one, said, in_force) for one in cited[row.message_id]))
        for row, said in zip(rows, words, strict=True)
    }


def _of(tx: Tx, conversation_id: ConversationId) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return MessageRow.tenant_id == tx.tenant_id, MessageRow.conversation_id == conversation_id


_ORDER = (MessageRow.created_at, MessageRow.message_id)


def _message(row: MessageRow, said: Words, citations: Iterable[Citation]) -> Message:
    return Message(
        row.message_id,
        "user" if row.role == "user" else "assistant",
        said.body,
        cast("Outcome | None", row.outcome),
        row.created_at,
        tuple(citations),
        row.parent_id,
        replaced=row.replaced,
        removed=row.removed,
        warned=row.warned,
        untraced=row.untraced,
        model=row.model,
    )


def _judged(tx: Tx, sealer: Sealer, owner_id: UUID, messages: dict[UUID, Message]) -> list[Message]:
    feedback = _feedback(tx, sealer, owner_id, list(messages))
    return [replace(one, feedback=feedback.get(one.message_id)) for one in messages.values()]


def _feedback(tx: Tx, sealer: Sealer, owner_id: UUID, message_ids: Sequence[UUID]) -> dict[UUID, Feedback]:
    rows = tx.scalars(
        select(FeedbackRow).where(
            FeedbackRow.tenant_id == tx.tenant_id,
            FeedbackRow.user_id == owner_id,
            among(FeedbackRow.message_id, message_ids),
        )
    ).all()
    comments = open_comments(tx, sealer, rows)
    return {row.message_id: Feedback(row.is_good, said) for row, said in zip(rows, comments, strict=True)}


def _cited(tx: Tx, message_ids: list[UUID]) -> defaultdict[UUID, list[CitationRow]]:
    found: defaultdict[UUID, list[CitationRow]] = defaultdict(list)
    rows = tx.scalars(
        select(CitationRow)
        .where(CitationRow.tenant_id == tx.tenant_id, among(CitationRow.message_id, message_ids))
        .order_by(CitationRow.number)
    )
    for row in rows:
        found[row.message_id].append(row)
    return found


def _citation(row: CitationRow, said: Words, in_force: Mapping[UUID, int]) -> Citation:
    words = said.quoted.get(row.number) or Quoted("", "", "")
    is_replaced = bool(row.version and row.document_id and in_force.get(row.document_id) != row.version)
    return Citation(
        row.number, row.document_id, row.chunk_id, words.title, words.heading, row.page_from, row.page_to, words.quote,
        row.version, is_replaced,
    )  # fmt: skip
