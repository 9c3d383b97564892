"""What is written down of the anchors: what each said of which checkpoint, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from appliance.audit.anchors.tables import AnchorRow, CosignatureRow, TimeStampRow
from appliance.audit.anchors.values import TIME_STAMPS, Cosigned, Fault
from appliance.audit.tables import CheckpointRow, HeadRow
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId

_DUE = text(
    """SELECT h.tenant_id FROM audit_heads h LEFT JOIN audit_anchors a ON a.tenant_id = h.tenant_id AND a.anchor = :anchor
       WHERE h.kept_size > 0 AND (a.tenant_id IS NULL OR a.origin <> h.origin OR a.size < h.kept_size)
         AND (a.fault_at IS NULL OR a.fault_at <= :before OR a.origin <> h.origin) ORDER BY h.kept_at LIMIT :most"""
)
_OLDEST = text(
    "SELECT recorded_at < now() - interval '30 seconds' FROM audit_inbox WHERE tenant_id = :tenant ORDER BY event_id LIMIT 1"
)


@dataclass(frozen=True)
class Signed:
    """A checkpoint of a log as its key signed it."""

    origin: str
    size: int
    note: str


def due(tx: Tx, anchor: str, *, before: datetime, most: int) -> list[TenantId]:
    """Return the logs with a kept checkpoint that this anchor did not see; none that it failed at a moment ago."""
    return [TenantId(one) for one in tx.scalars(_DUE, {"anchor": anchor, "before": before, "most": most})]


def catches_up(tx: Tx) -> bool:
    """Say whether entries wait that are not new: they would look back-dated beside what is cosigned before them."""
    return bool(tx.scalar(_OLDEST, {"tenant": tx.tenant_id}))


def head_of(tx: Tx) -> Signed | None:
    """Return the log's head, None before there is one."""
    row = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == tx.tenant_id)).one_or_none()
    return None if row is None else Signed(row.origin, row.size, row.note)


def newest_kept(tx: Tx) -> Signed | None:
    """Return the newest kept checkpoint of the head's epoch, None if there is none."""
    head = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == tx.tenant_id)).one_or_none()
    return None if head is None or not head.kept_size else checkpoint_at(tx, head.origin, head.kept_size)


def checkpoint_at(tx: Tx, origin: str, size: int) -> Signed | None:
    """Return the log's checkpoint of a size, as far as it was kept, or is the head; None if it is not here."""
    head = head_of(tx)
    if head is not None and (head.origin, head.size) == (origin, size):
        return head
    kept = tx.get(CheckpointRow, (tx.tenant_id, size))
    if kept is not None and kept.note.startswith(f"{origin}\n"):
        return Signed(origin, size, kept.note)
    return None


def seen_size(tx: Tx, anchor: str, origin: str) -> int:
    """Return up to which size an anchor saw a log, 0 if it did not."""
    row = tx.get(AnchorRow, (tx.tenant_id, anchor))
    return row.size if row is not None and row.origin == origin else 0


def keep_cosignature(tx: Tx, one: Cosigned) -> None:
    """Keep a witness's line; whatever was at fault with it is over."""
    row = {
        "tenant_id": tx.tenant_id, "witness": one.witness, "origin": one.origin, "size": one.size, "note": one.note,
        "seen_at": one.seen_at,
    }  # fmt: skip
    tx.execute(insert(CosignatureRow).values(row).on_conflict_do_nothing())
    _stands(tx, one.witness, one.origin, one.size, one.seen_at)


def keep_stamp(tx: Tx, head: Signed, token: bytes, at: datetime, *, asked_at: datetime) -> None:
    """Keep a time stamp over a checkpoint. When the next is due, this host's clock says, and not the authority's."""
    row = {
        "tenant_id": tx.tenant_id, "origin": head.origin, "size": head.size, "note": head.note, "token": token,
        "stamped_at": at,
    }  # fmt: skip
    tx.execute(insert(TimeStampRow).values(row).on_conflict_do_nothing())
    _stands(tx, TIME_STAMPS, head.origin, head.size, asked_at)


def keep_fault(tx: Tx, anchor: str, origin: str, fault: Fault, *, size: int | None, at: datetime) -> bool:
    """Note what is at fault with an anchor; say whether that is news."""
    before = tx.get(AnchorRow, (tx.tenant_id, anchor))
    is_news = before is None or before.fault != fault.value
    seen = before.size if before is not None and before.origin == origin else 0
    values = {"origin": origin, "size": seen, "fault": fault.value, "fault_size": size, "fault_at": at}
    row = {"tenant_id": tx.tenant_id, "anchor": anchor, **values}
    tx.execute(insert(AnchorRow).values(row).on_conflict_do_update(index_elements=["tenant_id", "anchor"], set_=values))
    return is_news


def mend(tx: Tx, anchor: str) -> bool:
    """Note that nothing is at fault with an anchor; say whether that is news."""
    before = tx.get(AnchorRow, (tx.tenant_id, anchor))
    if before is None or before.fault is None:
        return False
    before.fault = before.fault_size = before.fault_at = None
    return True


def standing(tx: Tx) -> Sequence[AnchorRow]:
    """Return where each anchor of the transaction's log stands."""
    return tx.scalars(select(AnchorRow).where(AnchorRow.tenant_id == tx.tenant_id)).all()


def last_seen(tx: Tx, origin: str) -> datetime | None:
    """Return when a witness that has nothing against the log saw it last, None if none did."""
    rows = (one for one in standing(tx) if one.origin == origin and one.anchor != TIME_STAMPS and one.fault is None)
    return max((one.seen_at for one in rows if one.seen_at is not None), default=None)


def lost_size(tx: Tx, tenant_id: UUID) -> int:
    """Return how many entries a witness said that it saw of a log that has fewer, 0 if none did."""
    query = select(AnchorRow.fault_size).where(AnchorRow.tenant_id == tenant_id, AnchorRow.fault == Fault.BEHIND.value)
    return max((one or 0 for one in tx.scalars(query)), default=0)


def _stands(tx: Tx, anchor: str, origin: str, size: int, at: datetime) -> None:
    values: dict[str, Any] = {"origin": origin, "size": size, "seen_at": at, "fault": None, "fault_size": None, "fault_at": None}
    row = {"tenant_id": tx.tenant_id, "anchor": anchor, **values}
    tx.execute(insert(AnchorRow).values(row).on_conflict_do_update(index_elements=["tenant_id", "anchor"], set_=values))
