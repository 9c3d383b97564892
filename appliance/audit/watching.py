"""Whether something is wrong with a log: what people are mailed of, and machines are told as numbers.

- `unsealed`: an entry has waited for more than five minutes; the sequencer does not run, or may not.
- `stream`: a stream is more than an hour behind.
- `anchor`: a witness or the time-stamping authority does not answer, or contradicts.
- `verification`: the nightly look over the whole log found that it is not what was signed.

A row says since when; whoever raises one tells of it, so several processes tell once. That it was raised and ended is an event.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from appliance.audit.anchors.levels import Assurance
from appliance.audit.events import Event
from appliance.audit.growth import log_key
from appliance.audit.inbox import NewEntry, record, record_all
from appliance.audit.queries import list_entries
from appliance.audit.sinks.tables import SinkRow
from appliance.audit.tables import AlarmRow, HeadRow, InboxRow, LogKeyRow, LogRow
from appliance.audit.values import Actor, ActorKind, EntryFilter, Outcome
from appliance.kernel.clock import Clock
from appliance.kernel.db import IN_BYTES, Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.sealing import signature_holds
from appliance.proof.note import NoteBroken, PublicKey, parse_checkpoint, parse_note, signed_by
from appliance.proof.tree import Frontier, leaf_hash

UNSEALED_FOR: Final = timedelta(minutes=5)
_NIGHT: Final = range(1, 5)
_AFTER, _AT_THE_LATEST = timedelta(hours=12), timedelta(hours=36)
_PIECE: Final = 5_000
_SYSTEM: Final = Actor(ActorKind.SYSTEM)
_COUNTS: Final = text("SELECT kind, count FROM log_alarms()")
log = logger("audit")


class AlarmKind(StrEnum):
    ANCHOR = "anchor"
    STREAM = "stream"
    UNSEALED = "unsealed"
    VERIFICATION = "verification"


@dataclass(frozen=True)
class Alarm:
    """What is wrong, and since when."""

    kind: AlarmKind
    since: datetime
    detail: str


def watch(db: Database, tenant_id: TenantId, assurance: Assurance, *, clock: Clock) -> list[Alarm]:
    """Look at a log, and return what is wrong since this look: people are to be told of it. What is well again ends."""
    now = clock.now()
    with db.tenant(tenant_id) as tx:
        found = dict(_wrong(tx, assurance, now))
        raised = {AlarmKind(one) for one in tx.scalars(select(AlarmRow.kind).where(AlarmRow.tenant_id == tenant_id))}
        new = [one for kind, detail in found.items() if kind not in raised and (one := _raise(tx, kind, detail, now))]
        for kind in raised - found.keys() - {AlarmKind.VERIFICATION}:
            _end(tx, kind)
    return new


def verify_nightly(db: Database, tenant_id: TenantId, *, clock: Clock) -> Alarm | None:
    """Look over the whole log once a night; return what people are to be told of, None where all is well, known or not due."""
    now = clock.now()
    with db.tenant(tenant_id) as tx:
        head = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == tenant_id)).one_or_none()
        last = list_entries(tx, EntryFilter(Event.LOG_VERIFIED), limit=1)
        if head is None or not _is_due(now - last[0].at if last else None, now):
            return None
        tx.expunge(head)
        keys = [log_key(head.origin, one) for one in tx.scalars(select(LogKeyRow.public).where(LogKeyRow.tenant_id == tenant_id))]
    fault = _fault(db, tenant_id, head, keys)
    with db.tenant(tenant_id) as tx:
        outcome = Outcome.SUCCESS if fault is None else Outcome.FAILURE
        facts: dict[str, str | int] = {"entries": head.size} if fault is None else {"entries": head.size, "fault": fault}
        record_all(tx, [NewEntry(_SYSTEM, Event.LOG_VERIFIED, outcome=outcome, facts=facts)])
        if fault is None:
            _end(tx, AlarmKind.VERIFICATION)
            return None
        log.error("log_altered", tenant_id=str(tenant_id), fault=fault)
        return _raise(tx, AlarmKind.VERIFICATION, fault, now)


def list_alarms(tx: Tx) -> list[Alarm]:
    """Return what is wrong with the organisation's log now."""
    rows = tx.scalars(select(AlarmRow).where(AlarmRow.tenant_id == tx.tenant_id).order_by(AlarmRow.kind))
    return [Alarm(AlarmKind(one.kind), one.since, one.detail) for one in rows]


