"""Shows the logs' checkpoints to the anchors, and keeps what they say. Never inside a transaction: who answers may be slow.

A checkpoint is shown once a minute and log, where something is new; a time stamp is asked for once an hour, over the log of
logs. While entries wait that are not new, as after a night without the worker, nothing is shown: what is sealed behind a
cosignature and says that it is older than it, would look back-dated.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from appliance.audit.anchors import ledger
from appliance.audit.anchors.errors import (
    AnchorAway,
    WitnessBehind,
    WitnessForked,
    WitnessKnowsNoKey,
    WitnessKnowsNoLog,
)
from appliance.audit.anchors.gate import Gate
from appliance.audit.anchors.ledger import Signed
from appliance.audit.anchors.stamping import TimeStamps
from appliance.audit.anchors.values import TIME_STAMPS, Anchors, Cosigned, Fault
from appliance.audit.anchors.witnesses import Witness
from appliance.audit.errors import LogIncomplete, NothingSealed
from appliance.audit.events import Event
from appliance.audit.growth import Growth, Signer, log_key, origin_of
from appliance.audit.inbox import NewEntry, record, record_all
from appliance.audit.proofs import StoredTree
from appliance.audit.values import LOGS, PLATFORM, Actor, ActorKind
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.egress import Egress
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.proof.note import Note, parse_note
from appliance.proof.tree import Frontier

log = logger("anchors")
_SYSTEM: Final = Actor(ActorKind.SYSTEM)
_STAMPED_EVERY: Final = timedelta(hours=1)
_AGAIN_AFTER: Final = timedelta(seconds=30)
_MOST: Final = 500
_TRIES: Final = 4
_T = TypeVar("_T")
_Said = WitnessBehind | WitnessForked | WitnessKnowsNoKey | WitnessKnowsNoLog


@dataclass(frozen=True)
class Anchored:
    """A log's head with what the anchors said of it just now: their signature lines, and the token of a time stamp."""

    origin: str
    size: int
    note: str
    token: bytes | None = None


class _Faulty(Exception):
    """What an anchor says against a log."""

    def __init__(self, fault: Fault, size: int | None = None) -> None:
        super().__init__(fault.value)
        self.fault, self.size = fault, size


class _Overtaken(Exception):
    """The witness saw a newer checkpoint meanwhile: somebody else showed it, for a package."""


