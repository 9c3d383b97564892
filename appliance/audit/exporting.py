"""Packages of the log, asked for by a person and written by the worker. Asking for permission is the caller's part."""

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Update, case, func, select, update

from appliance.audit.errors import ExportNotFound, ExportNotReady, LogIncomplete, NothingSealed
from appliance.audit.events import Event
from appliance.audit.growth import Signer, log_key
from appliance.audit.inbox import record
from appliance.audit.packages import size_of, write_package
from appliance.audit.tables import ExportRow, HeadRow, InboxRow, LogKeyRow
from appliance.audit.values import Actor, ActorKind, Export, ExportState, LogState, Wanted
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.jobs import Job, enqueue
from appliance.kernel.log import logger
from appliance.proof.note import parse_checkpoint, parse_note

EXPORT = "audit.export"
KEPT_FOR = timedelta(days=7)
_SYSTEM = Actor(ActorKind.SYSTEM)
log = logger("audit")


def get_log(tx: Tx) -> LogState | None:
    """Return the state of the organisation's log, None before anything was sealed."""
    head = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == tx.tenant_id)).one_or_none()
    if head is None:
        return None
    keys = select(LogKeyRow).where(LogKeyRow.tenant_id == tx.tenant_id).order_by(LogKeyRow.number)
    waiting = tx.scalar(select(func.count()).select_from(InboxRow).where(InboxRow.tenant_id == tx.tenant_id))
    said = parse_checkpoint(parse_note(head.note).text)
    return LogState(
        head.origin, head.size, said.root.hex(), head.note, head.sealed_at,
        tuple(str(log_key(head.origin, one.public)) for one in tx.scalars(keys)), int(waiting or 0),
    )  # fmt: skip