def count_alarms(tx: Tx) -> dict[AlarmKind, int]:
    """Return with how many logs of the house something is wrong, by what it is; it names nobody."""
    counted = {AlarmKind(kind): int(count) for kind, count in tx.execute(_COUNTS)}
    return {kind: counted.get(kind, 0) for kind in AlarmKind}


def _wrong(tx: Tx, assurance: Assurance, now: datetime) -> Iterator[tuple[AlarmKind, str]]:
    oldest = tx.scalar(select(func.min(InboxRow.recorded_at)).where(InboxRow.tenant_id == tx.tenant_id))
    if oldest is not None and now - oldest > UNSEALED_FOR:
        yield AlarmKind.UNSEALED, f"since {oldest:%Y-%m-%d %H:%M} (UTC)"
    behind = select(SinkRow.name).where(SinkRow.tenant_id == tx.tenant_id, SinkRow.alarmed_at.is_not(None))
    if names := list(tx.scalars(behind.order_by(SinkRow.name))):
        yield AlarmKind.STREAM, ", ".join(names)[:300]
    anchors = [*assurance.witnesses, *([assurance.time_stamps] if assurance.time_stamps else [])]
    if wrong := [f"{one.name}: {one.fault.value}" for one in anchors if one.fault]:
        yield AlarmKind.ANCHOR, ", ".join(wrong)[:300]


def _raise(tx: Tx, kind: AlarmKind, detail: str, now: datetime) -> Alarm | None:
    row = {"tenant_id": tx.tenant_id, "kind": kind.value, "since": now, "detail": detail[:300]}
    if tx.scalar(insert(AlarmRow).values(row).on_conflict_do_nothing().returning(AlarmRow.kind)) is None:
        return None  # Another process told of it.
    record(tx, _SYSTEM, Event.LOG_ALARM_RAISED, outcome=Outcome.FAILURE, kind=kind.value)
    return Alarm(kind, now, detail)


def _end(tx: Tx, kind: AlarmKind) -> None:
    gone = delete(AlarmRow).where(AlarmRow.tenant_id == tx.tenant_id, AlarmRow.kind == kind.value)
    if tx.scalar(gone.returning(AlarmRow.kind)) is not None:
        record(tx, _SYSTEM, Event.LOG_ALARM_ENDED, kind=kind.value)


def _is_due(age: timedelta | None, now: datetime) -> bool:
    return age is None or age >= _AT_THE_LATEST or (age >= _AFTER and now.hour in _NIGHT)


def _fault(db: Database, tenant_id: TenantId, head: HeadRow, keys: list[PublicKey]) -> str | None:
    """Return what is wrong with a log, None if it is what its key signed. Reads it in pieces, each in a transaction of its own."""
    try:
        note = parse_note(head.note)
        said = parse_checkpoint(note.text)
    except NoteBroken:
        return "its checkpoint cannot be read"
    if signed_by(note, keys, verifies=signature_holds) is None or (said.origin, said.size) != (head.origin, head.size):
        return "its checkpoint is not signed by its key, or is another one"
    tree = Frontier()
    for low in range(0, head.size, _PIECE):
        query = select(LogRow.position, LogRow.leaf, LogRow.body).where(
            LogRow.tenant_id == tenant_id, LogRow.position >= low, LogRow.position < min(low + _PIECE, head.size)
        )
        with db.tenant(tenant_id) as tx:
            rows = tx.execute(query.order_by(LogRow.position), execution_options=IN_BYTES).all()
        for position, leaf, body in rows:
            if position != tree.size:
                return f"the entry at position {tree.size} is missing"
            if leaf_hash(bytes(body)) != bytes(leaf):
                return f"the entry at position {position} is not the one that was sealed"
            tree.append(bytes(leaf))
    if tree.size != head.size:
        return f"the entry at position {tree.size} is missing"
    return None if tree.root() == said.root else "its entries do not lead to the signed root"
