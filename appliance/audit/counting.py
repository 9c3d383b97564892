"""How often something happened, and since when there is a log. Asking for permission is the caller's part."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, union_all

from appliance.audit.events import Event
from appliance.audit.queries import conditions, entry_of
from appliance.audit.tables import HeadRow, InboxRow, LogRow
from appliance.audit.values import Entry, EntryFilter
from appliance.kernel.db import Tx


@dataclass(frozen=True)
class Counts:
    """How often, by name; and when the oldest sealed entry was recorded."""

    of: Mapping[str, int]
    first_at: datetime | None


def count_entries(tx: Tx, wanted: Mapping[str, EntryFilter], *, most: int) -> Counts:
    """Return how many entries each filter lets through, in one statement, counting none further than `most`."""
    counted = []
    for name, one in wanted.items():
        parts = [
            select(source.event_id).where(source.tenant_id == tx.tenant_id, *conditions(source, one)).limit(most)
            for source in (LogRow, InboxRow)
        ]
        both = union_all(*(part.subquery().select() for part in parts)).limit(most).subquery()
        counted.append(select(func.count()).select_from(both).scalar_subquery().label(name))
    first = select(LogRow.recorded_at).where(LogRow.tenant_id == tx.tenant_id).order_by(LogRow.position).limit(1)
    row = tx.execute(select(first.scalar_subquery().label("first_at"), *counted)).one()
    return Counts({name: int(number) for name, number in zip(wanted, row[1:], strict=True)}, row[0])


def newest_entries(tx: Tx, kinds: Iterable[Event], since: datetime, *, most: int) -> list[Entry]:
    """Return the newest entries of rare kinds. Each kind is looked up by its own index: a log full of others costs no more."""
    parts = []
    for kind in sorted(kinds):
        for source in (LogRow, InboxRow):
            query = select(source.event_id, source.event, source.recorded_at, source.body).where(
                source.tenant_id == tx.tenant_id, *conditions(source, EntryFilter(kind, since=since))
            )
            parts.append(query.order_by(source.event_id.desc()).limit(most).subquery().select())
    both = union_all(*parts).subquery()
    return [entry_of(*row) for row in tx.execute(select(both).order_by(both.c.event_id.desc()).limit(most))]


def is_log_whole(tx: Tx) -> tuple[int, bool]:
    """Return how many entries the signed head counts, and whether as many are there."""
    size = int(tx.scalar(select(HeadRow.size).where(HeadRow.tenant_id == tx.tenant_id)) or 0)
    there = int(tx.scalar(select(func.count()).where(LogRow.tenant_id == tx.tenant_id)) or 0)
    return size, there == size
