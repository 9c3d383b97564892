"""What a stream reads of a log: sealed entries after its place, in order and without a gap."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from appliance.audit.disclosing import disclosed
from appliance.audit.errors import LogIncomplete
from appliance.audit.ocsf import Place
from appliance.audit.queries import entry_of
from appliance.audit.sinks.values import Sealed
from appliance.audit.tables import HeadRow, LogRow
from appliance.audit.values import Entry
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.ids import first_id_at

_SKEW = timedelta(minutes=1)
_MOST_BYTES = 512 * 1024
_COLUMNS = (LogRow.position, LogRow.event_id, LogRow.event, LogRow.recorded_at, LogRow.body)


def place_of(tx: Tx, organisation: str) -> Place:
    """Return what the log is called."""
    origin = tx.scalar(select(HeadRow.origin).where(HeadRow.tenant_id == tx.tenant_id))
    return Place(tx.tenant_id, organisation, origin or f"cloister/{tx.tenant_id}")


def first_position(tx: Tx, since: datetime | None) -> int:
    """Return where a stream begins: at the log's beginning, or at the first entry of a moment."""
    if since is None:
        return 0
    begins = LogRow.event_id >= first_id_at(since, -_SKEW)
    found = select(func.min(LogRow.position)).where(
        LogRow.tenant_id == tx.tenant_id, begins, LogRow.recorded_at >= since
    )
    size = select(HeadRow.size).where(HeadRow.tenant_id == tx.tenant_id)
    position = tx.scalar(found)
    return int(position if position is not None else tx.scalar(size) or 0)


def read_from(tx: Tx, position: int, *, most: int) -> Sequence[Sealed]:
    """Return the entries from a position on, as many as are good to send at once. Raises LogIncomplete where one is missing."""
    rows = tx.execute(
        select(*_COLUMNS)
        .where(LogRow.tenant_id == tx.tenant_id, LogRow.position >= position)
        .order_by(LogRow.position)
        .limit(most),
        execution_options=IN_BYTES,
    )
    found, size = list[Sealed](), 0
    for row in rows:
        if row.position != position + len(found):
            raise LogIncomplete
        size += len(row.body)
        if found and size > _MOST_BYTES:
            break
        found.append(sealed(*row))
    return _disclosed(tx, found)


def read_these(tx: Tx, positions: Iterable[int]) -> Sequence[Sealed]:
    """Return the entries at these positions, in order."""
    wanted = select(*_COLUMNS).where(LogRow.tenant_id == tx.tenant_id, LogRow.position.in_(sorted(positions)))
    rows = tx.execute(wanted.order_by(LogRow.position), execution_options=IN_BYTES)
    return _disclosed(tx, [sealed(*row) for row in rows])


def _disclosed(tx: Tx, found: Sequence[Sealed]) -> list[Sealed]:
    """Put personal values into their places, as far as they were not erased. Raises KeyUnavailable: then it is tried again."""
    entries = iter(disclosed(tx, [one.entry for one in found if one.entry is not None]))
    return [one if one.entry is None else replace(one, entry=next(entries)) for one in found]


def sealed(position: int | None, event_id: UUID, event: str, at: datetime, body: bytes) -> Sealed:
    """Return an entry as streams have it; one that cannot be read has nothing but its place and its bytes."""
    at = at.astimezone(UTC)
    try:
        entry = entry_of(event_id, event, at, body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Sealed(position, event_id, event, at, bytes(body), None)
    return Sealed(position, event_id, event, at, bytes(body), entry if _is_ours(entry) else None)


def _is_ours(entry: Entry) -> bool:
    """Return whether an entry has the types that we give it: who writes the database could make one that breaks every stream."""
    texts = (entry.subject, entry.actor.address, entry.actor.request_id)
    return all(one is None or isinstance(one, str) for one in texts) and (
        isinstance(entry.facts, dict) and all(isinstance(one, str | int) for one in entry.facts.values())
    )
