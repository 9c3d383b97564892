"""The sequencer: takes entries out of the inbox into each organisation's log, and signs what it made.

One round is one transaction: entries leave the inbox, get positions without a gap, the tree grows, the new head is signed.
Killed at any moment, either all of it happened or nothing; so a log never has an entry that its head does not cover, and
no entry is sealed twice. One sequencer works at a time (an advisory lock); a second one finds nothing to do.

A round comes a second after the last one, or at once while more waits. Once a minute, only where something is new, a
checkpoint is kept for good and becomes an entry of the log of logs.

Trusted: this process with the key. Not trusted: the database. A head that the key did not sign, or that is shorter than
what this process signed before, is not gone on with. Where there is a witness, neither is one that it was not asked about
since this process began (`anchors/gate.py`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import CursorResult, func, select, text

from appliance.audit.anchors import epochs
from appliance.audit.anchors.gate import Gate
from appliance.audit.errors import HeadBroken
from appliance.audit.events import Event
from appliance.audit.growth import Growth, Signer, growth_of, origin_of
from appliance.audit.inbox import body_of
from appliance.audit.moving import Batch, Waiting, by_tenant, waiting
from appliance.audit.tables import HeadRow, LogKeyRow
from appliance.audit.values import LOGS, Actor, ActorKind
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.log import logger
from appliance.proof.tree import Frontier

log = logger("sealer")
MOST: Final = 20_000
"""In a round: half a second's work, and so many entries share one flush to the disk."""
KEPT_EVERY: Final = timedelta(minutes=1)
_LOOKS_BACK: Final = 8
"""Of so many full rounds one begins at the beginning of what waits."""
_LOCK: Final = 0x4155444954  # "AUDIT"
_NOWHERE: Final = (UUID(int=0), UUID(int=0))
_TRY = text("SELECT pg_try_advisory_xact_lock(:lock)")
_IN_MEMORY = text("SET LOCAL work_mem = '64MB'")  # a full round is 10 MB; with Postgres's 4 it goes through files
_DUE = text("SELECT tenant_id FROM audit_heads WHERE size > kept_size AND (kept_at IS NULL OR kept_at <= :before)")
_ADD = text(
    """INSERT INTO audit_log (tenant_id, position, event_id, event, leaf, body, recorded_at)
       VALUES (:tenant, :position, :event_id, :event, :leaf, :body, :at)"""
)
_NODES = text(
    """INSERT INTO audit_nodes (tenant_id, level, place, hash)
       SELECT * FROM unnest(CAST(:tenants AS uuid[]), CAST(:levels AS smallint[]), CAST(:places AS bigint[]), CAST(:hashes AS bytea[]))"""
)
_HEAD = text(
    """INSERT INTO audit_heads AS h (tenant_id, origin, size, peaks, note, sealed_at, kept_size, kept_at)
       VALUES (:tenant, :origin, :size, :peaks, :note, :at, :kept_size, :kept_at)
       ON CONFLICT (tenant_id) DO UPDATE SET origin = :origin, size = :size, peaks = :peaks, note = :note, sealed_at = :at,
         kept_size = :kept_size, kept_at = :kept_at WHERE h.size = :began"""
)
_KEEP = text(
    "INSERT INTO audit_checkpoints (tenant_id, size, note, kept_at, logs_position) VALUES (:tenant, :size, :note, :at, :position)"
)
_KEY = text(
    """INSERT INTO audit_log_keys (tenant_id, number, public, endorsement, since_size)
       VALUES (:tenant, :number, :public, :endorsement, :size)"""
)


@dataclass(frozen=True)
class Round:
    """What a round did. `is_full` where more may wait."""

    sealed: int = 0
    kept: int = 0
    is_full: bool = False


