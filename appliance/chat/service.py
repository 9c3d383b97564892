"""What a person does with their own conversations."""

from contextlib import suppress
from uuid import UUID

from appliance import audit
from appliance.audit import Event
from appliance.chat import answers, books, texts
from appliance.chat.chatbots import get_chatbot
from appliance.chat.errors import CommentTooLong, MessageNotFound, TitleMalformed
from appliance.chat.queries import as_conversation, leaf_below, own_row
from appliance.chat.sealed import COMMENTS
from appliance.chat.tables import ConversationRow, FeedbackRow, MessageRow
from appliance.chat.values import UNTITLED, ChatbotId, Conversation, ConversationId, cleaned
from appliance.identity import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import KeyDestroyed, Sealer

TITLE_LIMIT, _COMMENT_LIMIT = 80, 2_000


def create_conversation(tx: Tx, caller: Caller, chatbot_id: ChatbotId, *, clock: Clock) -> Conversation:
    """Start a conversation with a chatbot. Raises ChatbotNotFound for one that is closed to the caller."""
    get_chatbot(tx, caller, chatbot_id)
    now = clock.now()
    row = ConversationRow(
        tenant_id=tx.tenant_id,
        conversation_id=new_id(),
        chatbot_id=chatbot_id,
        owner_id=caller.user_id,
        created_at=now,
        updated_at=now,
    )
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.CONVERSATION_CREATED, subject=row.conversation_id)
    return Conversation(ConversationId(row.conversation_id), chatbot_id, UNTITLED, now, caller.user_id)


def rename_conversation(
    tx: Tx, caller: Caller, conversation_id: ConversationId, *, title: str, sealer: Sealer
) -> Conversation:
    """Give one's own conversation another title. Raises TitleMalformed."""
    row = own_row(tx, caller, conversation_id, is_locked=True)
    title = " ".join(cleaned(title).split())
    if not 0 < len(title) <= TITLE_LIMIT:
        raise TitleMalformed
    answers.entitle(tx, sealer, row, title)
    audit.record(tx, caller.actor, Event.CONVERSATION_CHANGED, subject=conversation_id)
    return as_conversation(tx, sealer, row)


def share_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId, *, clock: Clock) -> None:
    """Let everybody in the organisation who has the address read one's own conversation."""
    own_row(tx, caller, conversation_id).shared_at = clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.CONVERSATION_SHARED, subject=conversation_id, shared=1)


def unshare_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId) -> None:
    """Let nobody else read one's own conversation any more."""
    own_row(tx, caller, conversation_id).shared_at = None
    tx.flush()
    audit.record(tx, caller.actor, Event.CONVERSATION_SHARED, subject=conversation_id, shared=0)


def switch_branch(
    tx: Tx, caller: Caller, conversation_id: ConversationId, message_id: UUID, *, sealer: Sealer
) -> Conversation:
    """Show the latest branch through a message. Raises MessageNotFound."""
    row = own_row(tx, caller, conversation_id, is_locked=True)
    leaf = leaf_below(tx, conversation_id, message_id)
    if leaf is None:
        raise MessageNotFound
    row.head_id = leaf
    tx.flush()
    audit.record(tx, caller.actor, Event.CONVERSATION_CHANGED, subject=conversation_id, head=str(leaf))
    return as_conversation(tx, sealer, row)


def give_feedback(
    tx: Tx,
    caller: Caller,
    conversation_id: ConversationId,
    message_id: UUID,
    *,
    is_good: bool,
    comment: str,
    sealer: Sealer,
    clock: Clock,
) -> None:
    """Say whether an answer of one's own conversation was good; the last word counts. Raises CommentTooLong."""
    own_row(tx, caller, conversation_id)
    message = tx.get(MessageRow, (tx.tenant_id, message_id))
    if message is None or message.conversation_id != conversation_id or message.role != "assistant":
        raise MessageNotFound
    comment = cleaned(comment)
    if len(comment) > _COMMENT_LIMIT:
        raise CommentTooLong
    place = COMMENTS.place(message_id, caller.user_id)
    tx.merge(
        FeedbackRow(
            tenant_id=tx.tenant_id,
            message_id=message_id,
            user_id=caller.user_id,
            is_good=is_good,
            comment="",
            sealed_comment=sealer.seal(tx, comment.encode(), place) if comment else None,
            given_at=clock.now(),
        )
    )
    tx.flush()
    audit.record(tx, caller.actor, Event.FEEDBACK_GIVEN, subject=message_id, good=int(is_good))


def delete_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer) -> None:
    """Delete one of the caller's own conversations with its messages and citations, and what is searched of it."""
    row = own_row(tx, caller, conversation_id, is_locked=True)
    texts.erase_texts(tx, sealer, (row.owner_id, conversation_id))
    tx.delete(row)
    tx.flush()
    with suppress(KeyDestroyed):  # its title stands among ashes
        books.write_titles(tx, sealer, {conversation_id: ""})
    audit.record(tx, caller.actor, Event.CONVERSATION_DELETED, subject=conversation_id)
