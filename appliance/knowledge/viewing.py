"""A page as it looks, with what was cited marked on it. Drawn in the parser's confinement, on this host, when asked for.

Who may read the document may look at its pages, and each look is recorded. No transaction is open while one is drawn.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from appliance.identity import Caller
from appliance.knowledge.errors import NoSuchPage, PageNotDrawn
from appliance.knowledge.flow import Workshop
from appliance.knowledge.formats import PAGED, Format
from appliance.knowledge.parsing import Limits, ask_child
from appliance.knowledge.places import GRID, NOWHERE, Places
from appliance.knowledge.queries import get_document
from appliance.knowledge.service import opened
from appliance.knowledge.unreadable import UnreadableDocument
from appliance.knowledge.values import Document, DocumentId, PageImage, PageView, Rectangle, Status

WIDTHS = (600, 800, 1000, 1400, 2000)
_LIMITS = Limits(cpu_seconds=20, wall_seconds=40.0)
_PATIENCE = 10.0  # seconds that a page waits for its turn
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_MARKS = 1_000


def is_paged(document: Document) -> bool:
    """Say whether the document has pages that can be drawn. One that is held or being read anew is not shown, nor one that says less than its file."""
    is_shown = document.status is Status.READY and not document.is_redacted
    return is_shown and document.page_count is not None and document.media_type in PAGED


def view_page(
    shop: Workshop, caller: Caller, document_id: DocumentId, number: int, *, width: int, cited: Places = NOWHERE,
    quoted: Places = NOWHERE,
) -> PageView:  # fmt: skip
    """Return a page's size and what is marked on it. Raises DocumentNotFound, NoSuchPage, PageNotDrawn."""
    with shop.db.tenant(caller.tenant_id) as tx:
        document = get_document(tx, caller, document_id)
    ranges = {
        name: [(one.first, one.count) for one in places.on(number).ranges]
        for name, places in (("cited", cited), ("quoted", quoted))
    }
    answer = _ask(shop, caller, document, number, {"width": width, "ranges": ranges, "draws": False})
    return PageView(
        number,
        _counted(answer["width"]),
        _counted(answer["height"]),
        *(
            (*_rectangles(answer["marks"].get(name, ())), *_boxes(places.on(number)))
            for name, places in (("cited", cited), ("quoted", quoted))
        ),
    )


def page_image(
    shop: Workshop, caller: Caller, document_id: DocumentId, number: int, *, width: int, has: frozenset[str]
) -> PageImage:
    """Return a page as PNG, unless the caller has it: `has` are the tags of what they have."""
    with shop.db.tenant(caller.tenant_id) as tx:
        document = get_document(tx, caller, document_id)
        if not is_paged(document) or not 1 <= number <= (document.page_count or 0):
            raise NoSuchPage
        opened(tx, caller, document_id, page=number)
    written = f"{document.file_id} {document.ready_at} {document.byte_count} {number} {width}"
    tag = hashlib.sha256(written.encode()).hexdigest()[:32]
    if tag in has:
        return PageImage(tag, None)
    answer = _ask(shop, caller, document, number, {"width": width, "ranges": {}, "draws": True})
    png = base64.b64decode(answer["png"])
    if not png.startswith(_PNG):
        raise PageNotDrawn
    return PageImage(tag, png)


def _ask(shop: Workshop, caller: Caller, document: Document, number: int, options: dict[str, object]) -> dict[str, Any]:
    if not is_paged(document) or not 1 <= number <= (document.page_count or 0):
        raise NoSuchPage
    kind: Format = PAGED[document.media_type]
    with _easel(shop):
        content = shop.blobs.get(caller.tenant_id, document.file_id)
        try:
            return ask_child("page", content, _LIMITS, options | {"kind": kind.value, "page": number})
        except UnreadableDocument as refused:
            raise PageNotDrawn from refused


@contextmanager
def _easel(shop: Workshop) -> Iterator[None]:
    if not shop.seats.acquire(blocking=False):
        raise PageNotDrawn
    try:
        if not shop.easels.acquire(timeout=_PATIENCE):
            raise PageNotDrawn
        try:
            yield
        finally:
            shop.easels.release()
    finally:
        shop.seats.release()


def _boxes(places: Places) -> list[Rectangle]:
    return [(box.left, box.top, box.right, box.bottom) for box in places.boxes]


def _rectangles(given: Any) -> list[Rectangle]:
    # What draws has touched the document: its answer is checked as a parser's is.
    found = []
    for left, top, right, bottom in list(given)[:_MOST_MARKS]:
        if not all(isinstance(number, int) and 0 <= number <= GRID for number in (left, top, right, bottom)):
            raise PageNotDrawn
        found.append((left, top, right, bottom))
    return found


def _counted(value: object) -> int:
    if not isinstance(value, int) or not 0 < value < 100_000:  # noqa: PLR2004 - points of a drawing
        raise PageNotDrawn
    return value
