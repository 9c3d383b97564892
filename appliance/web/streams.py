"""An answer as it comes: server-sent events for our script; a page for a browser without one is the view's part."""

import json
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from flask import Response, g, render_template, request, stream_with_context

from appliance import tenancy
from appliance.chat import Answered, Cites, Message, Says
from appliance.chat.flow import Step
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger
from appliance.kernel.problems import fault
from appliance.web.language import gettext
from appliance.web.render import source, words
from appliance.web.sessions import caller, services

log = logger("web")


def wants_stream() -> bool:
    """Say whether our script asks."""
    best = request.accept_mimetypes.best_match(["text/html", "text/event-stream"])
    return best == "text/event-stream"


def stream(question: Message, answer: Generator[Step, None, None], **context: Any) -> Response:
    """Answer with the events of an answer. `context` is what the template of a message needs."""
    events = stream_with_context(_events(question, answer, g.request_id, context))
    return Response(events, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def finished(answer: Generator[Step, None, None]) -> Message | None:
    """Read an answer to its end; return what it came to."""
    found = [step.message for step in answer if isinstance(step, Answered)]
    return found[-1] if found else None


def _events(
    question: Message, answer: Generator[Step, None, None], request_id: str, context: Mapping[str, Any]
) -> Iterator[str]:
    yield _event("question", {"message_id": str(question.message_id), "html": _html(question, context)})
    try:
        for step in answer:
            yield _as_event(step, context)
    except Refusal as refusal:
        yield _event("refused", _refused(refusal, offers_quotes=bool(context.get("writes"))))
    except Exception:
        # The status line is long gone; the stream itself says that it broke.
        log.exception("answer_failed", request_id=request_id)
        yield _event("refused", fault(500, "The answer broke off. Ask again.", request_id=request_id))
    finally:
        answer.close()


def _refused(refusal: Refusal, *, offers_quotes: bool) -> dict[str, Any]:
    problem = dict(words(refusal))
    if offers_quotes:
        problem["detail"] = f"{problem['detail']} " + gettext("Tick “Only quote” to be answered from your documents without this model.")
    return problem


def _as_event(step: Step, context: Mapping[str, Any]) -> str:
    match step:
        case Says(text):
            return _event("delta", {"text": text})
        case Cites(citation):
            members = {"number": citation.number, "title": citation.title, "heading": citation.heading,
                       "page_from": citation.page_from, "page_to": citation.page_to, "quote": citation.quote,
                       "url": source(citation)}  # fmt: skip
            return _event("citation", members)
        case Answered(message):
            members = {"message_id": str(message.message_id), "outcome": message.outcome, "text": message.body}
            return _event("done", members | {"html": _html(message, context)})


def _event(name: str, members: object) -> str:
    return f"event: {name}\ndata: {json.dumps(members)}\n\n"


def _html(message: Message, context: Mapping[str, Any]) -> str:
    with services().db.tenant(caller().tenant_id) as tx:
        hosts = tenancy.get_settings(tx).link_hosts
    return render_template("chat/_message.html", message=message, link_hosts=hosts, **context)
