"""What a package of the log holds of the anchors and epochs.

Once a day of each is enough to judge the entries' own times by; of the last two days each hour's, of the last hours all.
"""

import base64
import json
from typing import Any

from sqlalchemy import select, text

from appliance.audit.anchors.attending import Anchored
from appliance.audit.anchors.epochs import epoch_of
from appliance.audit.anchors.values import TimeStampPlace
from appliance.audit.events import Event
from appliance.audit.proofs import StoredTree
from appliance.audit.tables import CheckpointRow, LogRow
from appliance.audit.values import LOGS
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.proof import package as named
from appliance.proof.note import parse_note

_COSIGNED = text(
    """SELECT DISTINCT ON (witness, part) origin, size, note FROM (
         SELECT witness, origin, size, note, date_trunc(
           CASE WHEN seen_at > max(seen_at) OVER () - interval '2 hours' THEN 'second'
                WHEN seen_at > max(seen_at) OVER () - interval '2 days' THEN 'hour' ELSE 'day' END,
           seen_at AT TIME ZONE 'UTC') AS part
         FROM audit_cosignatures WHERE tenant_id = :tenant AND size > 0 AND size <= :size) AS seen
       ORDER BY witness, part, size DESC"""
)
_STAMPS = text(
    """SELECT DISTINCT ON (date_trunc('day', stamped_at AT TIME ZONE 'UTC')) origin, size, note, token FROM audit_time_stamps
       WHERE tenant_id = :tenant ORDER BY date_trunc('day', stamped_at AT TIME ZONE 'UTC'), size DESC"""
)


def epoch_members(tx: Tx, origin: str, size: int) -> dict[str, str]:
    """Return how each later epoch of the log began."""
    if epoch_of(origin) == 1:
        return {}
    tree, entries = StoredTree(tx), []
    for position, body in _openings(tx, size):
        steps = [one.hex() for one in tree.inclusion(position, size)]
        entries.append({"body": body.decode(), "position": position, "proof": steps})
    return {named.EPOCHS: _json(entries)}


def epoch_ends(tx: Tx, size: int) -> set[int]:
    """Return the sizes at which former epochs of the log ended: a package links them, or nobody sees that they are continued."""
    return {position for position, _ in _openings(tx, size)}


def cosigned_members(tx: Tx, origin: str, size: int) -> tuple[dict[str, str], set[int]]:
    """Return the checkpoints that witnesses cosigned up to this size, and their sizes: the package links them."""
    ends = {epoch_of(json.loads(body)["facts"]["old_origin"]): position for position, body in _openings(tx, size)}
    notes, sizes = [], set()
    for row in tx.execute(_COSIGNED, {"tenant": tx.tenant_id, "size": size}):
        epoch = epoch_of(row.origin)
        if row.origin == origin or row.size <= ends.get(epoch, 0):  # what was lost with an epoch is no part of this log
            notes.append(row.note)
            sizes.add(int(row.size))
    return ({named.COSIGNED: _json(notes)} if notes else {}), sizes


def stamp_members(db: Database, tenant_id: TenantId, size: int) -> tuple[dict[str, str], set[int]]:
    """Return the time stamps over the log of logs that a checkpoint of this log is in, and the sizes of those."""
    with db.tenant(LOGS) as tx:
        stamps = tx.execute(_STAMPS, {"tenant": LOGS}).all()
    found: list[tuple[Any, CheckpointRow]] = []
    with db.tenant(tenant_id) as tx:
        for stamp in stamps:
            query = select(CheckpointRow).where(
                CheckpointRow.tenant_id == tenant_id, CheckpointRow.size <= size, CheckpointRow.logs_position < stamp.size
            )
            kept = tx.scalars(query.order_by(CheckpointRow.size.desc()).limit(1)).one_or_none()
            if kept is not None:
                found.append((stamp, kept))
    entries = []
    with db.tenant(LOGS) as tx:
        tree = StoredTree(tx)
        for stamp, kept in found:
            assert kept.logs_position is not None  # noqa: S101 - compared above
            steps = [one.hex() for one in tree.inclusion(kept.logs_position, stamp.size)]
            entries.append(
                {
                    "kept": parse_note(kept.note).text, "logs": parse_note(stamp.note).text, "position": kept.logs_position,
                    "proof": steps, "token": base64.b64encode(stamp.token).decode(),
                }
            )  # fmt: skip
    return ({named.STAMPS: _json(entries)} if entries else {}), {kept.size for _, kept in found}


def head_members(anchored: Anchored | None, stamps: TimeStampPlace | None) -> dict[str, str | bytes]:
    """Return the time stamp over the package's own checkpoint, and what it is judged by."""
    if anchored is None or anchored.token is None or stamps is None:
        return {}
    return {
        named.STAMP: anchored.token,
        named.STAMPED: parse_note(anchored.note).text,
        named.STAMPS_CA: stamps.certificates.read_text(encoding="utf-8"),
    }


def _openings(tx: Tx, size: int) -> list[tuple[int, bytes]]:
    query = select(LogRow.position, LogRow.body).where(
        LogRow.tenant_id == tx.tenant_id, LogRow.event == Event.LOG_EPOCH_OPENED.value, LogRow.position < size
    )
    return [(int(position), body) for position, body in tx.execute(query.order_by(LogRow.position))]


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
