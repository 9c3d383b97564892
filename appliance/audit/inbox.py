"""The inbox: entries wait here, in their verb's transaction, until the sealer takes them into the log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from appliance.audit.committing import ADDRESS, Committing, fact, personal_values
from appliance.audit.events import Event
from appliance.audit.values import Actor, Outcome
from appliance.kernel.canonical import canonical
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.questions import Saying, say_later

_Row = tuple[UUID, str, bytes, datetime]
"""Of the inbox, but for the organisation."""
_ONE = "INSERT INTO audit_inbox (tenant_id, event_id, event, body, recorded_at) VALUES ($1, $2, $3, $4, $5)"
_ONE_BESIDE = "INSERT INTO audit_disclosures (tenant_id, event_id, key_id, sealed) VALUES ($1, $2, $3, $4)"
_SEVERAL = (
    "INSERT INTO audit_inbox (tenant_id, event_id, event, body, recorded_at)"
    " SELECT $1, event_id, event, body, recorded_at FROM json_populate_recordset(NULL::audit_inbox, $2::json)"
)
_SEVERAL_BESIDE = (
    "INSERT INTO audit_disclosures (tenant_id, event_id, key_id, sealed)"
    " SELECT $1, event_id, key_id, sealed FROM json_populate_recordset(NULL::audit_disclosures, $2::json)"
)


@dataclass(frozen=True)
class NewEntry:
    """An event to be recorded. Facts are ids, codes and numbers, never content; which are personal, `committing.py` knows."""

    actor: Actor
    event: Event
    subject: UUID | None = None
    outcome: Outcome = Outcome.SUCCESS
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Say in the facts, too, in which of their sessions a person did it."""
        if self.actor.session is not None:
            object.__setattr__(self, "facts", {"session": self.actor.session, **self.facts})


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
    """Record events in this transaction: with what is said in it next, or with its end, which fails where they cannot be recorded."""
    say_later(tx, *recording(tx, entries))


def recording(tx: Tx, entries: Iterable[NewEntry]) -> list[Saying]:
    """Return what records events, to be asked with others. Personal values go beside the entries, sealed, and never in the clear."""
    with Committing(tx) as committing:
        rows = [_row(tx.tenant_id, entry, committing) for entry in entries]
        beside = committing.rows
    if not rows:
        return []
    if len(rows) == 1:  # as nearly always: not worth a text of JSON around it
        said = [Saying(_ONE_BESIDE, [tx.tenant_id, *one]) for one in beside]
        return [*said, Saying(_ONE, [tx.tenant_id, *rows[0]])]
    said = [Saying(_SEVERAL, [tx.tenant_id, _as_text(rows)])]
    return [Saying(_SEVERAL_BESIDE, [tx.tenant_id, _beside_as_text(beside)]), *said] if beside else said


def _row(tenant_id: TenantId, entry: NewEntry, committing: Committing) -> _Row:
    event_id, now = new_id(), datetime.now(UTC)
    personal = personal_values(entry.event, entry.actor.address, entry.facts)
    body = body_of(
        tenant_id, event_id, now, entry.actor, entry.event,
        subject=entry.subject, outcome=entry.outcome, facts=entry.facts,
        commitments=committing.commit(event_id, entry.actor.id, personal) if personal else None,
    )  # fmt: skip
    return event_id, entry.event.value, body, now


# Ids, names of events, moments and hexadecimal digits need no encoder: by one, these texts took three times as long.
def _as_text(rows: Sequence[_Row]) -> str:
    written = (
        f'{{"event_id":"{event_id}","event":"{event}","body":"\\\\x{body.hex()}","recorded_at":"{at.isoformat()}"}}'
        for event_id, event, body, at in rows
    )
    return f"[{','.join(written)}]"


def _beside_as_text(rows: Sequence[tuple[UUID, UUID, bytes]]) -> str:
    written = (
        f'{{"event_id":"{event_id}","key_id":"{key_id}","sealed":"\\\\x{sealed.hex()}"}}'
        for event_id, key_id, sealed in rows
    )
    return f"[{','.join(written)}]"


def body_of(
    tenant_id: TenantId, event_id: UUID, at: datetime, actor: Actor, event: Event, *,
    subject: UUID | None = None, outcome: Outcome = Outcome.SUCCESS, facts: Mapping[str, str | int],
    commitments: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """Return an entry's body: canonical JSON (RFC 8785), so that its digest is the same wherever it is computed.

    Written out, for it is written in every transaction of the house: names in order, ids and moments as they are, and what
    comes from outside, or may hold anything, by the encoder. A test compares it with `canonical` of the same.
    With `commitments` it is of version 2: those stand in the place of the values that they are to.
    """
    address, committed, version = _or_null(actor.address), "", 1
    if commitments:
        if ADDRESS in commitments:
            address = "null"
        if len(commitments) > (ADDRESS in commitments):
            facts = {name: value for name, value in facts.items() if fact(name) not in commitments}
        pairs = ",".join([f'"{name}":{canonical(commitments[name]).decode()}' for name in sorted(commitments)])
        committed, version = f'"commitments":{{{pairs}}},', 2
    return (
        f'{{"actor":{{"address":{address},"id":{_id_or_null(actor.id)},"kind":"{actor.kind.value}"}},'
        f'"at":"{at.isoformat(timespec="microseconds")}",{committed}"event":"{event.value}","event_id":"{event_id}",'
        f'"facts":{canonical(facts).decode() if facts else "{}"},"outcome":"{outcome.value}",'
        f'"request_id":{_or_null(actor.request_id)},"subject":{_id_or_null(subject)},"tenant_id":"{tenant_id}","version":{version}}}'
    ).encode()


def _or_null(given: str | None) -> str:
    return "null" if given is None else canonical(given).decode()


def _id_or_null(given: UUID | None) -> str:
    return f'"{given}"' if given else "null"
