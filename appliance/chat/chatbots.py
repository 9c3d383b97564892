"""Chatbots: a draft that editors change, and the published version that people talk to.

Who may talk to a chatbot is not part of a version: closing one, or archiving it, takes effect on the next question.
"""

from collections.abc import Collection, Container, Iterable
from dataclasses import replace
from math import isfinite
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select, true

from appliance import audit, identity, knowledge
from appliance.audit import Actor, Event
from appliance.chat.errors import (
    ChatbotClosed,
    ChatbotMalformed,
    ChatbotModelUnknown,
    ChatbotNotFound,
    CollectionUnknown,
)
from appliance.chat.tables import ChatbotGroupRow, ChatbotRow, ChatbotVersionRow
from appliance.chat.values import QUOTES, Audience, Chatbot, ChatbotForm, ChatbotId, FirstWords, cleaned
from appliance.identity import Caller, GroupId, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import among

_NAME_LIMIT, _TEXT_LIMIT, _QUESTION_LIMIT = 120, 4_000, 200
_QUESTIONS, _HOTTEST = 6, 2
_DIGITS = 2  # of a temperature: what is finer, the database's number may not hold
_VERSIONED = ("name", "welcome", "instructions", "model", "temperature", "is_grounded", "questions", "collection_ids")


def create_chatbot(tx: Tx, caller: Caller, form: ChatbotForm, *, models: Container[str], clock: Clock) -> Chatbot:
    """Create a draft, which nobody can talk to before it is published. Raises ChatbotMalformed, ChatbotModelUnknown, CollectionUnknown."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    return _create(tx, caller.actor, _checked(tx, caller, form, models), clock)


def create_first_chatbot(tx: Tx, actor: Actor, words: FirstWords, *, clock: Clock) -> Chatbot:
    """Give a new organisation the chatbot it starts with, published."""
    form = ChatbotForm(name=words.name, welcome=words.welcome, instructions="", model=QUOTES)
    row = _row(tx, _create(tx, actor, form, clock).chatbot_id)
    _publish(tx, actor, row, clock)
    return _draft(tx, row)


def update_chatbot(
    tx: Tx, caller: Caller, chatbot_id: ChatbotId, form: ChatbotForm, *, models: Container[str], clock: Clock
) -> Chatbot:
    """Change a draft. Its readers change at once; everything else when it is published."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    row = _row(tx, chatbot_id)
    form = _checked(tx, caller, form, models)
    for name in _VERSIONED:
        value = getattr(form, name)
        setattr(row, name, list(value) if isinstance(value, tuple) else value)
    row.audience, row.updated_at = form.audience, clock.now()
    _set_groups(tx, chatbot_id, form.group_ids)
    audit.record(tx, caller.actor, Event.CHATBOT_CHANGED, subject=chatbot_id, audience=form.audience.value, model=form.model)
    return _draft(tx, row)


def publish_chatbot(tx: Tx, caller: Caller, chatbot_id: ChatbotId, *, clock: Clock) -> Chatbot:
    """Make the draft what people talk to."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    row = _row(tx, chatbot_id)
    _publish(tx, caller.actor, row, clock)
    return _draft(tx, row)


def duplicate_chatbot(tx: Tx, caller: Caller, chatbot_id: ChatbotId, *, name: str, clock: Clock) -> Chatbot:
    """Copy a draft under another name. The copy is not published."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    draft = _draft(tx, _row(tx, chatbot_id))
    form = ChatbotForm(
        cleaned(name)[:_NAME_LIMIT] or draft.name, draft.welcome, draft.instructions, draft.model, draft.temperature,
        draft.is_grounded, draft.questions, draft.collection_ids, draft.audience, draft.group_ids,
    )  # fmt: skip
    return _create(tx, caller.actor, form, clock)


def archive_chatbot(tx: Tx, caller: Caller, chatbot_id: ChatbotId, *, clock: Clock) -> None:
    """Let nobody talk to a chatbot any more. Its conversations can still be read."""
    _set_archived(tx, caller, chatbot_id, is_archived=True, clock=clock)


def unarchive_chatbot(tx: Tx, caller: Caller, chatbot_id: ChatbotId, *, clock: Clock) -> None:
    """Take a chatbot back from the archive, as it was."""
    _set_archived(tx, caller, chatbot_id, is_archived=False, clock=clock)


def list_chatbots(tx: Tx, caller: Caller) -> list[Chatbot]:
    """Return the chatbots that the caller can talk to, as published, oldest first."""
    return _open_chatbots(tx, caller)


