"""Packages of the log, asked for by a person and written by the worker. Asking for permission is the caller's part."""

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Update, case, func, select, update

from appliance.audit.anchors.attending import Attendant
from appliance.audit.errors import (
    DiskFull,
    ExportNotFound,
    ExportNotReady,
    ExportsFull,
    ExportsLimited,
    LogIncomplete,
    NothingSealed,
)
from appliance.audit.events import Event
from appliance.audit.growth import Signer, log_key
from appliance.audit.inbox import record
from appliance.audit.packages import private_file, size_of, write_package
from appliance.audit.tables import ExportRow, HeadRow, InboxRow, LogKeyRow
from appliance.audit.values import (
    Actor,
    ActorKind,
    Export,
    ExportState,
    LogState,
    Outcome,
    Room,
    RoomUsed,
    Wanted,
    suffix_of,
)
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.jobs import Job, enqueue
from appliance.kernel.log import logger
from appliance.kernel.pieces import Pieces
from appliance.kernel.recipients import Recipient, RecipientInvalid, parse_recipient
from appliance.proof.note import parse_checkpoint, parse_note
from appliance.proof.short import short

EXPORT = "audit.export"
_ROOM = Room()
AT_ONCE, HOURLY = 5, 30
_SEALED = ".sealed"
_AGAIN = timedelta(minutes=5)
_WAITS = "nothing is sealed at the moment: the log waits for its first entry, for a witness to answer, or for a new epoch"
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
        tuple(str(log_key(head.origin, one.public)) for one in tx.scalars(keys)), int(waiting or 0), short(said),
    )  # fmt: skip


