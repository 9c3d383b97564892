"""Sending logs on, at least once: read, send, wait for the peer's receipt, then move the stream's cursor.

None of these is in one transaction with another. A cursor moves in a transaction of its own, after the receipt, and only
from where it was: what happened in between happens again, and nothing is skipped. While a peer is down the cursor stays
where it is; what waits is the log itself, so nothing piles up. An entry that a peer refuses while it takes others is set
aside as a letter with the reason; a peer that refuses everything is a peer that is down.

Entries lie in the organisation whose log it is, cursors and letters with whom the stream belongs to: an operator's stream
over all logs shows an organisation nothing, and an organisation's stream reads its own log alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select, text, update

from appliance.audit.destined import Sealer
from appliance.audit.events import Event
from appliance.audit.inbox import record
from appliance.audit.ocsf import Place
from appliance.audit.sinks.choosing import Choice
from appliance.audit.sinks.envelope import open_secret
from appliance.audit.sinks.errors import PeerFailed, PeerRefused
from appliance.audit.sinks.keeping import again, keep_letters, settle_letter
from appliance.audit.sinks.peers import Kit, send
from appliance.audit.sinks.queries import chosen_of
from appliance.audit.sinks.reading import first_position, place_of, read_from, read_these
from appliance.audit.sinks.service import moments_until
from appliance.audit.sinks.tables import CursorRow, SinkRow
from appliance.audit.sinks.values import Batch, Destination, Refused, SinkKind, Stream
from appliance.audit.values import Actor, ActorKind
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.secret import Secret

log = logger("streams")
LEASE: Final = timedelta(minutes=5)
BEHIND: Final = timedelta(hours=1)
_MOST: Final = {SinkKind.WEBHOOK: 100}
_AT_ONCE: Final = 1000
_BATCHES_A_TURN: Final = 20
_PACE: Final = {SinkKind.S3: timedelta(minutes=1)}
"""Each batch is an object there: one a minute is enough."""
_DOUBTS: Final = 32
_SYSTEM: Final = Actor(ActorKind.SYSTEM)
_DUE: Final = text("SELECT tenant_id, sink_id, log_id FROM due_streams(:now)")
_LAGS: Final = text("SELECT * FROM stream_lags()")


@dataclass(frozen=True)
class Outlet:
    """What streams need of the house. `name_of` says what the organisation of a transaction is called."""

    db: Database
    sealer: Sealer
    kit: Kit
    name_of: Callable[[Tx], str]

    @property
    def clock(self) -> Clock:
        return self.kit.clock


class _Superseded(Exception):
    """The stream was removed, or another process took it over."""


@dataclass(frozen=True)
class _Turn:
    """One stream, as long as this process has it."""

    tenant_id: TenantId
    to: Destination
    secret: Secret
    since: datetime | None
    choice: Choice


@dataclass
class _Parting:
    """What a batch came to that was sent in parts, to find what is wrong in it."""

    taken: int = 0
    refused: list[Refused] = field(default_factory=list)


class Deliverer:
    """Sends what is due. Several processes may: a stream is one's at a time."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet, self._db, self._clock = outlet, outlet.db, outlet.clock

    def due(self) -> dict[tuple[TenantId, UUID], list[TenantId]]:
        """Return the streams that have something to send, each with the logs that it is in."""
        found: dict[tuple[TenantId, UUID], list[TenantId]] = {}
        with self._db.platform() as tx:
            for row in tx.execute(_DUE, {"now": self._clock.now()}):
                found.setdefault((TenantId(row.tenant_id), row.sink_id), []).append(TenantId(row.log_id))
        return found

    def deliver(self, tenant_id: TenantId, sink_id: UUID, logs: Iterable[TenantId]) -> int:
        """Send some of what is due in a stream; return how many entries its peer confirmed. What fails is tried again later."""
        count = 0
        try:
            turn = self._claim(tenant_id, sink_id)
            if turn is None:
                return 0
            with turn.secret:
                for log_id in logs:
                    count += self._send_log(turn, Stream(tenant_id, sink_id, log_id))
            self._rest(turn)
        except _Superseded:
            pass
        except Refusal as refusal:
            self._note_failure(tenant_id, sink_id, refusal)
        except Exception:
            log.exception("stream_failed", sink_id=str(sink_id))
            self._note_failure(tenant_id, sink_id, PeerFailed(reason="a fault of this host; its log says which"))
        return count

    def look_after(self) -> None:
        """Record which streams fell more than an hour behind, and which have caught up."""
        with self._db.platform() as tx:
            rows = tx.execute(_LAGS).all()
        now = self._clock.now()
        for row in rows:
            is_behind = row.oldest_at is not None and now - row.oldest_at > BEHIND and not row.is_paused
            if is_behind != row.is_alarmed:
                seconds = int((now - row.oldest_at).total_seconds()) if row.oldest_at else 0
                self._alarm(
                    TenantId(row.tenant_id), row.sink_id, is_behind=is_behind, waiting=row.waiting, seconds=seconds
                )

    def _claim(self, tenant_id: TenantId, sink_id: UUID) -> _Turn | None:
        now = self._clock.now()
        with self._db.tenant(tenant_id) as tx:
            row = tx.scalars(
                update(SinkRow)
                .where(
                    SinkRow.tenant_id == tenant_id, SinkRow.sink_id == sink_id, ~SinkRow.is_paused, SinkRow.next_try_at <= now,
                    or_(SinkRow.leased_until.is_(None), SinkRow.leased_until <= now),
                )
                .values(leased_until=now + LEASE)
                .returning(SinkRow)
            ).one_or_none()  # fmt: skip
            if row is None:
                return None  # Another process got there first.
            to = Destination(row.sink_id, SinkKind(row.kind), row.url, row.region, row.retain_days)
            return _Turn(tenant_id, to, open_secret(tx, self._outlet.sealer, row), row.since, chosen_of(row))

    def _send_log(self, turn: _Turn, stream: Stream) -> int:
        position, place = self._begin(turn, stream), self._place(stream)
        self._send_again(turn, stream)
        count, most = 0, _MOST.get(turn.to.kind, _AT_ONCE)
        for _ in range(_BATCHES_A_TURN):
            with self._db.tenant(stream.log_id) as tx:
                entries = read_from(tx, position, most=most)
            if not entries:
                break
            chosen = [one for one in entries if turn.choice.takes(one.event)]
            refused = self._sent(turn, Batch(place, chosen)) if chosen else []
            self._advance(stream, position, len(entries), refused, sent=len(chosen) - len(refused))
            position, count = position + len(entries), count + len(chosen)
            if len(entries) < most // 2:
                break
        return count

    def _place(self, stream: Stream) -> Place:
        with self._db.tenant(stream.log_id) as tx:
            return place_of(tx, self._outlet.name_of(tx))

    def _begin(self, turn: _Turn, stream: Stream) -> int:
        """Return where the stream is in this log; at first it is put where it begins."""
        with self._db.tenant(stream.tenant_id) as tx:
            row = tx.get(CursorRow, (stream.tenant_id, stream.sink_id, stream.log_id))
            if row is not None:
                return row.position
        with self._db.tenant(stream.log_id) as tx:
            position = first_position(tx, turn.since)
        with self._db.tenant(stream.tenant_id) as tx:
            _require_there(tx, stream)
            key = {"tenant_id": stream.tenant_id, "sink_id": stream.sink_id, "log_id": stream.log_id}
            tx.add(CursorRow(**key, position=position))
        return position

    def _sent(self, turn: _Turn, batch: Batch) -> list[Refused]:
        """Return what the peer will not take, once it confirmed the rest. Raises PeerFailed: all of it is to be sent again."""
        refused = [Refused(one, "it cannot be read", is_certain=True) for one in batch.entries if one.entry is None]
        readable = [one for one in batch.entries if one.entry is not None]
        if readable:
            parting = _Parting()
            self._send_parts(turn, Batch(batch.place, readable), parting)
            doubtful = [one for one in parting.refused if not one.is_certain]
            if doubtful and not parting.taken:
                raise PeerRefused(reason=doubtful[0].reason)
            refused += parting.refused
        return refused

    def _send_parts(self, turn: _Turn, batch: Batch, parting: _Parting) -> None:
        entries = batch.entries
        try:
            refused = send(self._outlet.kit, turn.to, turn.secret, batch)
        except PeerRefused as refusal:
            if len(entries) > 1:
                middle = len(entries) // 2
                self._send_parts(turn, Batch(batch.place, entries[:middle]), parting)
                self._send_parts(turn, Batch(batch.place, entries[middle:]), parting)
                return
            refused = [Refused(entries[0], str(refusal.facts["reason"]))]
        parting.refused += refused
        parting.taken += len(entries) - len(refused)
        if not parting.taken and len(parting.refused) >= _DOUBTS and not parting.refused[-1].is_certain:
            raise PeerRefused(reason=parting.refused[-1].reason)

    def _advance(self, stream: Stream, position: int, passed: int, refused: Sequence[Refused], *, sent: int) -> None:
        """Move the cursor past entries whose receipt is here, or that are not chosen, in one transaction with what was left out."""
        now, key = self._clock.now(), (stream.tenant_id, stream.sink_id, stream.log_id)
        with self._db.tenant(stream.tenant_id) as tx:
            moved = tx.scalar(
                update(CursorRow)
                .where(
                    CursorRow.tenant_id == key[0], CursorRow.sink_id == key[1], CursorRow.log_id == key[2],
                    CursorRow.position == position,
                )
                .values(position=position + passed)
                .returning(CursorRow.position)
            )  # fmt: skip
            if moved is None:
                raise _Superseded
            keep_letters(tx, stream, refused, now=now)
            _put(
                tx, stream.sink_id, leased_until=now + LEASE, sent=SinkRow.sent + sent, failures=0,
                failure=None, **({"sent_at": now} if sent else {}),
            )  # fmt: skip

    def _send_again(self, turn: _Turn, stream: Stream) -> None:
        """Send, one by one, what somebody asked to send again."""
        with self._db.tenant(stream.tenant_id) as tx:
            letters = again(tx, stream)
        if not letters:
            return
        place = self._place(stream)
        with self._db.tenant(stream.log_id) as tx:
            entries = read_these(tx, letters)
        self._settle_missing(stream, set(letters) - {one.position for one in entries})
        for one in entries:
            try:
                refused = self._sent(turn, Batch(place, [one]))
            except PeerRefused as refusal:
                refused = [Refused(one, str(refusal.facts["reason"]))]
            with self._db.tenant(stream.tenant_id) as tx:
                settle_letter(tx, stream, one.position or 0, refused[0].reason if refused else None)

    def _settle_missing(self, stream: Stream, positions: Iterable[int | None]) -> None:
        for one in positions:
            with self._db.tenant(stream.tenant_id) as tx:
                settle_letter(tx, stream, one or 0, "it is missing in the log")

    def _rest(self, turn: _Turn) -> None:
        next_try = self._clock.now() + _PACE.get(turn.to.kind, timedelta())
        with self._db.tenant(turn.tenant_id) as tx:
            _put(tx, turn.to.sink_id, leased_until=None, next_try_at=next_try, failures=0, failure=None)

    def _note_failure(self, tenant_id: TenantId, sink_id: UUID, refusal: Refusal) -> None:
        now = self._clock.now()
        reason = str(refusal.facts["reason"]) if isinstance(refusal, PeerFailed) else str(refusal)
        with self._db.tenant(tenant_id) as tx:
            found = select(SinkRow.failures).where(SinkRow.tenant_id == tenant_id, SinkRow.sink_id == sink_id)
            failures = tx.scalar(found.with_for_update())
            if failures is None:
                return
            wait = timedelta(seconds=moments_until(failures + 1))
            _put(
                tx, sink_id, leased_until=None, failures=failures + 1, failed_at=now, failure=reason[:300],
                next_try_at=now + wait,
            )  # fmt: skip
        log.warning(
            "stream_fails", tenant_id=str(tenant_id), sink_id=str(sink_id), code=refusal.code, failures=failures + 1
        )

    def _alarm(self, tenant_id: TenantId, sink_id: UUID, *, is_behind: bool, waiting: int, seconds: int) -> None:
        with self._db.tenant(tenant_id) as tx:
            was = SinkRow.alarmed_at.is_(None) if is_behind else SinkRow.alarmed_at.is_not(None)
            told = tx.scalar(
                update(SinkRow)
                .where(SinkRow.tenant_id == tenant_id, SinkRow.sink_id == sink_id, was)
                .values(alarmed_at=self._clock.now() if is_behind else None)
                .returning(SinkRow.sink_id)
            )
            if told is not None:
                event = Event.SINK_LAGGED if is_behind else Event.SINK_CAUGHT_UP
                record(tx, _SYSTEM, event, subject=sink_id, waiting=waiting, seconds=seconds)
        log.warning("stream_lags" if is_behind else "stream_caught_up", tenant_id=str(tenant_id), sink_id=str(sink_id))


def _put(tx: Tx, sink_id: UUID, **values: object) -> None:
    tx.execute(update(SinkRow).where(SinkRow.tenant_id == tx.tenant_id, SinkRow.sink_id == sink_id).values(values))


def _require_there(tx: Tx, stream: Stream) -> None:
    there = select(SinkRow.sink_id).where(SinkRow.tenant_id == tx.tenant_id, SinkRow.sink_id == stream.sink_id)
    if tx.scalar(there.with_for_update(read=True)) is None:
        raise _Superseded
