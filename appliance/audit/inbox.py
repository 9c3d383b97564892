"""The inbox: entries wait here, in their verb's transaction, until the sealer takes them into the log."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, cast, func, insert, select
from sqlalchemy.dialects.postgresql import JSONB

from appliance.audit.events import Event
from appliance.audit.tables import InboxRow
from appliance.audit.values import Actor, ActorKind, Entry, EntryFilter, Outcome
from appliance.kernel.canonical import canonical
from appliance.kernel.db import Tx
from appliance.kernel.ids import first_id_at, new_id

_ALL = EntryFilter()
_SKEW = timedelta(minutes=1)


def record(
    tx: Tx,
    actor: Actor,
    event: Event,
    *,
    subject: UUID | None = None,
    outcome: Outcome = Outcome.SUCCESS,
    **facts: str | int,
) -> None:
    """Record an event in this transaction. Facts are ids, codes and numbers, never content.

    The body is canonical JSON (RFC 8785), so that its digest is the same wherever it is computed.
    """
    event_id, now = new_id(), datetime.now(UTC)
    body = canonical(
        {
            "actor": {
                "address": actor.address,
                "id": str(actor.id) if actor.id else None,
                "kind": actor.kind.value,
            },
            "at": now.isoformat(timespec="microseconds"),
            "event": event.value,
            "event_id": str(event_id),
            "facts": facts,
            "outcome": outcome.value,
            "request_id": actor.request_id,
            "subject": str(subject) if subject else None,
            "tenant_id": str(tx.tenant_id),
            "version": 1,
        }
    )
    tx.execute(
        insert(InboxRow).values(
            tenant_id=tx.tenant_id, event_id=event_id, event=event.value, body=body, recorded_at=now
        )
    )


def list_entries(
    tx: Tx, wanted: EntryFilter = _ALL, *, before: UUID | None = None, limit: int = 100, oldest_first: bool = False
) -> list[Entry]:
    """Return the newest entries, or those before one of them: when the oldest come first, those after it.

    Asking for permission is the caller's part.
    """
    query = select(InboxRow).where(InboxRow.tenant_id == tx.tenant_id, *_conditions(wanted))
    if before is not None:
        query = query.where(InboxRow.event_id > before if oldest_first else InboxRow.event_id < before)
    order = InboxRow.event_id.asc() if oldest_first else InboxRow.event_id.desc()
    rows = tx.scalars(query.order_by(order).limit(limit))
    return [_entry(row) for row in rows]


def iterate_bodies(tx: Tx) -> Iterator[bytes]:
    """Yield every entry's canonical bytes, oldest first."""
    query = select(InboxRow.body).where(InboxRow.tenant_id == tx.tenant_id).order_by(InboxRow.event_id)
    yield from tx.scalars(query.execution_options(yield_per=1000))


def _conditions(wanted: EntryFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.event is not None:
        found.append(InboxRow.event == wanted.event.value)
    if wanted.since is not None:  # ids are in the order of time, nearly: the index finds the period by them
        found += [InboxRow.recorded_at >= wanted.since, InboxRow.event_id >= first_id_at(wanted.since, -_SKEW)]
    if wanted.until is not None:
        found += [InboxRow.recorded_at < wanted.until, InboxRow.event_id < first_id_at(wanted.until, _SKEW)]
    if wanted.actors is not None:
        actor_id = cast(func.convert_from(InboxRow.body, "UTF8"), JSONB)["actor"]["id"].astext
        found.append(actor_id.in_(sorted(str(one) for one in wanted.actors)))
    return found


def _entry(row: InboxRow) -> Entry:
    body = json.loads(row.body)
    actor = body["actor"]
    return Entry(
        event_id=row.event_id,
        event=row.event,
        at=row.recorded_at,
        actor=Actor(
            kind=ActorKind(actor["kind"]),
            id=UUID(actor["id"]) if actor["id"] else None,
            address=actor["address"],
            request_id=body["request_id"],
        ),
        outcome=Outcome(body["outcome"]),
        subject=body["subject"],
        facts=body["facts"],
    )