class Sealer:
    """The sequencer. `signer` is asked in each round, so that a new key is taken up."""

    def __init__(
        self, db: Database, signer: Callable[[], Signer], *, clock: Clock, most: int = MOST, gate: Gate | None = None
    ) -> None:
        self._db, self._signer, self._clock, self._most = db, signer, clock, most
        self._gate = gate or Gate(is_needed=False)
        self._signed: dict[TenantId, int] = {}
        self._after: tuple[UUID, UUID] = _NOWHERE
        self._full = 0
        self.broken: dict[TenantId, str] = {}
        """Logs that are not gone on with, and why; looked at again each minute."""
        self._looked_at = clock.now()

    def round(self) -> Round:
        """Seal what waits, at most so many entries, and keep the checkpoints whose time has come."""
        signer = self._signer()
        with self._db.platform() as tx:
            if not tx.scalar(_TRY, {"lock": _LOCK}):
                return Round()
            tx.execute(_IN_MEMORY)
            work = _Work(tx, signer, self._clock, self._signed, self.broken, self._gate)
            waits = self._waiting(tx)
            work.open(epochs.behind(tx, work.epoch))
            work.take(by_tenant(waits))
            sealed = work.move()
            kept = work.keep(tx.scalars(_DUE, {"before": self._clock.now() - KEPT_EVERY}).all())
            work.write()
        self._signed.update(work.signed())
        is_full = len(waits) == self._most
        self._full = self._full + 1 if is_full else 0
        self._after = max(self._after, (UUID(waits[-1][0]), UUID(waits[-1][1]))) if is_full else _NOWHERE
        return Round(sealed, kept, is_full)

    def _waiting(self, tx: Tx) -> list[Waiting]:
        if (now := self._clock.now()) - self._looked_at >= KEPT_EVERY:
            self.broken.clear()
            self._looked_at = now
        # While rounds are full they go on where the last one ended; who committed late lies before that, so now and then all is looked at.
        after = self._after if self._full % _LOOKS_BACK else _NOWHERE
        return waiting(tx, after=after, broken=[*self.broken, *self._gate.waiting()], most=self._most)


