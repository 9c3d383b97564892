from collections.abc import Generator
from contextlib import suppress
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance import chat, tenancy
from appliance.chat import ChatbotId, Conversation, ConversationId, Format
from appliance.chat.errors import ChatbotNotFound
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms, streams, tables, unkept
from appliance.web.language import translated
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("conversations", __name__, url_prefix="/chat")
Answer = tuple[str, int] | Response | Redirect
_PAGE = 30
_SHOWN = 50  # messages of a conversation, unless all are asked for
_TYPES = {Format.MARKDOWN: "text/markdown; charset=utf-8", Format.JSON: "application/json"}


@blueprint.get("")
def show() -> Answer:
    """List the chatbots, and one's own conversations: all, or those that say what is looked for."""
    person = caller()
    query = tables.query()
    with services().db.tenant(person.tenant_id) as tx:
        found = chat.list_conversations(
            tx, person, query=query, before=tables.moment_before(), limit=_PAGE + 1, sealer=services().vault
        )
        last = found[_PAGE - 1] if len(found) > _PAGE else None
        return page(
            "chat/page.html",
            chatbots=chat.list_chatbots(tx, person),
            conversations=found[:_PAGE],
            query=query,
            review=tenancy.get_settings(tx).conversation_review.value,
            further=tables.mark(last.updated_at, last.conversation_id) if last else None,
        )


@blueprint.post("")
def add() -> Answer:
    """Start a conversation."""
    person, house = caller(), services()
    chatbot_id = parse_id(forms.field("chatbot_id"))
    if chatbot_id is None:
        raise ChatbotNotFound
    with house.db.tenant(person.tenant_id) as tx:
        conversation = chat.create_conversation(tx, person, ChatbotId(chatbot_id), clock=house.clock)
    return _to(conversation.conversation_id)


@blueprint.get("/<uuid:conversation_id>")
def read(conversation_id: UUID) -> Answer:
    """Show one's own conversation, or a shared one to read."""
    return _show(ConversationId(conversation_id), shown=None)


@blueprint.post("/<uuid:conversation_id>/messages")
def ask(conversation_id: UUID) -> Answer:
    """Ask, or edit an earlier question: a stream of events for our script, a page for a browser without one."""
    person = caller()
    try:
        question, answer = services().chat.ask(
            person, ConversationId(conversation_id), forms.field("question"), edits=parse_id(forms.field("edits")),
            by_quotes="quotes_only" in request.form,
        )  # fmt: skip
        if streams.wants_stream():
            return _streamed(conversation_id, question, answer)
        streams.finished(answer)
    except Refusal as refusal:
        if streams.wants_stream():
            raise
        return _show(ConversationId(conversation_id), shown=refusal)
    return _to(conversation_id)


@blueprint.post("/<uuid:conversation_id>/messages/<uuid:message_id>/retry")
def retry(conversation_id: UUID, message_id: UUID) -> Answer:
    """Answer once more."""
    try:
        question, answer = services().chat.retry(
            caller(), ConversationId(conversation_id), message_id, by_quotes="quotes_only" in request.form
        )
        if streams.wants_stream():
            return _streamed(conversation_id, question, answer)
        streams.finished(answer)
    except Refusal as refusal:
        if streams.wants_stream():
            raise
        return _show(ConversationId(conversation_id), shown=refusal)
    return _to(conversation_id)


@blueprint.post("/<uuid:conversation_id>/messages/<uuid:message_id>/branch")
def switch(conversation_id: UUID, message_id: UUID) -> Answer:
    """Show another branch."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        chat.switch_branch(tx, person, ConversationId(conversation_id), message_id, sealer=services().vault)
    return _to(conversation_id)


@blueprint.post("/<uuid:conversation_id>/messages/<uuid:message_id>/feedback")
def create_feedback(conversation_id: UUID, message_id: UUID) -> Answer:
    """Say whether an answer was good."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        chat.give_feedback(
            tx, person, ConversationId(conversation_id), message_id, clock=house.clock,
            is_good=forms.field("verdict") == "good", comment=forms.field("comment"), sealer=services().vault,
        )  # fmt: skip
    return done("conversations.read", "saved", conversation_id=conversation_id)


@blueprint.post("/<uuid:conversation_id>/title")
def rename(conversation_id: UUID) -> Answer:
    """Give a conversation another title."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            chat.rename_conversation(
                tx, person, ConversationId(conversation_id), title=forms.field("title"), sealer=services().vault
            )
    except Invalid as refusal:
        return _show(ConversationId(conversation_id), shown=refusal)
    return done("conversations.read", "saved", conversation_id=conversation_id)


@blueprint.post("/<uuid:conversation_id>/sharing")
def create_sharing(conversation_id: UUID) -> Answer:
    """Share a conversation inside the organisation."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        chat.share_conversation(tx, person, ConversationId(conversation_id), clock=house.clock)
    return done("conversations.read", "shared", conversation_id=conversation_id)