def list_drafts(tx: Tx, caller: Caller) -> list[Chatbot]:
    """Return every chatbot's draft, also of those that are archived or were never published, oldest first."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    rows = tx.execute(
        select(ChatbotRow, ChatbotVersionRow)
        .outerjoin(ChatbotVersionRow, _is_published())
        .where(ChatbotRow.tenant_id == tx.tenant_id)
        .order_by(ChatbotRow.chatbot_id)
    )
    groups = _groups(tx)
    return [_as_draft(row, version, groups.get(row.chatbot_id, ())) for row, version in rows]


def get_draft(tx: Tx, caller: Caller, chatbot_id: ChatbotId) -> Chatbot:
    """Return a chatbot's draft. Raises ChatbotNotFound."""
    identity.require(caller, Permission.CHATBOT_EDIT)
    return _draft(tx, _row(tx, chatbot_id))


def get_chatbot(tx: Tx, caller: Caller, chatbot_id: ChatbotId) -> Chatbot:
    """Return a chatbot that the caller can talk to, as published. Raises ChatbotNotFound, for a closed one too."""
    found = _open_chatbots(tx, caller, chatbot_id)
    if not found:
        raise ChatbotNotFound
    return found[0]


def partner(tx: Tx, caller: Caller, chatbot_id: ChatbotId) -> Chatbot:
    """Return the chatbot of a conversation. Raises ChatbotClosed where it answers no more questions."""
    try:
        return get_chatbot(tx, caller, chatbot_id)
    except ChatbotNotFound as error:
        raise ChatbotClosed from error


def chatbot_name(tx: Tx, chatbot_id: ChatbotId) -> str:
    """Return the name of a conversation's chatbot, as it was published last."""
    row = _row(tx, chatbot_id)
    version = _version(tx, row)
    return version.name if version else row.name


