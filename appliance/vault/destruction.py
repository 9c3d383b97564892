"""Destroying an organisation's keys for good (crypto-shredding): asked for by one owner, granted by a second.

What was sealed under them opens nowhere any more: not here, not in a backup, not in a restored earlier database,
because the key file is gone. Texts of documents, which search needs in the clear, are rows like any other, and go by deletion.

The database decides again by its own door, and lets the app's role end a key in no other way. That a row says so is no
leave to destroy a key file either: the end was proved by the key itself, so who has the database alone ends nothing.
"""

import json
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, text

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission, Role
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.kernel.log import logger
from appliance.vault.errors import (
    DestructionDecided,
    DestructionNotFound,
    DestructionWaiting,
    NotLongEnoughOwner,
    NotSecondOwner,
    ReasonMissing,
    RequesterNotOwner,
)
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.service import SEALING
from appliance.vault.tables import DestructionRow, KekRow
from appliance.vault.values import Destruction, DestructionId, End, KeyState

_REASON = range(3, 501)
_WAITS = _SETTLES = timedelta(days=7)
_DECIDE = text("SELECT decide_key_destruction(:request, :by, :granted, :now, CAST(:proofs AS jsonb))")
log = logger("vault")


def request_destruction(tx: Tx, caller: Caller, *, reason: str, clock: Clock) -> DestructionId:
    """Ask a second owner to destroy the organisation's keys, at a browser. Raises ReasonMissing, DestructionWaiting."""
    _require_owner_here(caller)
    reason = " ".join(reason.replace("\0", "").split())
    if len(reason) not in _REASON:
        raise ReasonMissing
    in_turn(tx, "key destruction")
    if tx.scalar(select(DestructionRow.request_id).where(*_waiting(tx, clock)).limit(1)) is not None:
        raise DestructionWaiting
    request_id = new_id()
    tx.execute(  # these columns and no others: the app's role may write no decision
        insert(DestructionRow).values(
            tenant_id=tx.tenant_id, request_id=request_id, requested_by=caller.user_id, reason=reason, requested_at=clock.now()
        )
    )
    audit.record(tx, caller.actor, Event.KEY_DESTRUCTION_REQUESTED, subject=request_id)
    return DestructionId(request_id)


def decide_destruction(
    tx: Tx, caller: Caller, request_id: UUID, *, is_granted: bool, files: KeyFiles, clock: Clock
) -> list[KekId]:
    """Grant or refuse another owner's request, or take one's own back, at a browser.

    Returns the key files to destroy once this is committed. Raises DestructionNotFound, DestructionDecided,
    NotSecondOwner, RequesterNotOwner, NotLongEnoughOwner, KeyUnavailable.
    """
    _require_owner_here(caller)
    row = tx.scalar(select(DestructionRow).where(*_this(tx, request_id)))
    if row is None:
        raise DestructionNotFound
    in_turn(tx, "key destruction")
    tx.refresh(row)
    if row.decided_at is not None or row.requested_at <= clock.now() - _WAITS:
        raise DestructionDecided
    if is_granted:
        _require_two_owners(tx, caller, row.requested_by)
        in_turn(tx, SEALING)
    keks = _keys_in_use(tx) if is_granted else []
    proofs = {kek: files.prove_end(kek, End.ALL) for kek in keks}
    audit.record(tx, caller.actor, Event.KEY_DESTRUCTION_DECIDED, subject=request_id, granted=int(is_granted))
    tx.execute(
        _DECIDE,
        {"request": request_id, "by": caller.user_id, "granted": is_granted, "now": clock.now(),
         "proofs": json.dumps({str(kek.number): proof.hex() for kek, proof in proofs.items() if proof})},
    )  # fmt: skip
    for kek in keks:
        audit.record(tx, caller.actor, Event.KEY_DESTROYED, subject=kek.number, level="kek")
    return keks


def list_destructions(tx: Tx, caller: Caller, *, clock: Clock) -> list[Destruction]:
    """Return the latest 50 requests, the newest first."""
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
    """Destroy key files whose end is on record and proved, where a process died between the record and the file."""
    rows = tx.execute(
        select(KekRow.kek_id, KekRow.state, KekRow.end_proof).where(KekRow.tenant_id == tx.tenant_id)
    ).all()
    ended = {KekId(tx.tenant_id, number): proof for number, state, proof in rows if state == KeyState.DESTROYED}
    ends = {kek: files.proven_end(kek, proof) for kek, proof in ended.items()}
    left = {kek: end for kek, end in ends.items() if end is not None and not files.is_destroyed(kek)}
    if ends and len(ends) == len(rows) and End.ALL in ends.values():  # also what a rolled back transaction left
        left.update({kek: End.ALL for kek in files.stored_of(tx.tenant_id) if kek not in left})
    for kek in ends.keys() - left.keys():
        if files.has_file(kek):
            log.error("key_end_unproved", tenant_id=str(tx.tenant_id), kek=str(kek.number))
    for kek, end in left.items():
        files.destroy(kek, end)
    return len(left)


def _waiting(tx: Tx, clock: Clock) -> tuple[ColumnElement[bool], ...]:
    return (
        DestructionRow.tenant_id == tx.tenant_id,
        DestructionRow.decided_at.is_(None),
        DestructionRow.requested_at > clock.now() - _WAITS,
    )


def _require_owner_here(caller: Caller) -> None:
    identity.require(caller, Permission.KEY_DESTROY)
    identity.require_browser(caller)
    identity.require_recent(caller)
    if caller.role is not Role.OWNER:
        raise NotSecondOwner


def _require_two_owners(tx: Tx, caller: Caller, requested_by: UUID) -> None:
    """Nobody is two people by a password, a factor or a role that they gave the other one lately."""
    if requested_by == caller.user_id:
        raise NotSecondOwner
    if not identity.is_owner(tx, requested_by):
        raise RequesterNotOwner
    for user_id in (requested_by, caller.user_id):
        if not identity.is_left_alone(tx, user_id, _SETTLES):
            raise NotLongEnoughOwner(who=identity.names_of(tx, [user_id]).get(user_id, ""))


def _this(tx: Tx, request_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return DestructionRow.tenant_id == tx.tenant_id, DestructionRow.request_id == request_id


def _keys_in_use(tx: Tx) -> list[KekId]:
    found = select(KekRow.kek_id).where(KekRow.tenant_id == tx.tenant_id, KekRow.state != KeyState.DESTROYED)
    return [KekId(tx.tenant_id, number) for number in tx.scalars(found)]
