"""The inbox: entries wait here, in their verb's transaction, until the sealer takes them into the log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import insert

from appliance.audit.events import Event
from appliance.audit.tables import InboxRow
from appliance.audit.values import Actor, Outcome
from appliance.kernel.canonical import canonical
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId, new_id


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
    event_id, now = new_id(), datetime.now(UTC)
    body = body_of(tx.tenant_id, event_id, now, actor, event, subject=subject, outcome=outcome, facts=facts)
    tx.execute(
        insert(InboxRow).values(
            tenant_id=tx.tenant_id, event_id=event_id, event=event.value, body=body, recorded_at=now
        )
    )


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
