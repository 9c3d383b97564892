"""Looking for passages in all that one may read, without a chatbot and without an answer."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from appliance import audit, identity
from appliance.audit import Event
from appliance.gateway import Asker, QueryVector
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.knowledge.asking import ask_index
from appliance.knowledge.collections import readable_collections
from appliance.knowledge.errors import CollectionNotFound
from appliance.knowledge.flow import Workshop
from appliance.knowledge.formats import Kind, media_types
from appliance.knowledge.retrieval import search
from appliance.knowledge.scope import Scope
from appliance.knowledge.values import CollectionId, Passage

MOST_FOUND = 50
FEW_FOUND = 20


@dataclass(frozen=True)
class PassageFilter:
    """In which documents; without choices in all that the caller may read. Days are those of the upload, in UTC."""

    collection_id: CollectionId | None = None
    kind: Kind | None = None
    label: str = ""
    first_day: date | None = None
    last_day: date | None = None


def find_passages(
    shop: Workshop,
    caller: Caller,
    text: str,
    wanted: PassageFilter | None = None,
    *,
    limit: int = FEW_FOUND,
    model: str | None = None,
) -> list[Passage]:
    """Return the passages that fit the text best, the best first, from the documents that the caller may read.

    Passages that say the same are one, with the others as its twins. Which were shown is recorded. `model` is as
    `ask_index` has it. Raises CollectionNotFound, and what the gateway refuses. Opens its own transactions: the text
    becomes a vector first.
    """
    identity.require(caller, Permission.DOCUMENT_READ)

    def look(tx: Tx, vector: QueryVector) -> list[Passage]:
        scope = _scope(tx, caller, wanted or PassageFilter())
        found = search(tx, text, vector, scope=scope, limit=limit).passages
        shown = (str(one.chunk_id) for passage in found for one in (passage, *passage.twins))
        audit.record(tx, caller.actor, Event.PASSAGES_RETRIEVED, passages=",".join(shown))
        return list(found)

    return ask_index(shop.db, shop.gateway, Asker.of(caller), text, look, model=model)


def _scope(tx: Tx, caller: Caller, wanted: PassageFilter) -> Scope:
    collections = readable_collections(tx, caller)
    if wanted.collection_id is not None:
        chosen = frozenset[UUID]({wanted.collection_id})
        collections = chosen if collections is None else chosen & collections
        if not collections:
            raise CollectionNotFound
    return Scope(
        collections=collections,
        media_types=media_types(wanted.kind) if wanted.kind else frozenset(),
        labels=frozenset({wanted.label}) if wanted.label else frozenset(),
        uploaded_from=_begin(wanted.first_day) if wanted.first_day else None,
        uploaded_before=_end(wanted.last_day) if wanted.last_day else None,
    )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _end(day: date) -> datetime | None:
    return _begin(day + timedelta(days=1)) if day < date.max else None  # nothing is uploaded later
