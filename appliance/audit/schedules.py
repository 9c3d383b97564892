"""Packages that are made every week or month, of the one before, and put into the folder that the operator of the host named, or elsewhere.

What is due is asked for by the worker's round, as somebody would ask; what is ready is put into the folder by the next
one; what goes elsewhere is `places/`. A full or missing folder loses nothing: it is tried again until the package's days are over.
Asking for permission is the caller's part.
"""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Update, and_, delete, func, or_, select, update

from appliance.audit.errors import ExportsLimited, NoExportFolder, ScheduleNotFound, SchedulesLimited
from appliance.audit.events import Event
from appliance.audit.exporting import asked_of, export_path, facts_of, get_export, request_export, wanted_of
from appliance.audit.inbox import record
from appliance.audit.packages import private_file
from appliance.audit.places.addresses import fill, place_of
from appliance.audit.places.values import NewPlace
from appliance.audit.tables import ExportRow, ScheduleRow
from appliance.audit.values import Actor, ActorKind, Every, Export, ExportState, PlaceKind, Room, Schedule, Wanted
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.log import logger
from appliance.kernel.recipients import RecipientInvalid, parse_recipient

MOST = 20
_LATER = timedelta(hours=1)
"""After the end of a period: what was recorded in its last moments is sealed by then."""
_SYSTEM = Actor(ActorKind.SYSTEM)
_ROOM = Room()
log = logger("audit")


def create_schedule(
    tx: Tx, actor: Actor, every: Every, wanted: Wanted, *, folder: Path | None, clock: Clock, place: NewPlace | None = None
) -> Schedule:
    """Let a package be made of each week or month from this one on. Raises NoExportFolder, SchedulesLimited, RecipientInvalid, and as a place is checked."""
    is_here = place is None or place.form.kind is PlaceKind.FOLDER
    if folder is None and is_here:
        raise NoExportFolder
    in_turn(tx, "audit-schedules")
    count = select(func.count()).select_from(ScheduleRow).where(ScheduleRow.tenant_id == tx.tenant_id)
    if (tx.scalar(count) or 0) >= MOST:
        raise SchedulesLimited
    now = clock.now()
    recipient = None if wanted.sealed_to is None else parse_recipient(wanted.sealed_to, now=now)
    row = ScheduleRow(
        tenant_id=tx.tenant_id, schedule_id=new_id(), created_by=actor.id, created_at=now, every=every.value,
        asked=asked_of(wanted, recipient), next_at=period_of(every, now)[1] + _LATER,
    )  # fmt: skip
    row.kind = PlaceKind.FOLDER.value
    if place is not None:
        fill(tx, row, place)
    tx.add(row)
    tx.flush()
    record(
        tx,
        actor,
        Event.LOG_EXPORT_SCHEDULED,
        subject=row.schedule_id,
        every=every.value,
        place=row.kind,
        host=urlsplit(row.url or "").hostname or "",
        **facts_of(wanted, recipient),
    )
    return _schedule(row)


def list_schedules(tx: Tx) -> list[Schedule]:
    """Return what is made by itself, the oldest first."""
    query = select(ScheduleRow).where(ScheduleRow.tenant_id == tx.tenant_id).order_by(ScheduleRow.schedule_id)
    return [_schedule(row) for row in tx.scalars(query)]


def remove_schedule(tx: Tx, actor: Actor, schedule_id: UUID) -> None:
    """Make no more packages by a schedule; those that are there stay. Raises ScheduleNotFound."""
    gone = tx.scalar(
        delete(ScheduleRow)
        .where(ScheduleRow.tenant_id == tx.tenant_id, ScheduleRow.schedule_id == schedule_id)
        .returning(ScheduleRow.schedule_id)
    )
    if gone is None:
        raise ScheduleNotFound
    record(tx, actor, Event.LOG_EXPORT_UNSCHEDULED, subject=schedule_id)


