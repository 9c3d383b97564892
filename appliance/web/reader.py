"""The document viewer: which page, how large, with what marked. All of it stands in the address; no script is needed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from flask import request, url_for

from appliance import chat, knowledge
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.kernel.ids import parse_id
from appliance.knowledge import NOWHERE, Document, DocumentId, PageView, Passage, Places
from appliance.knowledge.errors import NoSuchPage, PageNotDrawn
from appliance.web.sessions import caller, services

FITTING = 1000  # as wide as the column, and sharp on it
_KEPT = ("passage", "answer", "source", "width", "view")
Line = list[tuple[str, bool]]  # pieces of a line, and whether each is quoted


@dataclass(frozen=True)
class Reading:
    """A document as somebody looks at it. Without `number` its whole text is shown, with it that page."""

    document: Document
    passages: list[Passage]
    cited: Passage | None = None
    quote: tuple[int, int] | None = None
    number: int | None = None
    width: int | None = None
    sheet: PageView | None = None
    is_gone: bool = False
    is_not_drawn: bool = False

    @property
    def marked(self) -> UUID | None:
        """The passage that was cited."""
        return self.cited.chunk_id if self.cited else None

    @property
    def last(self) -> int:
        """The number of the last page."""
        return self.document.page_count or 1

    @property
    def picture(self) -> str:
        """The address of the page as a picture."""
        return url_for(
            "documents.draw", document_id=self.document.document_id, number=self.number, width=self.width or FITTING
        )

    @property
    def path(self) -> str:
        """The address of the document."""
        return url_for("documents.read", document_id=self.document.document_id)

    @property
    def larger(self) -> int | None:
        """The next larger width, or None."""
        return next((width for width in knowledge.WIDTHS if width > (self.width or FITTING)), None)

    @property
    def smaller(self) -> int | None:
        """The next smaller width, or None."""
        return next((width for width in reversed(knowledge.WIDTHS) if width < (self.width or FITTING)), None)

    def kept(self, *but: str) -> dict[str, str]:
        """Return what the address says besides the page."""
        return {name: request.args[name] for name in _KEPT if name in request.args and name not in but}

    def address(self, **changes: str | int | None) -> str:
        """Return the address of another page, size or view of the same document."""
        asked = self.kept() | {"page": self.number} | changes
        return f"{self.path}?{urlencode({name: value for name, value in asked.items() if value is not None})}"

    def lines(self, passage: Passage) -> Iterator[Line]:
        """Yield a passage's lines in pieces, so that the quoted ones can be marked."""
        start, end = self.quote if self.quote and passage.chunk_id == self.marked else (0, 0)
        offset = 0
        for text in passage.body.split("\n"):
            first, last = (min(max(place - offset, 0), len(text)) for place in (start, end))
            pieces = [(text[:first], False), (text[first:last], True), (text[last:], False)]
            offset += len(text) + 1
            if text.strip():
                yield [piece for piece in pieces if piece[0]]


def begin(tx: Tx, person: Caller, document_id: DocumentId) -> Reading:
    """Look the document up and record that it was opened."""
    document = knowledge.timed(tx, [knowledge.get_document(tx, person, document_id)], clock=services().clock)[0]
    knowledge.opened(tx, person, document_id)
    wanted = request.args.get("passage")
    cited = knowledge.find_passage(tx, person, document_id, parse_id(wanted or ""))
    quote = _quote(tx, person, cited)
    is_gone = wanted is not None and cited is None
    if not knowledge.is_paged(document) or request.args.get("view") == "text":
        passages = knowledge.list_passages(tx, person, document_id)
        return Reading(document, passages, cited, quote, is_gone=is_gone)
    number = whole(request.args.get("page", "")) or _page_of(cited, quote)
    number = min(max(number, 1), document.page_count or 1)
    passages = knowledge.list_page(tx, person, document_id, number)
    return Reading(document, passages, cited, quote, number, width(), is_gone=is_gone)


def drawn(reading: Reading) -> Reading:
    """Ask where on the page the marks are. A page that cannot be drawn leaves its text."""
    if reading.number is None:
        return reading
    if reading.cited is None:  # nothing to mark: the picture alone will tell its size
        return replace(reading, sheet=PageView(reading.number))
    cited, quoted = reading.cited.places, _places(reading.cited, reading.quote)
    try:
        sheet = knowledge.view_page(
            services().workshop, caller(), reading.document.document_id, reading.number,
            width=reading.width or FITTING, cited=cited, quoted=quoted,
        )  # fmt: skip
    except (PageNotDrawn, NoSuchPage):
        return replace(reading, is_not_drawn=True)
    return replace(reading, sheet=sheet)


def width() -> int | None:
    """Return the asked width, or None unless it is one of those that are drawn."""
    found = whole(request.args.get("width", ""))
    return found if found in knowledge.WIDTHS else None


def whole(text: str) -> int | None:
    """Return a whole number of at most six digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None  # noqa: PLR2004 - no page has more


def _quote(tx: Tx, person: Caller, cited: Passage | None) -> tuple[int, int] | None:
    answer, number = parse_id(request.args.get("answer", "")), whole(request.args.get("source", ""))
    if cited is None or answer is None or number is None:
        return None
    quote = chat.find_quote(tx, person, answer, number, sealer=services().vault)
    return span_of(quote, cited.body) if quote else None


def span_of(quote: str, body: str) -> tuple[int, int] | None:
    """Return where a quote stands in a passage: whole, or as far as the passage goes; None if it does not."""
    start = body.find(quote)
    if start >= 0:
        return start, start + len(quote)
    shared = next((length for length in range(min(len(quote), len(body)), 0, -1) if body.endswith(quote[:length])), 0)
    return (len(body) - shared, len(body)) if shared else None


def _page_of(cited: Passage | None, quote: tuple[int, int] | None) -> int:
    if cited is None:
        return 1
    return _places(cited, quote).first_page or cited.page_from or 1


def _places(cited: Passage | None, quote: tuple[int, int] | None) -> Places:
    if cited is None or quote is None:
        return NOWHERE
    return cited.places.within(*quote)
