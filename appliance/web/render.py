"""Page or fragment from the same templates, and the few filters they need."""

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, g, render_template, request, url_for
from markupsafe import Markup, escape

from appliance.chat import Citation, Message
from appliance.identity import Permission
from appliance.identity.permissions import may
from appliance.web.sessions import csrf_token

_MARK = re.compile(r"\[(\d{1,3})\]")
_KILOBYTE = 1000


def install(app: Flask) -> None:
    """Give templates what they may use."""
    static = Path(app.static_folder or "")
    digests = {path.name: _digest(path) for path in static.iterdir()}

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=digests[name])

    app.jinja_env.globals.update(csrf_token=csrf_token, asset=asset, Permission=Permission, allowed=allowed)
    app.jinja_env.filters.update(answer=answer, size=size, when=when, source=source)
    app.context_processor(lambda: {"caller": g.get("caller"), "here": request.path})


def allowed(permission: Permission) -> bool:
    """Say whether the person at the page may do it, so that the page does not offer what it would refuse."""
    return g.get("caller") is not None and may(g.caller, permission)


def page(template: str, /, status: int = 200, **context: Any) -> tuple[str, int]:
    """Render a page."""
    return render_template(template, **context), status


def wants_json() -> bool:
    """Say whether a program asks: it prefers JSON or an event stream to a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "text/event-stream"], "text/html")
    return best != "text/html"


def answer(message: Message) -> Markup:
    """Return a message as HTML: escaped, in paragraphs, each [n] a link to its source where there is one."""
    numbers = {citation.number: citation for citation in message.citations}

    def link(mark: re.Match[str]) -> str:
        citation = numbers.get(int(mark[1]))
        if citation is None:
            return mark[0]
        target = escape(source(citation) or f"#source-{message.message_id}-{citation.number}")
        return f'<a class="mark" href="{target}" aria-label="Source {citation.number}">{citation.number}</a>'

    paragraphs = re.split(r"\n{2,}", str(escape(message.body)))
    body = "".join(f"<p>{_MARK.sub(link, paragraph)}</p>" for paragraph in paragraphs)
    return Markup(body.replace("\n", "<br>"))  # noqa: S704 - every piece was escaped above


def source(citation: Citation) -> str | None:
    """Return the reader's address at the cited passage, or None once the document is deleted."""
    if citation.document_id is None:
        return None
    address = url_for("documents.read", document_id=citation.document_id)
    if citation.chunk_id is None:
        return address
    return f"{address}?{urlencode({'passage': citation.chunk_id})}#p-{citation.chunk_id}"


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < _KILOBYTE or unit == "GB":
            break
        value /= _KILOBYTE
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def when(moment: datetime | None) -> str:
    """Return a moment in UTC, to the minute."""
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "–"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
