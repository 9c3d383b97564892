"""Epochs: how a log goes on after entries were lost, openly.

After a restore the log is shorter than a witness saw it, so nothing is sealed. The operator orders a new epoch, with a
reason. Every log goes on under a new name then, and its first entry there cites the last checkpoint of before, and how many
entries a witness saw. Whoever gets a package learns of it: a verifier that was not told of the epoch does not call it intact.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text

from appliance.audit.anchors import ledger
from appliance.audit.anchors.errors import EpochReasonMissing
from appliance.audit.anchors.tables import EpochRow
from appliance.audit.events import Event
from appliance.audit.inbox import record
from appliance.audit.values import PLATFORM, Actor
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.errors import check_storable
from appliance.kernel.ids import TenantId
from appliance.proof.epochs import split_origin
from appliance.proof.note import Checkpoint

_LONGEST = 200
_MOST = 1_000
_BEHIND = text("SELECT tenant_id FROM audit_heads WHERE origin NOT LIKE :mark LIMIT :most")


@dataclass(frozen=True)
class Epoch:
    """The epoch in force. The first one has no reason."""

    number: int = 1
    reason: str = ""


def open_epoch(tx: Tx, actor: Actor, *, reason: str, clock: Clock) -> int:
    """Order a new epoch; the sequencer begins it in every log with its next round. `tx` is the platform's. Raises EpochReasonMissing."""
    said = " ".join(reason.split())
    check_storable(said)
    if not said or len(said) > _LONGEST:
        raise EpochReasonMissing
    in_turn(tx, "epoch")
    number = current(tx).number + 1
    tx.add(EpochRow(tenant_id=PLATFORM, number=number, reason=said, ordered_at=clock.now()))
    tx.flush()
    record(tx, actor, Event.LOG_EPOCH_ORDERED, epoch=number, reason=said)
    return number


def current(tx: Tx) -> Epoch:
    """Return the epoch in force."""
    query = select(EpochRow).where(EpochRow.tenant_id == PLATFORM)
    row = tx.scalars(query.order_by(EpochRow.number.desc()).limit(1)).one_or_none()
    return Epoch() if row is None else Epoch(row.number, row.reason)


def epoch_of(origin: str) -> int:
    """Return the epoch that a log's name says, 1 for a name that is none of ours."""
    found = split_origin(origin)
    return 1 if found is None else found.epoch


def behind(tx: Tx, epoch: Epoch) -> set[TenantId]:
    """Return logs that are still in a former epoch, at most so many at a time."""
    if epoch.number == 1:
        return set()
    return {TenantId(one) for one in tx.scalars(_BEHIND, {"mark": f"cloister/%.{epoch.number}/%", "most": _MOST})}


def facts(tx: Tx, tenant_id: UUID, epoch: Epoch, former: Checkpoint) -> dict[str, str | int]:
    """Return what an epoch's first entry says."""
    said: dict[str, str | int] = {
        "epoch": epoch.number, "old_origin": former.origin, "old_size": former.size, "old_root": former.root.hex(),
        "reason": epoch.reason,
    }  # fmt: skip
    seen = ledger.lost_size(tx, tenant_id)
    return said | ({"seen": seen} if seen > former.size else {})