def names_of_chatbots(tx: Tx, chatbot_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return chatbots' names as their drafts have them, archived ones too."""
    rows = tx.execute(
        select(ChatbotRow.chatbot_id, ChatbotRow.name).where(
            ChatbotRow.tenant_id == tx.tenant_id, among(ChatbotRow.chatbot_id, set(chatbot_ids))
        )
    )
    return {row[0]: row[1] for row in rows}


def published_models(tx: Tx) -> list[tuple[str, str]]:
    """Return the name and the model of each chatbot that can be talked to. Asking for permission is the caller's part."""
    rows = tx.execute(
        select(ChatbotVersionRow.name, ChatbotVersionRow.model)
        .join(ChatbotRow, _is_published())
        .where(ChatbotRow.tenant_id == tx.tenant_id, ChatbotRow.archived_at.is_(None))
        .order_by(ChatbotRow.chatbot_id)
    )
    return [(row.name, row.model) for row in rows]


def _open_chatbots(tx: Tx, caller: Caller, chatbot_id: ChatbotId | None = None) -> list[Chatbot]:
    """Return the chatbots that the caller can talk to, or the one of them that is asked for."""
    identity.require(caller, Permission.CHAT)
    wanted = true() if chatbot_id is None else ChatbotRow.chatbot_id == chatbot_id
    rows = tx.execute(
        select(ChatbotRow, ChatbotVersionRow)
        .join(ChatbotVersionRow, _is_published())
        .where(ChatbotRow.tenant_id == tx.tenant_id, ChatbotRow.archived_at.is_(None), wanted)
        .order_by(ChatbotRow.chatbot_id)
    ).all()
    groups = _groups(tx, chatbot_id)
    found = [_value(row, version, groups.get(row.chatbot_id, ())) for row, version in rows]
    return [chatbot for chatbot in found if _is_open(chatbot, caller)]


def _is_open(chatbot: Chatbot, caller: Caller) -> bool:
    if chatbot.audience is Audience.EVERYONE or identity.may(caller, Permission.CHATBOT_EDIT):
        return True
    return not caller.groups.isdisjoint(chatbot.group_ids)


def _set_archived(tx: Tx, caller: Caller, chatbot_id: ChatbotId, *, is_archived: bool, clock: Clock) -> None:
    identity.require(caller, Permission.CHATBOT_EDIT)
    row = _row(tx, chatbot_id)
    row.archived_at = clock.now() if is_archived else None
    tx.flush()
    audit.record(tx, caller.actor, Event.CHATBOT_ARCHIVED, subject=chatbot_id, archived=int(is_archived))


def _create(tx: Tx, actor: Actor, form: ChatbotForm, clock: Clock) -> Chatbot:
    chatbot_id, now = ChatbotId(new_id()), clock.now()
    row = ChatbotRow(
        tenant_id=tx.tenant_id,
        chatbot_id=chatbot_id,
        slug=chatbot_id.hex[-12:],
        name=form.name,
        welcome=form.welcome,
        instructions=form.instructions,
        model=form.model,
        temperature=form.temperature,
        is_grounded=form.is_grounded,
        questions=list(form.questions),
        collection_ids=list(form.collection_ids),
        audience=form.audience,
        created_by=actor.id,
        created_at=now,
        updated_at=now,
    )
    tx.add(row)
    tx.flush()
    _set_groups(tx, chatbot_id, form.group_ids)
    audit.record(tx, actor, Event.CHATBOT_CREATED, subject=chatbot_id, model=form.model)
    return _draft(tx, row)


def _publish(tx: Tx, actor: Actor, row: ChatbotRow, clock: Clock) -> None:
    version = (row.published_version or 0) + 1
    tx.add(
        ChatbotVersionRow(
            tenant_id=tx.tenant_id,
            chatbot_id=row.chatbot_id,
            version=version,
            published_by=actor.id,
            published_at=clock.now(),
            **{name: getattr(row, name) for name in _VERSIONED},
        )
    )
    row.published_version = version
    tx.flush()
    audit.record(tx, actor, Event.CHATBOT_PUBLISHED, subject=row.chatbot_id, version=version, model=row.model)


def _checked(tx: Tx, caller: Caller, form: ChatbotForm, models: Container[str]) -> ChatbotForm:
    questions = tuple(filter(None, map(cleaned, form.questions)))
    form = replace(
        form, name=cleaned(form.name), welcome=cleaned(form.welcome), instructions=cleaned(form.instructions),
        questions=questions, group_ids=form.group_ids if form.audience is Audience.GROUPS else (),
        temperature=round(form.temperature, _DIGITS) if isfinite(form.temperature) else -1,
    )  # fmt: skip
    is_good = 0 < len(form.name) <= _NAME_LIMIT and 0 <= form.temperature <= _HOTTEST
    is_short = max(len(form.welcome), len(form.instructions)) <= _TEXT_LIMIT and len(questions) <= _QUESTIONS
    if not (is_good and is_short and all(len(question) <= _QUESTION_LIMIT for question in questions)):
        raise ChatbotMalformed
    if form.model not in models:
        raise ChatbotModelUnknown(model=form.model)
    if form.collection_ids:
        readable = {collection.collection_id for collection in knowledge.list_collections(tx, caller)}
        if not readable.issuperset(form.collection_ids):
            raise CollectionUnknown
    identity.check_groups(tx, form.group_ids)
    return form


def _set_groups(tx: Tx, chatbot_id: ChatbotId, group_ids: Collection[GroupId]) -> None:
    tx.execute(
        delete(ChatbotGroupRow).where(
            ChatbotGroupRow.tenant_id == tx.tenant_id, ChatbotGroupRow.chatbot_id == chatbot_id
        )
    )
    tx.add_all(
        ChatbotGroupRow(tenant_id=tx.tenant_id, chatbot_id=chatbot_id, group_id=group_id) for group_id in set(group_ids)
    )
    tx.flush()


def _row(tx: Tx, chatbot_id: ChatbotId) -> ChatbotRow:
    row = tx.get(ChatbotRow, (tx.tenant_id, chatbot_id))
    if row is None:
        raise ChatbotNotFound
    return row


def _version(tx: Tx, row: ChatbotRow) -> ChatbotVersionRow | None:
    if row.published_version is None:
        return None
    return tx.get_one(ChatbotVersionRow, (tx.tenant_id, row.chatbot_id, row.published_version))


def _groups(tx: Tx, chatbot_id: ChatbotId | None = None) -> dict[UUID, tuple[GroupId, ...]]:
    found: dict[UUID, tuple[GroupId, ...]] = {}
    wanted = true() if chatbot_id is None else ChatbotGroupRow.chatbot_id == chatbot_id
    query = select(ChatbotGroupRow.chatbot_id, ChatbotGroupRow.group_id)
    for one, group_id in tx.execute(query.where(ChatbotGroupRow.tenant_id == tx.tenant_id, wanted)):
        found[one] = (*found.get(one, ()), GroupId(group_id))
    return found


def _is_published() -> ColumnElement[bool]:
    return and_(
        ChatbotVersionRow.tenant_id == ChatbotRow.tenant_id,
        ChatbotVersionRow.chatbot_id == ChatbotRow.chatbot_id,
        ChatbotVersionRow.version == ChatbotRow.published_version,
    )


def _draft(tx: Tx, row: ChatbotRow) -> Chatbot:
    return _as_draft(row, _version(tx, row), _groups(tx, ChatbotId(row.chatbot_id)).get(row.chatbot_id, ()))


def _as_draft(row: ChatbotRow, version: ChatbotVersionRow | None, group_ids: tuple[GroupId, ...]) -> Chatbot:
    has_changes = version is None or any(getattr(row, name) != getattr(version, name) for name in _VERSIONED)
    return replace(_value(row, row, group_ids), has_changes=has_changes)


def _value(row: ChatbotRow, said: ChatbotRow | ChatbotVersionRow, group_ids: tuple[GroupId, ...]) -> Chatbot:
    return Chatbot(
        chatbot_id=ChatbotId(row.chatbot_id),
        name=said.name,
        welcome=said.welcome,
        instructions=said.instructions,
        model=said.model,
        temperature=round(said.temperature, _DIGITS),
        is_grounded=said.is_grounded,
        questions=tuple(said.questions),
        collection_ids=tuple(said.collection_ids),
        audience=Audience(row.audience),
        group_ids=group_ids,
        published_version=row.published_version,
        archived_at=row.archived_at,
    )
