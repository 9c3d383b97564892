"""How sure an organisation's log is, by the anchors that stand behind it at this moment."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select

from appliance.audit.anchors import ledger
from appliance.audit.anchors.epochs import epoch_of
from appliance.audit.anchors.tables import AnchorRow
from appliance.audit.anchors.values import TIME_STAMPS, Anchors, Fault
from appliance.audit.events import Event
from appliance.audit.inbox import record
from appliance.audit.tables import HeadRow
from appliance.audit.values import LOGS, PLATFORM, Actor, ActorKind
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId

_SETTINGS: Final = "settings"
_FRESH: Final = timedelta(minutes=10)
_STAMP_FRESH: Final = timedelta(hours=2)


class Level(StrEnum):
    """Who else than this host knows of the log. Each holds what those before it hold."""

    KEY = "key"
    """Nobody: it is signed by this host's key, and who holds that can make it anew."""
    TIME_STAMP = "time_stamp"
    """A time-stamping authority signed since when it is as it is."""
    WITNESS = "witness"
    """A witness co-signs each checkpoint, and none of a log that became another one."""


@dataclass(frozen=True)
class Standing:
    """Where an anchor stands: up to which size it saw the log, when, and what is at fault."""

    name: str
    size: int
    seen_at: datetime | None
    fault: Fault | None
    fault_size: int | None
    is_current: bool


@dataclass(frozen=True)
class Assurance:
    """The level that is reached, and each anchor. `epoch` is above 1 where the log went on after a loss."""

    level: Level
    epoch: int
    witnesses: tuple[Standing, ...]
    time_stamps: Standing | None

    @property
    def contradicted(self) -> Standing | None:
        """The witness that knows the log to be another one, None if none does."""
        return next((one for one in self.witnesses if one.fault and one.fault.contradicts), None)


def assurance_of(db: Database, tenant_id: TenantId, anchors: Anchors, *, clock: Clock) -> Assurance:
    """Return how sure an organisation's log is."""
    with db.tenant(tenant_id) as tx:
        head = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == tenant_id)).one_or_none()
        rows = {one.anchor: one for one in ledger.standing(tx)}
    now, origin = clock.now(), "" if head is None else head.origin
    is_new = head is not None and (head.kept_at is None or head.kept_at > now - _FRESH)
    kept = 0 if head is None else head.kept_size
    witnesses = tuple(
        _standing(one.key.name, rows.get(one.key.name), lambda row: row.origin == origin and (row.size >= kept or is_new))
        for one in anchors.witnesses
    )
    stamps = _stamps(db, now) if anchors.stamps else None
    level = Level.TIME_STAMP if stamps is not None and stamps.is_current else Level.KEY
    if any(one.is_current for one in witnesses):
        level = Level.WITNESS
    return Assurance(level, epoch_of(origin), witnesses, stamps)


def is_contradicted(tx: Tx, anchors: Anchors) -> bool:
    """Say whether a witness knows the organisation's log to be another one."""
    names = {one.key.name for one in anchors.witnesses}
    return any(one.anchor in names and one.fault and Fault(one.fault).contradicts for one in ledger.standing(tx))


def count_faults(db: Database) -> dict[str, int]:
    """Return how many logs each anchor has something against, by `anchor fault`. Asked as the role that sees all logs."""
    found: dict[str, int] = {}
    with db.platform() as tx:
        for row in tx.scalars(select(AnchorRow).where(AnchorRow.fault.is_not(None))):
            name = f"{row.anchor.removeprefix('reach ')} {row.fault}"
            found[name] = found.get(name, 0) + 1
    return found


def note_anchors(db: Database, anchors: Anchors, *, clock: Clock) -> None:
    """Record where the settings name other anchors than before. The settings are in force; this is their history."""
    names = "\n".join(anchors.names())
    with db.tenant(PLATFORM) as tx:
        row = tx.get(AnchorRow, (PLATFORM, _SETTINGS))
        before = "" if row is None else row.origin
        if before == names:
            return
        if row is None:
            tx.add(AnchorRow(tenant_id=PLATFORM, anchor=_SETTINGS, origin=names, size=0, seen_at=clock.now()))
        else:
            row.origin, row.seen_at = names, clock.now()
        record(
            tx, Actor(ActorKind.OPERATOR), Event.ANCHORS_CHANGED,
            before=before.replace("\n", ", "), after=names.replace("\n", ", "),
        )  # fmt: skip


def _stamps(db: Database, now: datetime) -> Standing:
    with db.tenant(LOGS) as tx:
        row = tx.get(AnchorRow, (LOGS, TIME_STAMPS))
        kept = ledger.newest_kept(tx)
    with db.tenant(PLATFORM) as tx:
        reach = tx.get(AnchorRow, (PLATFORM, f"reach {TIME_STAMPS}"))
    is_all = row is not None and kept is not None and (row.origin, row.size) == (kept.origin, kept.size)
    found = _standing(
        TIME_STAMPS, row, lambda one: is_all or (one.seen_at is not None and one.seen_at > now - _STAMP_FRESH)
    )
    return replace(found, fault=Fault.AWAY) if reach is not None and reach.fault else found


def _standing(name: str, row: AnchorRow | None, is_current: Callable[[AnchorRow], bool]) -> Standing:
    if row is None:
        return Standing(name, 0, None, None, None, is_current=False)
    fault = Fault(row.fault) if row.fault else None
    return Standing(name, row.size, row.seen_at, fault, row.fault_size, is_current=fault is None and row.seen_at is not None and is_current(row))
