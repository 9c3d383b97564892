"""Reading streams: what there is, how far each is, and what was left out. Asking for permission is the caller's part."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text

from appliance.audit.ocsf.values import Severity
from appliance.audit.sinks.choosing import Choice
from appliance.audit.sinks.errors import LetterNotFound, SinkNotFound
from appliance.audit.sinks.tables import LetterRow, SinkRow
from appliance.audit.sinks.values import Letter, Scope, Sink, SinkKind
from appliance.kernel.db import Tx

_LAGS = text("SELECT sink_id, waiting, oldest_at FROM own_stream_lags()")
_SUMS = text("SELECT * FROM stream_sums()")


@dataclass(frozen=True)
class Sums:
    """All streams of the house in numbers; they name nobody."""

    streams: int
    failing: int
    waiting: int
    oldest_at: datetime | None
    letters: int


def list_sinks(tx: Tx) -> list[Sink]:
    """Return the streams by name, with how far each is."""
    rows = tx.scalars(select(SinkRow).where(SinkRow.tenant_id == tx.tenant_id).order_by(func.lower(SinkRow.name))).all()
    if not rows:
        return []
    lags = {row.sink_id: row for row in tx.execute(_LAGS)}
    counted = select(LetterRow.sink_id, func.count()).where(LetterRow.tenant_id == tx.tenant_id)
    letters: dict[UUID, int] = {row[0]: row[1] for row in tx.execute(counted.group_by(LetterRow.sink_id))}
    return [
        replace(
            sink_of(row), waiting=int(lags[row.sink_id].waiting), behind_since=lags[row.sink_id].oldest_at,
            letters=letters.get(row.sink_id, 0),
        )
        for row in rows
    ]  # fmt: skip


def get_sink(tx: Tx, sink_id: UUID) -> Sink:
    """Return one. Raises SinkNotFound."""
    for one in list_sinks(tx):  # there are few
        if one.sink_id == sink_id:
            return one
    raise SinkNotFound


def list_letters(tx: Tx, sink_id: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Letter]:
    """Return what a stream left out, the newest first, or before one of them. Raises SinkNotFound."""
    row_of(tx, sink_id)
    query = select(LetterRow).where(LetterRow.tenant_id == tx.tenant_id, LetterRow.sink_id == sink_id)
    if before is not None:
        query = query.where(LetterRow.letter_id < before)
    return [_letter(row) for row in tx.scalars(query.order_by(LetterRow.letter_id.desc()).limit(limit))]


def sums(tx: Tx) -> Sums:
    """Return all streams of the house in numbers."""
    return Sums(**tx.execute(_SUMS).one()._asdict())


def row_of(tx: Tx, sink_id: UUID) -> SinkRow:
    """Return a stream's row. Raises SinkNotFound."""
    row = tx.get(SinkRow, (tx.tenant_id, sink_id))
    if row is None:
        raise SinkNotFound
    return row


def letter_row(tx: Tx, sink_id: UUID, letter_id: UUID) -> LetterRow:
    """Return the row of what was left out. Raises LetterNotFound."""
    row = tx.get(LetterRow, (tx.tenant_id, letter_id))
    if row is None or row.sink_id != sink_id:
        raise LetterNotFound
    return row


def sink_of(row: SinkRow) -> Sink:
    """Return what a row says."""
    return Sink(
        row.sink_id, row.name, SinkKind(row.kind), row.url, row.region, row.retain_days, Scope(row.scope), row.since,
        row.last_four, row.is_paused, row.created_by, row.created_at, row.sent, row.sent_at, row.failures, row.failed_at,
        row.failure, row.next_try_at, choice=chosen_of(row),
    )  # fmt: skip


def chosen_of(row: SinkRow) -> Choice:
    """Return which entries a stream sends."""
    return Choice(tuple(row.events), Severity(row.least_severity), tuple(row.organisations or ()))


def _letter(row: LetterRow) -> Letter:
    return Letter(
        row.letter_id, row.log_id, row.position, row.event_id, row.event, row.reason, row.kept_at, row.is_again
    )
