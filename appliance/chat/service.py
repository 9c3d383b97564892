from collections.abc import Collection
from dataclasses import dataclass

from appliance import audit, identity
from appliance.audit import Actor, Event
from appliance.chat.errors import ChatbotMalformed, ChatbotNotFound, ConversationNotFound
from appliance.chat.queries import as_chatbot, as_conversation, get_chatbot
from appliance.chat.tables import ChatbotRow, ConversationRow
from appliance.chat.values import Chatbot, ChatbotId, Conversation, ConversationId
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id

_NAME_LIMIT, _TEXT_LIMIT = 120, 4_000
UNTITLED = "New conversation"


@dataclass(frozen=True)
class ChatbotForm:
    """What a person may choose about a chatbot."""

    name: str
    welcome: str
    instructions: str
    model: str


FIRST = ChatbotForm(
    name="Documents",
    welcome="Ask about your organisation's documents. Every answer quotes them and says where it stands.",
    instructions="",
    model="extractive",
)


def create_chatbot(tx: Tx, caller: Caller, form: ChatbotForm, *, models: Collection[str], clock: Clock) -> Chatbot:
    """Create a chatbot over the organisation's documents."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    return _create(tx, caller.actor, _checked(form, models), clock)


def create_first_chatbot(tx: Tx, actor: Actor, *, clock: Clock) -> Chatbot:
    """Give a new organisation the chatbot it starts with."""
    return _create(tx, actor, FIRST, clock)


def update_chatbot(
    tx: Tx, caller: Caller, chatbot_id: ChatbotId, form: ChatbotForm, *, models: Collection[str]
) -> Chatbot:
    """Change a chatbot."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    form = _checked(form, models)
    row = tx.get(ChatbotRow, (tx.tenant_id, chatbot_id))
    if row is None:
        raise ChatbotNotFound
    row.name, row.welcome, row.instructions, row.model = form.name, form.welcome, form.instructions, form.model
    tx.flush()
    audit.record(tx, caller.actor, Event.CHATBOT_CHANGED, subject=chatbot_id)
    return as_chatbot(row)


def create_conversation(tx: Tx, caller: Caller, chatbot_id: ChatbotId, *, clock: Clock) -> Conversation:
    """Start a conversation with a chatbot."""
    get_chatbot(tx, caller, chatbot_id)
    now = clock.now()
    row = ConversationRow(
        tenant_id=tx.tenant_id,
        conversation_id=new_id(),
        chatbot_id=chatbot_id,
        owner_id=caller.user_id,
        title=UNTITLED,
        created_at=now,
        updated_at=now,
    )
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.CONVERSATION_CREATED, subject=row.conversation_id)
    return as_conversation(row)


def delete_conversation(tx: Tx, caller: Caller, conversation_id: ConversationId) -> None:
    """Delete one of the caller's own conversations with its messages and citations."""
    identity.require(caller, Permission.CHAT)
    row = tx.get(ConversationRow, (tx.tenant_id, conversation_id))
    if row is None or row.owner_id != caller.user_id:
        raise ConversationNotFound
    tx.delete(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.CONVERSATION_DELETED, subject=conversation_id)


def _create(tx: Tx, actor: Actor, form: ChatbotForm, clock: Clock) -> Chatbot:
    chatbot_id, now = new_id(), clock.now()
    row = ChatbotRow(
        tenant_id=tx.tenant_id,
        chatbot_id=chatbot_id,
        slug=chatbot_id.hex[-12:],
        name=form.name,
        welcome=form.welcome,
        instructions=form.instructions,
        model=form.model,
        temperature=0.0,
        is_grounded=True,
        questions=[],
        collection_ids=[],
        audience="everyone",
        created_by=actor.id,
        created_at=now,
        updated_at=now,
    )
    tx.add(row)
    tx.flush()
    audit.record(tx, actor, Event.CHATBOT_CREATED, subject=row.chatbot_id, model=form.model)
    return as_chatbot(row)


def _checked(form: ChatbotForm, models: Collection[str]) -> ChatbotForm:
    form = ChatbotForm(form.name.strip(), form.welcome.strip(), form.instructions.strip(), form.model)
    is_good = 0 < len(form.name) <= _NAME_LIMIT and form.model in models
    if not is_good or max(len(form.welcome), len(form.instructions)) > _TEXT_LIMIT:
        raise ChatbotMalformed
    return form