class _Work:
    """One round's transaction."""

    def __init__(
        self, tx: Tx, signer: Signer, clock: Clock, signed: dict[TenantId, int], broken: dict[TenantId, str], gate: Gate
    ) -> None:
        self._tx, self._signer, self._now = tx, signer, clock.now()
        self._before, self._broken, self._gate = signed, broken, gate
        self.epoch = epochs.current(tx)
        self._logs: dict[TenantId, Growth] = {}
        self._notes: dict[TenantId, str] = {}
        self._batch = Batch()

    def open(self, tenants: Iterable[TenantId]) -> None:
        """Look up these logs, as far as they are not open; one that is broken is left out."""
        wanted = set(tenants) - set(self._logs) - set(self._broken)
        if not wanted:
            return
        heads = {one.tenant_id: one for one in self._tx.scalars(select(HeadRow).where(HeadRow.tenant_id.in_(wanted)))}
        numbers = select(LogKeyRow.tenant_id, func.max(LogKeyRow.number)).where(LogKeyRow.tenant_id.in_(wanted))
        keys = {one: int(number) for one, number in self._tx.execute(numbers.group_by(LogKeyRow.tenant_id))}
        # What begins an epoch goes on, whatever a witness saw of the former one: its first entry says so.
        beginning = {TenantId(one) for one, head in heads.items() if epochs.epoch_of(head.origin) < self.epoch.number}
        for one in sorted(beginning | self._gate.passing(wanted - beginning)):
            try:
                self._logs[one] = self._opened(one, heads.get(one), keys.get(one))
            except HeadBroken as error:
                self._broken[one] = error.reason
                log.exception("log_broken", tenant_id=str(one), reason=error.reason)

    def take(self, waits: list[tuple[TenantId, list[Waiting]]]) -> None:
        """Give waiting entries their positions."""
        self.open({tenant_id for tenant_id, _ in waits})
        for tenant_id, rows in waits:
            if tenant_id in self._logs:
                self._batch.take(self._logs[tenant_id], rows)

    def move(self) -> int:
        """Bring what was taken from the inbox into the log; return how much it was."""
        if self._batch.count and not self._batch.move(self._tx):
            raise HeadBroken("an entry left the inbox while it was sealed")
        return self._batch.count

    def keep(self, due: Iterable[UUID]) -> int:
        """Keep the checkpoints of these logs, and of those that are new, and enter them in the log of logs."""
        wanted = {TenantId(one) for one in due} | {one for one, growth in self._logs.items() if growth.kept_at is None}
        self.open(wanted | {LOGS} if wanted else ())
        found, logs = [self._logs[one] for one in sorted(wanted - {LOGS}) if one in self._logs], self._logs.get(LOGS)
        if logs is None or not found:
            return 0
        for growth in found:
            body, event_id = str(growth.checkpoint()).encode(), new_id()
            position = logs.add(event_id, body)
            self._add(LOGS, logs.leaves[-1], "checkpoint", body)
            self._keep(growth, position)
        self._keep(logs, None)
        return len(found)

    def write(self) -> None:
        """Store nodes and heads."""
        nodes = [(one.tenant_id, *node) for one in self._logs.values() for node in one.nodes]
        if nodes:
            tenants, levels, places, hashes = (list(column) for column in zip(*nodes, strict=True))
            self._tx.execute(_NODES, {"tenants": tenants, "levels": levels, "places": places, "hashes": hashes})
        for one in self._logs.values():
            values = {
                "tenant": one.tenant_id, "origin": one.origin, "size": one.size, "peaks": bytes(one.frontier), "note": self._note(one),
                "at": self._now, "kept_size": one.kept_size, "kept_at": one.kept_at, "began": one.began,
            }  # fmt: skip
            if cast("CursorResult[Any]", self._tx.execute(_HEAD, values)).rowcount != 1:
                raise HeadBroken("the head changed while it was sealed")

    def signed(self) -> dict[TenantId, int]:
        """Return how large each log is now, by its head's note."""
        return {one.tenant_id: one.size for one in self._logs.values()}

    def _opened(self, tenant_id: TenantId, head: HeadRow | None, number: int | None) -> Growth:
        begins = head is not None and epochs.epoch_of(head.origin) < self.epoch.number
        if not begins and (0 if head is None else head.size) < self._before.get(tenant_id, 0):
            raise HeadBroken("the log is shorter than it was signed before")
        if head is None:
            origin = origin_of(self._signer.installation, tenant_id, self.epoch.number)
            growth = Growth(tenant_id, origin, Frontier(), 0)
        else:
            growth = growth_of(head, self._signer.known)
        if begins:
            self._begin_epoch(growth)
        if number != self._signer.number:
            # A log may have slept through more than one change: each key is recorded, as each hands on to the next.
            first = self._signer.number if number is None else number + 1
            for following in range(first, self._signer.number + 1):
                self._change_key(growth, following, is_first=number is None)
        return growth

    def _begin_epoch(self, growth: Growth) -> None:
        """Go on under the name of the new epoch; its first entry cites the last checkpoint of the former one."""
        former, event_id = growth.checkpoint(), new_id()
        growth.origin, growth.kept_at = origin_of(self._signer.installation, growth.tenant_id, self.epoch.number), None
        if growth.tenant_id == LOGS:
            event, body = "checkpoint", str(former).encode()
        else:
            event = Event.LOG_EPOCH_OPENED.value
            facts = epochs.facts(self._tx, growth.tenant_id, self.epoch, former)
            body = body_of(
                growth.tenant_id, event_id, self._now, Actor(ActorKind.SYSTEM), Event.LOG_EPOCH_OPENED, facts=facts
            )
        growth.add(event_id, body)
        self._add(growth.tenant_id, growth.leaves[-1], event, body)
        self._gate.open(growth.tenant_id)

    def _change_key(self, growth: Growth, number: int, *, is_first: bool) -> None:
        """Record a key that signs from here on: in a log that another key signed, as an entry with that key's signature."""
        public, endorsement = self._signer.known[number - 1], self._signer.endorsements[number - 1]
        values = {"number": number, "public": public, "endorsement": endorsement}
        self._tx.execute(_KEY, {"tenant": growth.tenant_id, "size": growth.size} | values)
        if is_first or growth.tenant_id == LOGS or endorsement is None:
            return
        old = self._signer.known[number - 2]
        facts = {"old": old.hex(), "new": public.hex(), "endorsement": endorsement.hex()}
        event_id = new_id()
        body = body_of(
            growth.tenant_id, event_id, self._now, Actor(ActorKind.SYSTEM), Event.LOG_KEY_CHANGED,
            facts=facts | {"number": number},
        )  # fmt: skip
        growth.add(event_id, body)
        self._add(growth.tenant_id, growth.leaves[-1], Event.LOG_KEY_CHANGED.value, body)

    def _add(self, tenant_id: TenantId, leaf: tuple[int, UUID, bytes], event: str, body: bytes) -> None:
        position, event_id, content = leaf
        values = {"position": position, "event_id": event_id, "event": event, "leaf": content, "body": body}
        self._tx.execute(_ADD, {"tenant": tenant_id, "at": self._now} | values)

    def _keep(self, growth: Growth, position: int | None) -> None:
        values = {"size": growth.size, "note": self._note(growth), "at": self._now, "position": position}
        self._tx.execute(_KEEP, {"tenant": growth.tenant_id} | values)
        growth.kept_size, growth.kept_at = growth.size, self._now

    def _note(self, growth: Growth) -> str:
        """Return the head's note. Nothing grows after its first one is made."""
        if growth.tenant_id not in self._notes:
            self._notes[growth.tenant_id] = growth.note(self._signer)
        return self._notes[growth.tenant_id]
