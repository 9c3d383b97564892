"""Looking for passages in all documents that one may read; the filters stand in the address."""

import re
from collections.abc import Iterator
from datetime import date

from flask import Blueprint, request
from markupsafe import Markup, escape

from appliance import identity, knowledge
from appliance.identity import Caller, Permission
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.knowledge import CollectionId, Kind, Passage, PassageFilter
from appliance.web import tables
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("search", __name__, url_prefix="/search")
_SHORTEST = 3


@blueprint.get("")
def show() -> tuple[str, int]:
    """Show what was found, or how to begin."""
    person, text, wanted = caller(), tables.query(), _wanted()
    identity.require(person, Permission.DOCUMENT_READ)
    with services().db.tenant(person.tenant_id) as tx:
        collections, labels = knowledge.list_collections(tx, person), knowledge.list_labels(tx, person)
        model = knowledge.active_model(tx).name
    found, refusal = list[Passage](), None
    try:
        found = _found(person, text, wanted, model)
    except Refusal as refused:
        refusal = refused
    return page(
        "search/page.html", refusal=refusal, query=text, wanted=wanted, found=found, collections=collections,
        labels=labels, kinds=list(Kind), marked=lambda body: _marked(body, text),
    )  # fmt: skip


def _found(person: Caller, text: str, wanted: PassageFilter, model: str) -> list[Passage]:
    return knowledge.find_passages(services().workshop, person, text, wanted, model=model) if text else []


def _wanted() -> PassageFilter:
    """Return the filters of the address. What it says wrongly is passed over."""
    collection, kind = parse_id(request.args.get("collection", "")), request.args.get("kind", "")
    return PassageFilter(
        collection_id=CollectionId(collection) if collection else None,
        kind=Kind(kind) if kind in list(Kind) else None,
        label=request.args.get("label", "").replace("\0", "")[:40],
        first_day=_day("from"),
        last_day=_day("to"),
    )


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _marked(body: str, text: str) -> Markup:
    """Return a passage as HTML, with the words that were looked for marked."""
    return Markup("").join(
        Markup("<mark>{}</mark>").format(part) if hit else escape(part) for part, hit in _pieces(body, text)
    )


def _pieces(body: str, text: str) -> Iterator[tuple[str, bool]]:
    words = [re.escape(word) for word in re.findall(r"\w+", text) if len(word) >= _SHORTEST]
    if not words:
        yield body, False
        return
    for number, part in enumerate(re.split(rf"(?i)\b((?:{'|'.join(words)})\w*)", body)):
        yield part, number % 2 == 1
