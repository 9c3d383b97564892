import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO
from uuid import UUID

from appliance import audit, identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Listed, Output, Page
from appliance.audit import Actor, Entry, Event, Outcome
from appliance.audit.values import ActorKind
from appliance.identity import Caller, Permission
from appliance.identity.permissions import require_granted
from appliance.kernel.db import Tx
from appliance.proof.export import lines

_IN_MEMORY = 8_000_000


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


@operation("GET", "/audit/export", permission=Permission.AUDIT_READ, streams=True, media="application/jsonl")
def export_audit(call: Call) -> Iterator[str]:
    """Return the whole log, the oldest entry first, as JSON lines that `python -m appliance.proof FILE` checks offline."""
    # Written first and sent afterwards: a slow reader must not hold the transaction. The file has no name to open.
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, mode="w+", encoding="utf-8")  # noqa: SIM115 - _sent closes it
    try:
        with call.tenant() as tx:
            kept.writelines(export_lines(tx, call.caller))
    except BaseException:
        kept.close()
        raise
    return _sent(kept)


def export_lines(tx: Tx, caller: Caller) -> Iterator[str]:
    """Yield the lines of an export, which is an event in the log and in the export."""
    identity.require(caller, Permission.AUDIT_READ)
    audit.record(tx, caller.actor, Event.LOG_EXPORTED)
    for line in lines(audit.iterate_bodies(tx)):
        yield line + "\n"


def _sent(kept: IO[str]) -> Iterator[str]:
    with kept:
        kept.seek(0)
        yield from kept


def _out(entry: Entry) -> EntryOut:
    actor: Actor = entry.actor
    return EntryOut(
        event_id=entry.event_id, event=entry.event, at=entry.at, actor=ActorOut.model_validate(actor),
        outcome=entry.outcome, subject=entry.subject, facts=dict(entry.facts),
    )  # fmt: skip