def tend_schedules(
    db: Database, directory: Path, folder: Path | None, tenant_id: TenantId, *, clock: Clock,
    room: Room = _ROOM,
) -> tuple[int, int]:  # fmt: skip
    """Ask for what is due, and put what is ready into the folder; return how many of each."""
    with db.tenant(tenant_id) as tx:
        due = tx.scalars(
            select(ScheduleRow.schedule_id).where(
                ScheduleRow.tenant_id == tenant_id, ScheduleRow.next_at <= clock.now()
            )
        ).all()
        theirs = and_(ScheduleRow.tenant_id == ExportRow.tenant_id, ScheduleRow.schedule_id == ExportRow.schedule_id)
        waiting = select(ExportRow.export_id).outerjoin(ScheduleRow, theirs).where(
            or_(ScheduleRow.kind.is_(None), ScheduleRow.kind == PlaceKind.FOLDER.value),
            ExportRow.tenant_id == tenant_id, ExportRow.schedule_id.is_not(None), ExportRow.delivered_at.is_(None),
            ExportRow.state == ExportState.READY.value,
        )  # fmt: skip
        ready = [get_export(tx, one) for one in tx.scalars(waiting.order_by(ExportRow.export_id)).all()]
    asked = sum(_tried(tenant_id, partial(_ask, db, tenant_id, one, clock, room)) for one in due)
    if folder is None:
        return asked, 0
    return asked, sum(
        _tried(tenant_id, partial(_deliver, db, directory, folder, tenant_id, one, clock)) for one in ready
    )


def period_of(every: Every, moment: datetime) -> tuple[datetime, datetime]:
    """Return the week or month that a moment is in, in UTC: its beginning, and that of the next."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if every is Every.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _tried(tenant_id: TenantId, what: Callable[[], bool]) -> bool:
    """Do one thing; what stops it stops nothing else, and it is tried again in the next round."""
    try:
        return what()
    except (OSError, ExportsLimited, RecipientInvalid) as error:
        log.warning(
            "scheduled_export_waits", tenant_id=str(tenant_id), code=getattr(error, "code", type(error).__name__)
        )
        return False


def _ask(db: Database, tenant_id: TenantId, schedule_id: UUID, clock: Clock, room: Room) -> bool:
    with db.tenant(tenant_id) as tx:
        due = select(ScheduleRow).where(
            ScheduleRow.tenant_id == tenant_id,
            ScheduleRow.schedule_id == schedule_id,
            ScheduleRow.next_at <= clock.now(),
        )
        row = tx.scalars(due.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return False  # Another worker got there first, or it was removed.
        # One package for each period that went by: a host that was off for two months owes two.
        every = Every(row.every)
        since, until = period_of(every, row.next_at - _LATER - timedelta(seconds=1))
        export = request_export(tx, _SYSTEM, wanted_of(row.asked, since=since, until=until), clock=clock, room=room)
        tx.execute(_of(tenant_id, export.export_id).values(schedule_id=schedule_id))
        row.next_at = period_of(every, until)[1] + _LATER
    return True


def _deliver(db: Database, directory: Path, folder: Path, tenant_id: TenantId, export: Export, clock: Clock) -> bool:
    _copy(export_path(directory, tenant_id, export), folder / str(tenant_id) / export.place_name)
    with db.tenant(tenant_id) as tx:
        tx.execute(_of(tenant_id, export.export_id).values(delivered_at=clock.now()))
        record(tx, _SYSTEM, Event.LOG_EXPORT_DELIVERED, subject=export.export_id, size=export.size or 0)
    return True


def _of(tenant_id: TenantId, export_id: UUID) -> Update:
    return update(ExportRow).where(ExportRow.tenant_id == tenant_id, ExportRow.export_id == export_id)


def _copy(source: Path, target: Path) -> None:
    """Copy whole or not at all: who looks into the folder never sees the beginning of a package under its name."""
    target.parent.mkdir(parents=False, exist_ok=True, mode=0o700)
    part = target.with_name(f".{target.name}.part")
    try:
        with source.open("rb") as read, private_file(part) as written:
            shutil.copyfileobj(read, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _schedule(row: ScheduleRow) -> Schedule:
    return Schedule(
        row.schedule_id, Every(row.every), row.asked["chosen"], row.asked.get("sealed_to"), row.created_by, row.created_at, row.next_at,
        place_of(row),
    )  # fmt: skip