def request_export(tx: Tx, actor: Actor, wanted: Wanted, *, clock: Clock) -> Export:
    """Let the worker write a package; that it was asked for is an event in the log. Raises CheckpointUnreadable, NothingSealed."""
    if wanted.earlier is not None:
        state = get_log(tx)
        if state is None:
            raise NothingSealed
        size_of(wanted.earlier, state.origin)
    export_id, asked = new_id(), _written(wanted)
    row = ExportRow(
        tenant_id=tx.tenant_id, export_id=export_id, requested_by=actor.id, requested_at=clock.now(), asked=asked,
        state=ExportState.WAITING.value, done=0, total=0,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    record(tx, actor, Event.LOG_EXPORTED, subject=export_id, **_facts(wanted))
    enqueue(tx, Job(EXPORT, export_id, lock=f"{EXPORT}/{export_id}"))
    return _export(row)


def list_exports(tx: Tx, *, before: UUID | None = None, limit: int = 50) -> list[Export]:
    """Return the packages that were asked for, the newest first, or those before one of them."""
    query = select(ExportRow).where(ExportRow.tenant_id == tx.tenant_id)
    if before is not None:
        query = query.where(ExportRow.export_id < before)
    return [_export(row) for row in tx.scalars(query.order_by(ExportRow.export_id.desc()).limit(limit))]


def get_export(tx: Tx, export_id: UUID) -> Export:
    """Return one. Raises ExportNotFound."""
    row = tx.get(ExportRow, (tx.tenant_id, export_id))
    if row is None:
        raise ExportNotFound
    return _export(row)


def open_export(tx: Tx, actor: Actor, directory: Path, export_id: UUID) -> tuple[Export, Path]:
    """Return a ready package's file; that it was taken is an event in the log. Raises ExportNotFound, ExportNotReady."""
    export = get_export(tx, export_id)
    path = _path(directory, tx.tenant_id, export_id)
    if export.state is not ExportState.READY or not path.exists():
        raise ExportNotReady
    record(tx, actor, Event.LOG_EXPORT_TAKEN, subject=export_id)
    return export, path


def write_export(
    db: Database, directory: Path, tenant_id: TenantId, export_id: UUID, *, signer: Signer, clock: Clock
) -> None:
    """Write a package that was asked for; doing it again writes it again. Raises NothingSealed: try again a little later."""
    with db.tenant(tenant_id) as tx:
        row = tx.get(ExportRow, (tenant_id, export_id))
        if row is None or row.state not in {ExportState.WAITING.value, ExportState.WRITING.value}:
            return
        wanted, row.state = _wanted(row), ExportState.WRITING.value
    path = _path(directory, tenant_id, export_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(".part")
    try:
        _write(db, tenant_id, export_id, wanted, part, signer=signer, clock=clock)
    finally:
        part.unlink(missing_ok=True)


def _write(
    db: Database, tenant_id: TenantId, export_id: UUID, wanted: Wanted, part: Path, *, signer: Signer, clock: Clock
) -> None:
    def progress(done: int, total: int) -> None:
        _put(db, tenant_id, export_id, {"done": done, "total": total})

    try:
        made = write_package(db, tenant_id, wanted, part, signer=signer, at=clock.now(), progress=progress)
    except LogIncomplete as refusal:
        log.exception("export_failed", tenant_id=str(tenant_id), export_id=str(export_id), code=refusal.code)
        _put(db, tenant_id, export_id, {"state": ExportState.FAILED.value})
        return
    values: dict[str, Any] = {"state": ExportState.READY.value, "size": made.size, "ready_at": clock.now()}
    with part.open("rb") as file:
        values["digest"] = hashlib.file_digest(file, "sha256").digest()
        os.fsync(file.fileno())
    values["byte_count"] = part.stat().st_size
    part.rename(part.with_suffix(".zip"))
    with db.tenant(tenant_id) as tx:
        tx.execute(_of(tenant_id, export_id).values(values))
        record(tx, _SYSTEM, Event.LOG_EXPORT_READY, subject=export_id, entries=made.disclosed, size=made.size)


def sweep_exports(db: Database, directory: Path, tenant_id: TenantId, *, clock: Clock) -> int:
    """Remove the files of packages that were asked for a week ago; return how many. What was not written by then has failed."""
    unwritten = (ExportState.WAITING.value, ExportState.WRITING.value)
    with db.tenant(tenant_id) as tx:
        old = update(ExportRow).where(
            ExportRow.tenant_id == tenant_id, ExportRow.state.in_((*unwritten, ExportState.READY.value)),
            ExportRow.requested_at < clock.now() - KEPT_FOR,
        )  # fmt: skip
        now = case((ExportRow.state.in_(unwritten), ExportState.FAILED.value), else_=ExportState.EXPIRED.value)
        gone = tx.scalars(old.values(state=now).returning(ExportRow.export_id)).all()
    for one in gone:
        for path in _path(directory, tenant_id, one).parent.glob(f"{one}.*"):
            path.unlink(missing_ok=True)
    return len(gone)


def _put(db: Database, tenant_id: TenantId, export_id: UUID, values: dict[str, object]) -> None:
    with db.tenant(tenant_id) as tx:
        tx.execute(_of(tenant_id, export_id).values(values))


def _of(tenant_id: TenantId, export_id: UUID) -> Update:
    return update(ExportRow).where(ExportRow.tenant_id == tenant_id, ExportRow.export_id == export_id)


def _path(directory: Path, tenant_id: TenantId, export_id: UUID) -> Path:
    return directory / str(tenant_id) / f"{export_id}.zip"


def _written(wanted: Wanted) -> dict[str, Any]:
    return {"chosen": wanted.chosen(), "period": wanted.period(), "earlier": wanted.earlier}


def _facts(wanted: Wanted) -> dict[str, Any]:
    chosen = wanted.chosen()
    facts: dict[str, Any] = {"events": ",".join(chosen.get("events", ()))} | wanted.period()
    if wanted.actors is not None:
        facts["actors"] = ",".join(chosen["actors"])
    if wanted.subject is not None:
        facts["asked_subject"] = str(wanted.subject)
    return facts


def _wanted(row: ExportRow) -> Wanted:
    chosen, period = row.asked["chosen"], row.asked["period"]
    ends = {name: datetime.fromisoformat(moment) for name, moment in period.items()}
    return Wanted(
        ends.get("since"),
        ends.get("until"),
        kinds=frozenset(map(Event, chosen["events"])) if "events" in chosen else None,
        actors=frozenset(map(UUID, chosen["actors"])) if "actors" in chosen else None,
        subject=UUID(chosen["subject"]) if "subject" in chosen else None,
        earlier=row.asked["earlier"],
    )


def _export(row: ExportRow) -> Export:
    return Export(
        row.export_id, row.requested_by, row.requested_at, ExportState(row.state), row.asked["chosen"], row.asked["period"],
        row.done, row.total, row.size, row.digest.hex() if row.digest else None, row.byte_count, row.ready_at,
    )  # fmt: skip
