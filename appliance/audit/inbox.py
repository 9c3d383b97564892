"""The inbox: entries wait here, in their verb's transaction, until the sealer takes them into the log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from appliance.audit.events import Event
from appliance.audit.tables import InboxRow
from appliance.audit.values import Actor, Outcome
from appliance.kernel.canonical import canonical
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.questions import Question
from appliance.kernel.rows import insert_all, insertion


@dataclass(frozen=True)
class NewEntry:
    """An event to be recorded. Facts are ids, codes and numbers, never content."""

    actor: Actor
    event: Event
    subject: UUID | None = None
    outcome: Outcome = Outcome.SUCCESS
    facts: Mapping[str, str | int] = field(default_factory=dict)


def record(
    tx: Tx,
    actor: Actor,
    event: Event,
    *,
    subject: UUID | None = None,
    outcome: Outcome = Outcome.SUCCESS,
    **facts: str | int,
) -> None:
    """Record an event in this transaction. Facts are ids, codes and numbers, never content."""
    record_all(tx, [NewEntry(actor, event, subject, outcome, facts)])


def record_all(tx: Tx, entries: Iterable[NewEntry]) -> None:
    """Record events in this transaction, in one statement."""
    insert_all(tx, InboxRow, [_row(tx.tenant_id, entry) for entry in entries])


def recording(tenant_id: TenantId, entries: Iterable[NewEntry]) -> list[Question[None]]:
    """Return what records events, to be asked with others."""
    return insertion(InboxRow, [_row(tenant_id, entry) for entry in entries])


def _row(tenant_id: TenantId, entry: NewEntry) -> dict[str, object]:
    event_id, now = new_id(), datetime.now(UTC)
    body = body_of(
        tenant_id, event_id, now, entry.actor, entry.event,
        subject=entry.subject, outcome=entry.outcome, facts=entry.facts,
    )  # fmt: skip
    return {
        "tenant_id": tenant_id, "event_id": event_id, "event": entry.event.value, "body": body, "recorded_at": now,
    }  # fmt: skip


def body_of(
    tenant_id: TenantId, event_id: UUID, at: datetime, actor: Actor, event: Event, *,
    subject: UUID | None = None, outcome: Outcome = Outcome.SUCCESS, facts: Mapping[str, str | int],
) -> bytes:  # fmt: skip
    """Return an entry's body: canonical JSON (RFC 8785), so that its digest is the same wherever it is computed."""
    return canonical(
        {
            "actor": {
                "address": actor.address,
                "id": str(actor.id) if actor.id else None,
                "kind": actor.kind.value,
            },
            "at": at.isoformat(timespec="microseconds"),
            "event": event.value,
            "event_id": str(event_id),
            "facts": dict(facts),
            "outcome": outcome.value,
            "request_id": actor.request_id,
            "subject": str(subject) if subject else None,
            "tenant_id": str(tenant_id),
            "version": 1,
        }
    )