def request_export(tx: Tx, actor: Actor, wanted: Wanted, *, clock: Clock, room: Room = _ROOM) -> Export:
    """Let the worker write a package; that it was asked for is an event in the log.

    Raises CheckpointUnreadable, ExportsFull, ExportsLimited, NothingSealed, RecipientInvalid.
    """
    _require_room(tx, clock)
    require_free(tx, 1, room)
    if wanted.earlier is not None:
        state = get_log(tx)
        if state is None:
            raise NothingSealed
        size_of(wanted.earlier, state.origin)
    recipient = None if wanted.sealed_to is None else parse_recipient(wanted.sealed_to, now=clock.now())
    export_id, asked = new_id(), asked_of(wanted, recipient)
    row = ExportRow(
        tenant_id=tx.tenant_id, export_id=export_id, requested_by=actor.id, requested_at=clock.now(), asked=asked,
        state=ExportState.WAITING.value, done=0, total=0, tries=0,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    record(tx, actor, Event.LOG_EXPORTED, subject=export_id, **facts_of(wanted, recipient))
    enqueue(tx, Job(EXPORT, export_id, lock=f"{EXPORT}/{export_id}"))
    return _export(row)


def _require_room(tx: Tx, clock: Clock) -> None:
    """Raise ExportsLimited where an organisation asks for more than one worker should write for it."""
    in_turn(tx, "audit-exports")
    unwritten = ExportRow.state.in_((ExportState.WAITING.value, ExportState.WRITING.value))
    mine = select(func.count()).select_from(ExportRow).where(ExportRow.tenant_id == tx.tenant_id)
    hour = ExportRow.requested_at > clock.now() - timedelta(hours=1)
    if (tx.scalar(mine.where(unwritten)) or 0) >= AT_ONCE or (tx.scalar(mine.where(hour)) or 0) >= HOURLY:
        raise ExportsLimited


def room_used(tx: Tx, room: Room) -> RoomUsed:
    """Return how much of the disk the organisation's packages take."""
    taken = func.coalesce(func.sum(ExportRow.byte_count), 0)
    ready = ExportRow.tenant_id == tx.tenant_id, ExportRow.state == ExportState.READY.value
    return RoomUsed(int(tx.scalar(select(taken).where(*ready)) or 0), room.most_bytes, room.days)


def require_free(tx: Tx, size: int, room: Room) -> None:
    """Raise ExportsFull where so many bytes more are more than an organisation's packages may take."""
    used = room_used(tx, room).used_bytes
    if used + size > room.most_bytes:
        raise ExportsFull(used=used // 1_000_000, most=room.most_bytes // 1_000_000, days=room.days)


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
    path = export_path(directory, tx.tenant_id, export)
    if export.state is not ExportState.READY or not path.exists():
        raise ExportNotReady
    record(tx, actor, Event.LOG_EXPORT_TAKEN, subject=export_id)
    return export, path


def write_export(
    db: Database, directory: Path, tenant_id: TenantId, export_id: UUID, *, signer: Signer, clock: Clock,
    attendant: Attendant | None = None, room: Room = _ROOM,
) -> None:  # fmt: skip
    """Write a package that was asked for; doing it again writes it again. Its checkpoint is shown to the anchors first.

    Raises NothingSealed: try again a little later.
    """
    with db.tenant(tenant_id) as tx:
        row = tx.get(ExportRow, (tenant_id, export_id))
        if row is None or row.state not in {ExportState.WAITING.value, ExportState.WRITING.value}:
            return
        wanted, row.state = _wanted(row), ExportState.WRITING.value
    part = _path(directory, tenant_id, export_id, None).with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        _write(db, tenant_id, export_id, wanted, part, signer=signer, clock=clock, attendant=attendant, room=room)
    except NothingSealed:
        # The queue tries again for a minute or two; a witness may be away for longer (`resume_exports`).
        said = {"state": ExportState.WAITING.value, "failure": _WAITS, "next_try_at": clock.now() + _AGAIN}
        _put(db, tenant_id, export_id, said)
        raise
    finally:
        for one in (part, part.with_suffix(_SEALED)):
            one.unlink(missing_ok=True)


def _write(
    db: Database, tenant_id: TenantId, export_id: UUID, wanted: Wanted, part: Path, *, signer: Signer, clock: Clock,
    attendant: Attendant | None, room: Room,
) -> None:  # fmt: skip
    def progress(done: int, total: int) -> None:
        _put(db, tenant_id, export_id, {"done": done, "total": total})

    anchored, stamps = (attendant.anchor(tenant_id), attendant.stamps) if attendant else (None, None)
    try:
        made = write_package(
            db, tenant_id, wanted, part, signer=signer, at=clock.now(), progress=progress, anchored=anchored, stamps=stamps
        )
        ready, name = _sealed(part, wanted, clock)
        with db.tenant(tenant_id) as tx:
            require_free(tx, ready.stat().st_size, room)
    except (DiskFull, ExportsFull, LogIncomplete, RecipientInvalid) as refusal:
        log.exception("export_failed", tenant_id=str(tenant_id), export_id=str(export_id), code=refusal.code)
        _give_up(db, tenant_id, export_id, str(refusal)[:300])
        return
    values: dict[str, Any] = {"state": ExportState.READY.value, "failure": None, "next_try_at": None, "size": made.size, "ready_at": clock.now()}
    with ready.open("rb") as file:
        values["digest"] = hashlib.file_digest(file, "sha256").digest()
        os.fsync(file.fileno())
    values["byte_count"] = ready.stat().st_size
    ready.rename(part.with_name(f"{export_id}{suffix_of(name)}"))
    with db.tenant(tenant_id) as tx:
        tx.execute(_of(tenant_id, export_id).values(values))
        record(tx, _SYSTEM, Event.LOG_EXPORT_READY, subject=export_id, entries=made.disclosed, size=made.size)


def _give_up(db: Database, tenant_id: TenantId, export_id: UUID, failure: str) -> None:
    """Say that a package failed, and why; of one that nobody waits for, since a schedule asked for it, the log says it, too."""
    with db.tenant(tenant_id) as tx:
        gone = _of(tenant_id, export_id).values(state=ExportState.FAILED.value, failure=failure)
        if tx.scalar(gone.returning(ExportRow.schedule_id)) is not None:
            record(
                tx, _SYSTEM, Event.LOG_EXPORT_UNDELIVERED, subject=export_id, outcome=Outcome.FAILURE, tries=0, given_up=1
            )


def _sealed(part: Path, wanted: Wanted, clock: Clock) -> tuple[Path, str | None]:
    """Return the file that is handed out, and whom it is sealed to. Raises RecipientInvalid: a certificate may have ended."""
    if wanted.sealed_to is None:
        return part, None
    recipient, target = parse_recipient(wanted.sealed_to, now=clock.now()), part.with_suffix(_SEALED)
    with private_file(target) as file:
        file.writelines(recipient.sealed(Pieces(part)))
    part.unlink()
    return target, recipient.name


def sweep_exports(db: Database, directory: Path, tenant_id: TenantId, *, clock: Clock, room: Room = _ROOM) -> int:
    """Remove the files of packages that were asked for so many days ago; return how many. What was not written by then has failed.

    One that was to be put somewhere and never was, is told of: nobody tries it again.
    """
    unwritten = (ExportState.WAITING.value, ExportState.WRITING.value)
    with db.tenant(tenant_id) as tx:
        old = update(ExportRow).where(
            ExportRow.tenant_id == tenant_id, ExportRow.state.in_((*unwritten, ExportState.READY.value)),
            ExportRow.requested_at < clock.now() - timedelta(days=room.days),
        )  # fmt: skip
        now = case((ExportRow.state.in_(unwritten), ExportState.FAILED.value), else_=ExportState.EXPIRED.value)
        rows = tx.execute(
            old.values(state=now).returning(ExportRow.export_id, ExportRow.schedule_id, ExportRow.delivered_at, ExportRow.tries)
        ).all()
        for row in rows:
            if row.schedule_id is not None and row.delivered_at is None:
                record(
                    tx, _SYSTEM, Event.LOG_EXPORT_UNDELIVERED, subject=row.export_id, outcome=Outcome.FAILURE, tries=row.tries, given_up=1,
                )  # fmt: skip
        gone = [row.export_id for row in rows]
    for one in gone:
        for path in (directory / str(tenant_id)).glob(f"{one}.*"):
            path.unlink(missing_ok=True)
    return len(gone)


def resume_exports(db: Database, tenant_id: TenantId, *, clock: Clock) -> int:
    """Have packages that wait because nothing was sealed written again, until `sweep_exports` gives them up; return how many."""
    now = clock.now()
    with db.tenant(tenant_id) as tx:
        due = update(ExportRow).where(
            ExportRow.tenant_id == tenant_id, ExportRow.state == ExportState.WAITING.value, ExportRow.next_try_at <= now,
        )  # fmt: skip
        found = tx.scalars(due.values(next_try_at=now + _AGAIN).returning(ExportRow.export_id)).all()
        for one in found:
            enqueue(tx, Job(EXPORT, one, lock=f"{EXPORT}/{one}"))
    return len(found)


def _put(db: Database, tenant_id: TenantId, export_id: UUID, values: dict[str, object]) -> None:
    with db.tenant(tenant_id) as tx:
        tx.execute(_of(tenant_id, export_id).values(values))


def _of(tenant_id: TenantId, export_id: UUID) -> Update:
    return update(ExportRow).where(ExportRow.tenant_id == tenant_id, ExportRow.export_id == export_id)


def export_path(directory: Path, tenant_id: TenantId, export: Export) -> Path:
    """Return where a package lies while it is ready."""
    return _path(directory, tenant_id, export.export_id, export.sealed_to)


def _path(directory: Path, tenant_id: TenantId, export_id: UUID, sealed_to: str | None) -> Path:
    return directory / str(tenant_id) / f"{export_id}{suffix_of(sealed_to)}"


def asked_of(wanted: Wanted, recipient: Recipient | None) -> dict[str, Any]:
    """Return what is asked as it is stored."""
    asked: dict[str, Any] = {"chosen": wanted.chosen(), "period": wanted.period(), "earlier": wanted.earlier}
    if wanted.with_ocsf:
        asked["ocsf"] = True
    if not wanted.is_personal:
        asked["personal"] = False
    return asked if recipient is None else asked | {"key": wanted.sealed_to, "sealed_to": recipient.name}


def facts_of(wanted: Wanted, recipient: Recipient | None) -> dict[str, Any]:
    """Return what is asked as the log says it."""
    chosen = wanted.chosen()
    facts: dict[str, Any] = {"events": ",".join(chosen.get("events", ()))} | wanted.period()
    if wanted.actors is not None:
        facts["actors"] = ",".join(chosen["actors"])
    if wanted.subject is not None:
        facts["asked_subject"] = str(wanted.subject)
    if not wanted.is_personal:
        facts["personal_values"] = "withheld"
    if recipient is not None:
        facts["sealed_to"] = recipient.name
    if wanted.with_ocsf:
        facts["ocsf"] = 1
    return facts


def wanted_of(asked: dict[str, Any], *, since: datetime | None, until: datetime | None) -> Wanted:
    """Return what was stored by `asked_of`, of a period."""
    chosen = asked["chosen"]
    return Wanted(
        since,
        until,
        kinds=frozenset(map(Event, chosen["events"])) if "events" in chosen else None,
        actors=frozenset(map(UUID, chosen["actors"])) if "actors" in chosen else None,
        subject=UUID(chosen["subject"]) if "subject" in chosen else None,
        earlier=asked["earlier"],
        sealed_to=asked.get("key"),
        with_ocsf=asked.get("ocsf", False),
        is_personal=asked.get("personal", True),
    )


def _wanted(row: ExportRow) -> Wanted:
    ends = {name: datetime.fromisoformat(moment) for name, moment in row.asked["period"].items()}
    return wanted_of(row.asked, since=ends.get("since"), until=ends.get("until"))


def _export(row: ExportRow) -> Export:
    return Export(
        row.export_id, row.requested_by, row.requested_at, ExportState(row.state), row.asked["chosen"], row.asked["period"],
        row.done, row.total, row.size, row.digest.hex() if row.digest else None, row.byte_count, row.ready_at,
        row.asked.get("sealed_to"), row.schedule_id, row.delivered_at, row.tries, row.failure, row.next_try_at,
    )  # fmt: skip