@blueprint.post("/<uuid:conversation_id>/sharing/end")
def end_sharing(conversation_id: UUID) -> Answer:
    """Stop sharing a conversation."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        chat.unshare_conversation(tx, person, ConversationId(conversation_id))
    return done("conversations.read", "unshared", conversation_id=conversation_id)


@blueprint.get("/<uuid:conversation_id>/export/md", defaults={"form": "md"})
@blueprint.get("/<uuid:conversation_id>/export/json", defaults={"form": "json"})
def export(conversation_id: UUID, form: str) -> Answer:
    """Hand out a copy of one's own conversation."""
    person, chosen = caller(), Format(form)
    with services().db.tenant(person.tenant_id) as tx:
        text = chat.export_conversation(
            tx, person, ConversationId(conversation_id), chosen, translated(chat.ExportWords()), sealer=services().vault
        )
    name = f"conversation-{conversation_id}.{chosen.value}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, content_type=_TYPES[chosen], headers=headers)


@blueprint.post("/<uuid:conversation_id>/deletion")
def create_deletion(conversation_id: UUID) -> Answer:
    """Delete one of one's own conversations."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        chat.delete_conversation(tx, person, ConversationId(conversation_id), sealer=services().vault)
    return done("conversations.show", "deleted")


@blueprint.get("/temporary/<uuid:chatbot_id>")
def temporary(chatbot_id: UUID) -> Answer:
    """Show an empty chat that keeps nothing."""
    return _temporary(ChatbotId(chatbot_id), [])


@blueprint.post("/temporary/<uuid:chatbot_id>")
def ask_temporary(chatbot_id: UUID) -> Answer:
    """Ask in a chat that keeps nothing: what was said before comes with the form."""
    said = unkept.said_before()
    before = unkept.as_messages(said)
    try:
        question, answer = services().chat.ask_unkept(
            caller(), ChatbotId(chatbot_id), forms.field("question"), said, by_quotes="quotes_only" in request.form
        )
        if streams.wants_stream():
            return streams.stream(question, answer, writes=_writes(ChatbotId(chatbot_id)))
        reply = streams.finished(answer)
    except Refusal as refusal:
        if streams.wants_stream():
            raise
        return _temporary(ChatbotId(chatbot_id), before, shown=refusal)
    return _temporary(ChatbotId(chatbot_id), [*before, question, *([reply] if reply else [])])


def _temporary(chatbot_id: ChatbotId, messages: list[chat.Message], *, shown: Refusal | None = None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        chatbot = chat.get_chatbot(tx, person, chatbot_id)
        hosts = tenancy.get_settings(tx).link_hosts
    typed = forms.field("question") if shown else ""
    return page("chat/temporary.html", refusal=shown, chatbot=chatbot, messages=messages, link_hosts=hosts,
                history=True, typed=typed, writes=services().chat.writes(chatbot))  # fmt: skip


def _show(conversation_id: ConversationId, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        conversation = chat.read_conversation(tx, person, conversation_id, sealer=services().vault)
        chatbot = None
        with suppress(ChatbotNotFound):  # it may be closed by now
            chatbot = chat.get_chatbot(tx, person, conversation.chatbot_id)
        is_mine = conversation.owner_id == person.user_id
        views = chat.list_views(tx, person, conversation_id, sealer=services().vault) if is_mine else []
        messages, earlier = chat.list_latest(
            tx, person, conversation_id, most=None if "all" in request.args else _SHOWN, sealer=services().vault
        )
        return page(
            "chat/conversation.html",
            refusal=shown,
            conversation=conversation,
            chatbot=chatbot,
            chatbot_name=chatbot.name if chatbot else chat.chatbot_name(tx, conversation.chatbot_id),
            messages=messages,
            earlier=earlier,
            link_hosts=tenancy.get_settings(tx).link_hosts,
            is_mine=is_mine,
            views=views,
            can_ask=is_mine and chatbot is not None,
            writes=chatbot is not None and services().chat.writes(chatbot),
            typed=forms.field("question"),
        )


def _streamed(conversation_id: UUID, question: chat.Message, answer: Generator[chat.Step, None, None]) -> Response:
    mine = _own(conversation_id)
    return streams.stream(question, answer, conversation=mine, is_mine=True, writes=_writes(mine.chatbot_id))


def _writes(chatbot_id: ChatbotId) -> bool:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        return services().chat.writes(chat.get_chatbot(tx, person, chatbot_id))


def _own(conversation_id: UUID) -> Conversation:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        return chat.get_conversation(tx, person, ConversationId(conversation_id), sealer=services().vault)


def _to(conversation_id: UUID) -> Redirect:
    return redirect(url_for("conversations.read", conversation_id=conversation_id), 303)