class Attendant:
    """Goes to the anchors. `db` is the role that reads logs and writes what anchors say, `records` one that may record events."""

    def __init__(
        self, db: Database, records: Database, anchors: Anchors, egress: Egress, signer: Callable[[], Signer], *,
        clock: Clock, gate: Gate | None = None,
    ) -> None:  # fmt: skip
        self._db, self._records, self._signer, self._clock = db, records, signer, clock
        self._witnesses: Sequence[Witness] = [Witness(one, egress) for one in anchors.witnesses]
        self.stamps = anchors.stamps
        self._stamps = TimeStamps(anchors.stamps, egress) if anchors.stamps else None
        self.gate = gate or Gate(is_needed=bool(anchors.witnesses))
        self._rests: dict[str | TenantId, datetime] = {}
        """Until when an anchor that was away, or a log that one has something against, is not asked again."""
        self._contradicted: set[TenantId] = set()

    def round(self) -> int:
        """Ask about the logs that wait, show what is due; return how often an anchor signed."""
        asked = self._ask_about_waiting()
        shown = sum(self._show_due(one) for one in self._witnesses)
        return asked + shown + self._stamp_due()

    def anchor(self, tenant_id: TenantId) -> Anchored:
        """Show a log's head now, for a package; what an anchor does not say is left out. Raises NothingSealed."""
        with self._db.tenant(tenant_id) as tx:
            head, witnesses = ledger.head_of(tx), [] if ledger.catches_up(tx) else self._witnesses
        if head is None:
            raise NothingSealed
        note = parse_note(head.note)
        lines = list(note.signatures)
        try:
            for witness in witnesses:
                if (said := self._tried(tenant_id, witness, partial(self._show, tenant_id, witness, head))) is not None:
                    lines += parse_note(said.note).signatures
        except _Overtaken:
            raise NothingSealed from None  # the next try begins with the newer one
        token = None if self._stamps is None else self._stamped(tenant_id, self._stamps, head)
        return Anchored(head.origin, head.size, str(Note(note.text, tuple(lines))), token)

    def _ask_about_waiting(self) -> int:
        """Ask the witnesses about logs that wait: one of them must agree, and none contradict."""
        opened = 0
        for tenant_id in sorted(self.gate.waiting()):
            if self._is_resting(tenant_id):
                continue
            self._contradicted.discard(tenant_id)
            found = [
                self._tried(tenant_id, one, partial(self._ask, tenant_id, one))
                for one in self._witnesses
                if not self._is_resting(one.name)
            ]
            if any(found) and tenant_id not in self._contradicted:
                self.gate.open(tenant_id)
                opened += 1
        return opened

    def _is_resting(self, name: str | TenantId) -> bool:
        now = self._clock.now()
        return self._rests.get(name, now) > now

    def _ask(self, tenant_id: TenantId, witness: Witness) -> bool:
        """Ask whether a witness saw no more of a log than is here. It signs nothing new by that. Raises _Faulty, AnchorAway."""
        with self._db.tenant(tenant_id) as tx:
            head = ledger.head_of(tx) or self._empty(tenant_id)
            size = min(ledger.seen_size(tx, witness.name, head.origin), head.size)
        for _ in range(_TRIES):
            with self._db.tenant(tenant_id) as tx:
                shown = self._empty(tenant_id, head.origin) if size == 0 else ledger.checkpoint_at(tx, head.origin, size) or head
                proof = _proof(tx, size, shown.size)
            try:
                witness.add_checkpoint(size, proof, shown.note)
            except (WitnessBehind, WitnessForked, WitnessKnowsNoKey, WitnessKnowsNoLog) as said:
                size = self._answered(tenant_id, witness, head, size, shown.size, said)
            else:
                with self._db.tenant(tenant_id) as tx:
                    ledger.mend(tx, witness.name)
                return True
        raise _Faulty(Fault.REFUSED)

    def _show(self, tenant_id: TenantId, witness: Witness, shown: Signed) -> Cosigned:
        """Return the cosignature of a checkpoint, and keep it. Raises _Faulty, _Overtaken, AnchorAway."""
        with self._db.tenant(tenant_id) as tx:
            old = min(ledger.seen_size(tx, witness.name, shown.origin), shown.size)
        for _ in range(_TRIES):
            with self._db.tenant(tenant_id) as tx:
                proof = _proof(tx, old, shown.size)
            try:
                note, at = witness.add_checkpoint(old, proof, shown.note)
            except (WitnessBehind, WitnessForked, WitnessKnowsNoKey, WitnessKnowsNoLog) as said:
                old = self._answered(tenant_id, witness, shown, old, shown.size, said)
                if old > shown.size:
                    raise _Overtaken from None
            else:
                made = Cosigned(witness.name, shown.origin, shown.size, note, datetime.fromtimestamp(at, UTC))
                with self._db.tenant(tenant_id) as tx:
                    ledger.keep_cosignature(tx, made)
                return made
        raise _Faulty(Fault.REFUSED)

    def _answered(self, tenant_id: TenantId, witness: Witness, head: Signed, old: int, shown: int, said: _Said) -> int:
        """Do what a witness's answer asks for, and return the size to go on from. Raises _Faulty."""
        if isinstance(said, WitnessForked):
            raise _Faulty(Fault.FORKED)
        if isinstance(said, WitnessBehind):
            with self._db.tenant(tenant_id) as tx:
                newest = ledger.head_of(tx)  # it may have grown since, and been shown
            if said.size > (0 if newest is None else newest.size):
                raise _Faulty(Fault.BEHIND, said.size)
            if said.size == old == shown:
                raise _Faulty(Fault.FORKED)
            return said.size
        try:
            if isinstance(said, WitnessKnowsNoLog):
                witness.add_log(log_key(head.origin, self._signer().public))
            elif not self._hand_on(witness, head.origin):
                raise _Faulty(Fault.REFUSED)
        except WitnessKnowsNoKey:
            raise _Faulty(Fault.REFUSED) from None
        return old

    def _hand_on(self, witness: Witness, origin: str) -> bool:
        """Tell a witness of each key that handed on to the next; say whether it took one up."""
        signer, taken = self._signer(), False
        for number in range(1, len(signer.known)):
            endorsement = signer.endorsements[number]
            try:
                witness.add_key(origin, signer.known[number - 1], signer.known[number], endorsement or b"")
            except WitnessKnowsNoKey:
                continue  # it is further already
            taken = True
        return taken

    def _show_due(self, witness: Witness) -> int:
        shown, now = 0, self._clock.now()
        if self._is_resting(witness.name):
            return 0
        with self._db.platform() as tx:
            waiting = ledger.due(tx, witness.name, before=now - timedelta(minutes=1), most=_MOST)
        for tenant_id in waiting:
            with self._db.tenant(tenant_id) as tx:
                kept = None if ledger.catches_up(tx) else ledger.newest_kept(tx)
            if kept is None:
                continue
            with contextlib.suppress(_Overtaken):
                shown += self._tried(tenant_id, witness, partial(self._show, tenant_id, witness, kept)) is not None
            if self._is_resting(witness.name):
                break
        return shown

    def _stamp_due(self) -> int:
        now = self._clock.now()
        if self._stamps is None or self._is_resting(TIME_STAMPS):
            return 0
        with self._db.tenant(LOGS) as tx:
            kept = ledger.newest_kept(tx)
            last = next((one for one in ledger.standing(tx) if one.anchor == TIME_STAMPS), None)
        is_due = last is None or last.seen_at is None or last.seen_at <= now - _STAMPED_EVERY
        if kept is None or not is_due or (last is not None and (last.origin, last.size) == (kept.origin, kept.size)):
            return 0
        return self._stamped(LOGS, self._stamps, kept) is not None

    def _stamped(self, tenant_id: TenantId, stamps: TimeStamps, head: Signed) -> bytes | None:
        try:
            token, said = stamps.stamp(parse_note(head.note).text)
        except AnchorAway as away:
            self._note_away(TIME_STAMPS, away)
            return None
        with self._db.tenant(tenant_id) as tx:
            ledger.keep_stamp(tx, head, token, said.at, asked_at=self._clock.now())
        self._note_back(TIME_STAMPS)
        return token

    def _tried(self, tenant_id: TenantId, witness: Witness, do: Callable[[], _T]) -> _T | None:
        try:
            done = do()
        except AnchorAway as away:
            self._note_away(witness.name, away)
            return None
        except _Faulty as faulty:
            self._note_fault(tenant_id, witness.name, faulty)
            return None
        self._note_back(witness.name)
        return done

    def _note_fault(self, tenant_id: TenantId, name: str, faulty: _Faulty) -> None:
        """What a witness says against a log is an event in that log, and nothing more is sealed there."""
        with self._db.tenant(tenant_id) as tx:
            head = ledger.head_of(tx)
            here = 0 if head is None else head.size
            origin = "" if head is None else head.origin
            is_news = ledger.keep_fault(tx, name, origin, faulty.fault, size=faulty.size, at=self._clock.now())
        self._rests[tenant_id] = self._clock.now() + _AGAIN_AFTER
        if faulty.fault.contradicts:
            self.gate.close(tenant_id)
            self._contradicted.add(tenant_id)
        if not is_news:
            return
        log.error("anchor_contradicts", tenant_id=str(tenant_id), anchor=name, fault=faulty.fault.value, here=here, seen=faulty.size)
        facts: dict[str, str | int] = {"anchor": name, "fault": faulty.fault.value, "size": here}
        if faulty.size is not None:
            facts["seen"] = faulty.size
        with self._records.tenant(PLATFORM if tenant_id == LOGS else tenant_id) as tx:
            record_all(tx, [NewEntry(_SYSTEM, Event.ANCHOR_CONTRADICTED, facts=facts)])

    def _note_away(self, name: str, away: AnchorAway) -> None:
        self._rests[name] = self._clock.now() + _AGAIN_AFTER
        with self._db.tenant(PLATFORM) as tx:
            is_news = ledger.keep_fault(tx, f"reach {name}", "", Fault.AWAY, size=None, at=self._clock.now())
        if is_news:
            log.warning("anchor_away", anchor=name, reason=str(away))
            with self._records.tenant(PLATFORM) as tx:
                record(tx, _SYSTEM, Event.ANCHOR_LOST, anchor=name)

    def _note_back(self, name: str) -> None:
        self._rests.pop(name, None)
        with self._db.tenant(PLATFORM) as tx:
            is_news = ledger.mend(tx, f"reach {name}")
        if is_news:
            with self._records.tenant(PLATFORM) as tx:
                record(tx, _SYSTEM, Event.ANCHOR_RESTORED, anchor=name)

    def _empty(self, tenant_id: TenantId, origin: str | None = None) -> Signed:
        """Return the signed checkpoint of a log without entries."""
        signer = self._signer()
        name = origin or origin_of(signer.installation, tenant_id)
        return Signed(name, 0, Growth(tenant_id, name, Frontier(), 0).note(signer))


def _proof(tx: Tx, old: int, new: int) -> list[bytes]:
    """Return the proof for a witness. A log whose leaves are gone cannot be shown. Raises _Faulty."""
    try:
        return StoredTree(tx).consistency(old, new)
    except LogIncomplete:
        raise _Faulty(Fault.FORKED) from None
