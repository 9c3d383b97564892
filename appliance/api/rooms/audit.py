from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, Field

from appliance import audit, identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Listed, Output, Page, part
from appliance.audit import Actor, Entry, EntryFilter, Event, Outcome
from appliance.audit.values import ActorKind
from appliance.identity import Permission
from appliance.identity.permissions import require_granted


class ActorOut(Output):
    kind: ActorKind
    id: UUID | None
    address: str | None
    request_id: str | None


class EntryOut(Output):
    """One recorded event: ids, codes and numbers, never content."""

    event_id: UUID
    event: str
    at: datetime
    actor: ActorOut
    outcome: Outcome
    subject: str | None
    facts: dict[str, str | int]


class EntriesAsked(Page):
    """Which entries; without choices all of them. `until` is not included."""

    event: Event | None = None
    person_id: UUID | None = Field(None, description="Who did it.")
    since: AwareDatetime | None = Field(None, description="A moment with its zone, such as 2026-01-31T00:00:00Z.")
    until: AwareDatetime | None = Field(None, description="The moment after the last one, with its zone.")
    oldest_first: bool = Field(False, description="Read the log from its beginning.")


@operation("GET", "/audit/entries", permission=Permission.AUDIT_READ, query=EntriesAsked, answer=Listed[EntryOut])
def list_audit_entries(call: Call) -> Listed[EntryOut]:
    """Return the log, newest first, or some of it. Reading it is an event in it."""
    require_granted(call.caller, Permission.AUDIT_READ)
    asked = call.query
    actors = None if asked.person_id is None else frozenset({asked.person_id})
    wanted = EntryFilter(asked.event, actors, asked.since, asked.until)
    with call.tenant() as tx:
        found = audit.list_entries(
            tx, wanted, before=asked.cursor, limit=asked.limit + 1, oldest_first=asked.oldest_first
        )
        entries, cursor = part(found, asked, key=lambda entry: entry.event_id)
        audit.record(tx, call.caller.actor, Event.LOG_READ, entries=len(entries))
    return Listed[EntryOut](items=[_out(entry) for entry in entries], next_cursor=cursor)


@operation("GET", "/audit/export", permission=Permission.AUDIT_READ, streams=True, media="application/jsonl")
def export_audit(call: Call) -> Iterator[str]:
    """Return the whole log, the oldest entry first, as JSON lines that `python -m appliance.proof FILE` checks offline."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        return audit.export_file(tx, call.caller.actor)


def _out(entry: Entry) -> EntryOut:
    actor: Actor = entry.actor
    return EntryOut(
        event_id=entry.event_id, event=entry.event, at=entry.at, actor=ActorOut.model_validate(actor),
        outcome=entry.outcome, subject=entry.subject, facts=dict(entry.facts),
    )  # fmt: skip
