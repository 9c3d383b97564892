import json
from collections.abc import Generator, Iterator
from uuid import UUID

from flask import Blueprint, Response, g, redirect, render_template, request, stream_with_context, url_for
from werkzeug.wrappers import Response as Redirect

from appliance import chat, tenancy
from appliance.chat import Answered, ChatbotId, Cites, ConversationId, Message, Says
from appliance.chat.errors import ChatbotNotFound
from appliance.chat.flow import Step
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.kernel.log import logger
from appliance.kernel.problems import fault, problem
from appliance.web.render import page, source
from appliance.web.sessions import caller, services

blueprint = Blueprint("conversations", __name__, url_prefix="/chat")
Answer = tuple[str, int] | Response | Redirect
log = logger("web")


@blueprint.get("")
def show() -> Answer:
    """List the chatbots and one's own conversations."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        return page(
            "chat/page.html",
            chatbots=chat.list_chatbots(tx, person),
            conversations=chat.list_conversations(tx, person),
        )


@blueprint.post("")
def add() -> Answer:
    """Start a conversation."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        chatbot_id = ChatbotId(_id(request.form.get("chatbot_id", "")))
        conversation = chat.create_conversation(tx, person, chatbot_id, clock=house.clock)
    return redirect(url_for("conversations.read", conversation_id=conversation.conversation_id), 303)


@blueprint.get("/<uuid:conversation_id>")
def read(conversation_id: UUID) -> Answer:
    """Show a conversation."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        conversation = chat.get_conversation(tx, person, ConversationId(conversation_id))
        return page(
            "chat/conversation.html",
            conversation=conversation,
            chatbot=chat.get_chatbot(tx, person, conversation.chatbot_id),
            messages=chat.list_messages(tx, person, conversation.conversation_id),
            link_hosts=tenancy.get_settings(tx).link_hosts,
        )


@blueprint.post("/<uuid:conversation_id>/messages")
def ask(conversation_id: UUID) -> Answer:
    """Ask: a stream of events for our script, a page for a browser without one."""
    person, house = caller(), services()
    question, answer = house.chat.ask(person, ConversationId(conversation_id), request.form.get("question", ""))
    if request.accept_mimetypes.best_match(["text/html", "text/event-stream"]) == "text/event-stream":
        events = stream_with_context(_events(question, answer, g.request_id))
        headers = {"X-Accel-Buffering": "no"}
        return Response(events, content_type="text/event-stream", headers=headers)
    for _ in answer:
        pass
    return redirect(url_for("conversations.read", conversation_id=conversation_id), 303)


@blueprint.post("/<uuid:conversation_id>/deletion")
def create_deletion(conversation_id: UUID) -> Answer:
    """Delete one of one's own conversations."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        chat.delete_conversation(tx, person, ConversationId(conversation_id))
    return redirect(url_for("conversations.show"), 303)


def _events(question: Message, answer: Generator[Step, None, None], request_id: str) -> Iterator[str]:
    yield _event("question", {"message_id": str(question.message_id), "html": _html(question)})
    try:
        for step in answer:
            yield _as_event(step)
    except Refusal as refusal:
        yield _event("refused", problem(refusal, request_id=request_id))
    except Exception:
        # The status line is long gone; the stream itself says that it broke.
        log.exception("answer_failed", request_id=request_id)
        yield _event("refused", fault(500, "The answer broke off. Ask again.", request_id=request_id))
    finally:
        answer.close()


def _as_event(step: Step) -> str:
    match step:
        case Says(text):
            return _event("delta", {"text": text})
        case Cites(citation):
            members = {"number": citation.number, "title": citation.title, "heading": citation.heading,
                       "page_from": citation.page_from, "page_to": citation.page_to, "quote": citation.quote,
                       "url": source(citation)}  # fmt: skip
            return _event("citation", members)
        case Answered(message):
            return _event(
                "done", {"message_id": str(message.message_id), "outcome": message.outcome, "html": _html(message)}
            )


def _event(name: str, members: object) -> str:
    return f"event: {name}\ndata: {json.dumps(members)}\n\n"


def _html(message: Message) -> str:
    with services().db.tenant(caller().tenant_id) as tx:
        hosts = tenancy.get_settings(tx).link_hosts
    return render_template("chat/_message.html", message=message, link_hosts=hosts)


def _id(text: str) -> UUID:
    found = parse_id(text)
    if found is None:
        raise ChatbotNotFound
    return found
