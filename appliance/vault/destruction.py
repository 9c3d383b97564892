"""Destroying an organisation's keys for good (crypto-shredding): asked for by one owner, granted by a second.

What was sealed under them opens nowhere any more: not here, not in a backup, not in a restored earlier database,
because the key file is gone. Texts of documents, which search needs in the clear, are rows like any other, and go by deletion.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission, Role
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.vault.errors import (
    DestructionDecided,
    DestructionNotFound,
    DestructionWaiting,
    NotSecondOwner,
    ReasonMissing,
    RequesterNotOwner,
)
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.service import SEALING
from appliance.vault.tables import DataKeyRow, DestructionRow, KekRow, RotationRow
from appliance.vault.values import Destruction, DestructionId, RotationState

_REASON = range(3, 501)
_WAITS = timedelta(days=7)


def request_destruction(tx: Tx, caller: Caller, *, reason: str, clock: Clock) -> DestructionId:
    """Ask a second owner to destroy the organisation's keys, at a browser. Raises ReasonMissing, DestructionWaiting."""
    _ask(caller)
    reason = " ".join(reason.replace("\0", "").split())
    if len(reason) not in _REASON:
        raise ReasonMissing
    in_turn(tx, "key destruction")
    if tx.scalar(select(DestructionRow.request_id).where(*_waiting(tx, clock)).limit(1)) is not None:
        raise DestructionWaiting
    row = DestructionRow(tenant_id=tx.tenant_id, request_id=new_id(), requested_by=caller.user_id, reason=reason,
                         requested_at=clock.now())  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.KEY_DESTRUCTION_REQUESTED, subject=row.request_id)
    return DestructionId(row.request_id)


def decide_destruction(tx: Tx, caller: Caller, request_id: UUID, *, is_granted: bool, clock: Clock) -> list[KekId]:
    """Grant or refuse another owner's request, or take one's own back, at a browser.

    Returns the key files to destroy once this is committed. Raises DestructionNotFound, DestructionDecided,
    NotSecondOwner, RequesterNotOwner.
    """
    _ask(caller)
    row = tx.get(DestructionRow, (tx.tenant_id, request_id), with_for_update=True)
    if row is None:
        raise DestructionNotFound
    if row.decided_at is not None or row.requested_at <= clock.now() - _WAITS:
        raise DestructionDecided
    if is_granted and row.requested_by == caller.user_id:
        raise NotSecondOwner
    if is_granted and not identity.is_owner(tx, row.requested_by):
        raise RequesterNotOwner
    row.decided_by, row.decided_at, row.is_granted = caller.user_id, clock.now(), is_granted
    tx.flush()
    audit.record(tx, caller.actor, Event.KEY_DESTRUCTION_DECIDED, subject=request_id, granted=int(is_granted))
    return _destroy_all(tx, caller, clock) if is_granted else []


def list_destructions(tx: Tx, caller: Caller, *, clock: Clock) -> list[Destruction]:
    """Return the latest requests."""
    identity.require_granted(caller, Permission.KEY_READ)
    rows = tx.scalars(
        select(DestructionRow)
        .where(DestructionRow.tenant_id == tx.tenant_id)
        .order_by(DestructionRow.requested_at.desc())
        .limit(50)
    ).all()
    names = identity.names_of(tx, [one for row in rows for one in (row.requested_by, row.decided_by) if one])
    return [
        Destruction(
            request_id=DestructionId(row.request_id),
            requested_by=row.requested_by,
            requested_by_name=names.get(row.requested_by, ""),
            reason=row.reason,
            requested_at=row.requested_at,
            decided_by_name=names.get(row.decided_by) if row.decided_by else None,
            is_granted=row.is_granted,
            is_open=row.decided_at is None and row.requested_at > clock.now() - _WAITS,
            is_taken_back=row.decided_by == row.requested_by,
        )
        for row in rows
    ]


def sweep_destroyed(tx: Tx, files: KeyFiles) -> int:
    """Destroy key files whose end is on record, where a process died between the record and the file."""
    rows = tx.execute(select(KekRow.kek_id, KekRow.state).where(KekRow.tenant_id == tx.tenant_id)).all()
    ended = [KekId(tx.tenant_id, number) for number, state in rows if state == "destroyed"]
    left = {one for one in ended if not files.is_destroyed(one)}
    if ended and len(ended) == len(rows):  # the end of all: also of what a rolled back transaction left
        left.update(files.stored_of(tx.tenant_id))
    for kek in left:
        files.destroy(kek)
    return len(left)


def _waiting(tx: Tx, clock: Clock) -> tuple[ColumnElement[bool], ...]:
    return (
        DestructionRow.tenant_id == tx.tenant_id,
        DestructionRow.decided_at.is_(None),
        DestructionRow.requested_at > clock.now() - _WAITS,
    )


def _ask(caller: Caller) -> None:
    identity.require(caller, Permission.KEY_DESTROY)
    identity.require_browser(caller)
    identity.require_recent(caller)
    if caller.role is not Role.OWNER:
        raise NotSecondOwner


def _destroy_all(tx: Tx, caller: Caller, clock: Clock) -> list[KekId]:
    in_turn(tx, SEALING)
    now = clock.now()
    keks = list(tx.scalars(select(KekRow).where(KekRow.tenant_id == tx.tenant_id, KekRow.state != "destroyed")))
    tx.execute(
        update(DataKeyRow)
        .where(DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.state != "destroyed")
        .values(state="destroyed", wrapped=None, destroyed_at=now)
    )
    tx.execute(  # nothing is left that a rotation could seal anew
        update(RotationRow)
        .where(RotationRow.tenant_id == tx.tenant_id, RotationRow.state != RotationState.DONE.value)
        .values(state=RotationState.DONE.value, ended_at=now)
    )
    for kek in keks:
        kek.state, kek.destroyed_at = "destroyed", now
        audit.record(tx, caller.actor, Event.KEY_DESTROYED, subject=kek.kek_id, level="kek")
    tx.flush()
    return [KekId(tx.tenant_id, kek.kek_id) for kek in keks]
