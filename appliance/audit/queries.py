"""Reading the log: what is sealed and what still waits in the inbox, in one order. Asking for permission is the caller's part."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, cast, func, select, union_all
from sqlalchemy.dialects.postgresql import JSONB

from appliance.audit.disclosing import NOTHING, disclosed, open_all
from appliance.audit.finding import Runs
from appliance.audit.tables import InboxRow, LogRow
from appliance.audit.values import Actor, ActorKind, Entry, EntryFilter, Outcome
from appliance.kernel.db import Tx
from appliance.kernel.ids import first_id_at
from appliance.proof.disclosures import Disclosure, commitments_of

_ALL = EntryFilter()
_SKEW = timedelta(minutes=1)
_PIECE = 1000
_MARK = b'"commitments"'
_Source = type[LogRow] | type[InboxRow]


def list_entries(
    tx: Tx, wanted: EntryFilter = _ALL, *, before: UUID | None = None, limit: int = 100, oldest_first: bool = False
) -> list[Entry]:
    """Return the newest entries, or those before one of them: when the oldest come first, those after it.

    The order is that of their ids, which sealing does not change: whoever pages misses nothing that is sealed meanwhile.
    """
    parts = [_part(tx, source, wanted, before, oldest_first, limit) for source in (LogRow, InboxRow)]
    both = union_all(*(part.subquery().select() for part in parts)).subquery()
    order = both.c.event_id.asc() if oldest_first else both.c.event_id.desc()
    found = [entry_of(*row) for row in tx.execute(select(both).order_by(order).limit(limit))]
    return disclosed(tx, found, is_patient=False)


def iterate_bodies(tx: Tx) -> Iterator[tuple[bytes, list[Disclosure]]]:
    """Yield every entry's canonical bytes, oldest first, each with what opens its commitments."""
    parts = [
        select(source.event_id, source.body).where(source.tenant_id == tx.tenant_id) for source in (LogRow, InboxRow)
    ]
    both = union_all(*parts).subquery()
    query = select(both.c.event_id, both.c.body).order_by(both.c.event_id)
    for piece in tx.execute(query.execution_options(yield_per=_PIECE)).partitions():
        opened = open_all(tx, {event_id: found for event_id, body in piece if (found := committed_in(body))})
        for event_id, body in piece:
            yield body, [*opened.get(event_id, NOTHING).disclosures.values()]


def committed_in(body: bytes) -> dict[str, str]:
    """Return an entry's commitments, none where it cannot be read."""
    if _MARK not in body:
        return {}
    try:
        return commitments_of(json.loads(body))
    except (ValueError, AttributeError, RecursionError):
        return {}


def _part(
    tx: Tx, source: _Source, wanted: EntryFilter, before: UUID | None, oldest_first: bool, limit: int
) -> Select[UUID, str, datetime, bytes]:
    if source is InboxRow or wanted == EntryFilter(since=wanted.since, until=wanted.until):
        return _page(tx, source, wanted, before, oldest_first, limit)
    period = [*conditions(source, EntryFilter(since=wanted.since, until=wanted.until)), *_behind(source, before, oldest_first)]
    found = Runs(tx, wanted, period, oldest_first=oldest_first).ids(limit).subquery()
    return _page(tx, source, _ALL, None, oldest_first, limit, source.event_id.in_(select(found.c.event_id)))


def _page(
    tx: Tx,
    source: _Source,
    wanted: EntryFilter,
    before: UUID | None,
    oldest_first: bool,
    limit: int,
    *also: ColumnElement[bool],
) -> Select[UUID, str, datetime, bytes]:
    query = select(source.event_id, source.event, source.recorded_at, source.body)
    query = query.where(source.tenant_id == tx.tenant_id, *conditions(source, wanted), *also)
    query = query.where(*_behind(source, before, oldest_first))
    return query.order_by(source.event_id.asc() if oldest_first else source.event_id.desc()).limit(limit)


def _behind(source: _Source, before: UUID | None, oldest_first: bool) -> list[ColumnElement[bool]]:
    if before is None:
        return []
    return [source.event_id > before if oldest_first else source.event_id < before]


def conditions(source: _Source, wanted: EntryFilter) -> list[ColumnElement[bool]]:
    """Return what a filter asks of the rows of the log, or of the inbox."""
    found: list[ColumnElement[bool]] = []
    if wanted.event is not None:
        found.append(source.event == wanted.event.value)
    if wanted.kinds is not None:
        found.append(source.event.in_(sorted(one.value for one in wanted.kinds)))
    if wanted.since is not None:  # ids are in the order of time, nearly: the index finds the period by them
        found += [source.recorded_at >= wanted.since, source.event_id >= first_id_at(wanted.since, -_SKEW)]
    if wanted.until is not None:
        found += [source.recorded_at < wanted.until, source.event_id < first_id_at(wanted.until, _SKEW)]
    if wanted.actors is not None:
        found.append(_named(source, "actor", "id").in_(sorted(wanted.actors)))
    if wanted.subject is not None:
        found.append(_named(source, "subject") == wanted.subject)
    return found


def _named(source: _Source, *path: str) -> ColumnElement[UUID | None]:
    if source is LogRow:
        column = LogRow.actor_id if path[0] == "actor" else LogRow.subject
        return column.expression
    return cast(cast(func.convert_from(InboxRow.body, "UTF8"), JSONB)[path].astext, Uuid)


def entry_of(event_id: UUID, event: str, recorded_at: datetime, content: bytes) -> Entry:
    """Return what an entry's body says. Raises as reading JSON does where it is none of ours."""
    body = json.loads(content)
    actor = body["actor"]
    return Entry(
        event_id=event_id,
        event=event,
        at=recorded_at,
        actor=Actor(
            kind=ActorKind(actor["kind"]),
            id=UUID(actor["id"]) if actor["id"] else None,
            address=actor["address"],
            request_id=body["request_id"],
        ),
        outcome=Outcome(body["outcome"]),
        subject=body["subject"],
        facts=body["facts"],
        commitments=commitments_of(body),
    )
