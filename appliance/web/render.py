"""Page or fragment from the same templates, and the few filters they need."""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Flask, g, redirect, render_template, request, url_for
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from appliance import knowledge
from appliance.chat import UNTITLED, Citation, Message
from appliance.identity import Permission
from appliance.identity.permissions import may
from appliance.kernel.errors import Refusal, filled
from appliance.kernel.problems import STATUS, problem
from appliance.knowledge import Document, Version
from appliance.policy.errors import Judged
from appliance.web import agents, forms, markdown
from appliance.web.language import gettext
from appliance.web.notices import NOTICES
from appliance.web.sessions import csrf_token

_KILOBYTE = 1000
_CODE = re.compile(r"`([^`]+)`")
_OF_DETECTORS = ("category", "found")  # facts that name what `dlp` found


def install(app: Flask) -> None:
    """Give templates what they may use."""
    app.jinja_env.globals.update(csrf_token=csrf_token, Permission=Permission, allowed=allowed)
    app.jinja_env.filters.update(
        answer=answer, browser=browser, prose=prose, reason=reason, size=size, source=source, titled=titled, worded=worded
    )
    app.context_processor(lambda: {"caller": g.get("caller"), "here": request.path, "notice": notice()})


def titled(title: str | None) -> str | None:
    """Return a conversation's title; until the first question gives it one, in the reader's language."""
    return gettext(UNTITLED) if title == UNTITLED else title


def worded(text: str) -> str:
    """Return what a template of ours says in the reader's language, and what somebody wrote as it is.

    Never by `_()`: that takes what it is given for a text of ours, signs of HTML and places for values included.
    """
    return gettext(text)


def allowed(permission: Permission) -> bool:
    """Say whether the person at the page may do it, so that the page does not offer what it would refuse."""
    return g.get("caller") is not None and may(g.caller, permission)


def page(template: str, /, *, refusal: Refusal | None = None, **context: Any) -> tuple[str, int]:
    """Render a page; with a refusal, the page says it and answers with its status."""
    if refusal is None:
        return render_template(template, problem=None, **context), 200
    shown = {**words(refusal), "fields": forms.fields_of(refusal)}
    return render_template(template, problem=shown, **context), STATUS[refusal.kind]


def words(refusal: Refusal) -> dict[str, str | int]:
    """Return a refusal's problem document in the reader's language."""
    g.refusal = refusal  # for who counts what did not open
    members = problem(refusal, request_id=g.request_id)
    detail = gettext(refusal.template)
    shown = filled(detail, _said(_judged(refusal))) if refusal.facts else detail
    return members | {"title": gettext(str(members["title"])), "detail": shown}


def done(endpoint: str, code: str, /, **values: Any) -> Response:
    """Go to a page that says what was done. The address carries a code of NOTICES, never text."""
    return redirect(url_for(endpoint, notice=code, **values), 303)


def notice() -> str | None:
    """Return what was just done, for the page that it led to."""
    found = NOTICES.get(request.args.get("notice", ""))
    return gettext(found) if found else None


def wants_json() -> bool:
    """Say whether a program asks: it prefers JSON or an event stream to a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "text/event-stream"], "text/html")
    return best != "text/html"


def answer(message: Message, link_hosts: Collection[str] = ()) -> Markup:
    """Return a message as HTML: a question as plain text, an answer's Markdown with each [n] a link to its source."""
    if message.role == "user":
        paragraphs = re.split(r"\n{2,}", str(escape(message.body)))
        body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        return Markup(body.replace("\n", "<br>"))  # noqa: S704 - every piece was escaped above
    marks = {
        citation.number: (
            source(citation, message) or f"#source-{message.message_id}-{citation.number}",
            gettext("Source {number}").format(number=citation.number),
        )
        for citation in message.citations
    }
    # What the built-in answerer says when it finds nothing is a sentence of ours; what it quotes is in no catalogue.
    body = gettext(message.body) if message.outcome == "abstained" else message.body
    return markdown.render(body, marks, link_hosts)


def source(citation: Citation, message: Message | None = None) -> str | None:
    """Return the viewer's address at the cited passage, or None once the document is deleted.

    With the message, the viewer marks the quoted words too. A passage that is gone is named as such.
    """
    if citation.document_id is None:
        return None
    asked: dict[str, str | int | UUID] = {"passage": citation.chunk_id or "gone"}
    if message is not None:
        asked |= {"answer": message.message_id, "source": citation.number}
    return f"/documents/{citation.document_id}?{urlencode(asked)}#cited"


def browser(agent: str) -> str:
    """Return what people call a browser, from what it calls itself."""
    found = agents.read(agent)
    if found is None:
        return agent[:60] or gettext("unknown browser")
    return gettext("{browser} on {system}").format(browser=found[0], system=found[1])


def reason(document: Document | Version) -> str:
    """Return why a document is not ready, in the reader's language."""
    template, facts = knowledge.reason_of(document)
    said = gettext(template)
    return said.format(**_said(facts)) if facts else said


def prose(text: str) -> Markup:
    """Return a sentence as HTML, with what stands in backquotes as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped, and then marked by us


def _judged(refusal: Refusal) -> Mapping[str, Any]:
    """Return a refusal's facts, where a rule refused with the rule's reason in the reader's language."""
    if not isinstance(refusal, Judged):
        return refusal.facts
    one = refusal.verdict
    aspect, reason = gettext(one.aspect.value), gettext(one.reason).format(**one.facts)
    return {**refusal.facts, "aspect": aspect, "reason": reason, "rule": one.rule or aspect}


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts in the reader's language: what a detector found is a word of ours, the others are names and numbers."""
    found = {name: facts[name] for name in _OF_DETECTORS if name in facts}
    return {**facts, **{name: ", ".join(gettext(one) for one in str(said).split(", ")) for name, said in found.items()}}


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < _KILOBYTE or unit == "GB":
            break
        value /= _KILOBYTE
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
