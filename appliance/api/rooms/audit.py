from datetime import datetime
from uuid import UUID

from appliance import audit
from appliance.api.framework import Call, operation
from appliance.api.schemas import Listed, Output, Page
from appliance.audit import Actor, Entry, Event, Outcome
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


@operation("GET", "/audit/entries", permission=Permission.AUDIT_READ, query=Page, answer=Listed[EntryOut])
def list_audit_entries(call: Call) -> Listed[EntryOut]:
    """Return the log, newest first. Reading it is an event in it."""
    require_granted(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        entries = audit.list_entries(tx, before=call.query.cursor, limit=call.query.limit)
        audit.record(tx, call.caller.actor, Event.LOG_READ, entries=len(entries))
    cursor = entries[-1].event_id if len(entries) == call.query.limit else None
    return Listed[EntryOut](items=[_out(entry) for entry in entries], next_cursor=cursor)


def _out(entry: Entry) -> EntryOut:
    actor: Actor = entry.actor
    return EntryOut(
        event_id=entry.event_id, event=entry.event, at=entry.at, actor=ActorOut.model_validate(actor),
        outcome=entry.outcome, subject=entry.subject, facts=dict(entry.facts),
    )  # fmt: skip
