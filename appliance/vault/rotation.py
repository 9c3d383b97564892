"""Rotations of an organisation's keys while it works, resumable wherever a process dies.

A data key: the new version is in force at once; the worker walks every shelf and seals anew what is under older
ones; when a whole walk found nothing to do and the grace is over, the old versions are destroyed. Who seals holds a shared lock
and who begins a rotation the exclusive one, so that no value is sealed under the old key once the walk begins. What
somebody reads at that moment opens: the old version stays for the grace.

A key-encryption key: the new one wraps every data key in one transaction; the old one's file is destroyed after the grace,
if every data key opens by a younger one.

The grace is counted by the database's clock, in pieces: between two looks of the worker never more than two minutes. A
clock that is set forward, or back, and a worker that was away end no key early.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, insert, select, text, update

from appliance import audit, identity
from appliance.audit import Actor, ActorKind, Event
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.jobs import Job, enqueue, is_pending
from appliance.kernel.sealing import wipe
from appliance.vault.errors import RotationRunning
from appliance.vault.keyfiles import KekId
from appliance.vault.keys import Wrapped, make_data_key, open_data_key, wrap_under
from appliance.vault.service import SEALING, Vault
from appliance.vault.shelves import Shelf
from appliance.vault.tables import DataKeyRow, KekRow, RotationRow
from appliance.vault.values import End, KeyState, Level, Rotation, RotationId, RotationState

ROTATE = "vault.rotate"
GRACE = timedelta(minutes=10)
_COUNTED = timedelta(minutes=2)
_WAIT = text(
    """UPDATE key_rotations SET seen_at = now(),
         waited = waited + least(greatest(now() - coalesce(seen_at, now()), interval '0'), :most)
       WHERE tenant_id = :tenant AND state = 'waiting' RETURNING rotation_id, level, waited"""
)
_SECONDS, _MOST = 10.0, 200
_SYSTEM = Actor(ActorKind.SYSTEM)


def begin_rotation(tx: Tx, caller: Caller, vault: Vault, level: Level) -> RotationId:
    """Put a new key in force, and let the worker do the rest. Raises RotationRunning, KeyUnavailable, KeyDestroyed."""
    identity.require(caller, Permission.KEY_ROTATE)
    in_turn(tx, SEALING)
    if _running(tx) is not None:
        raise RotationRunning
    vault.version_in_force(tx)  # an organisation without keys gets its first ones
    rotation_id, now = new_id(), vault.clock.now()
    if level is Level.DEK:
        _new_data_key(tx, vault)
    else:
        _new_kek(tx, vault)
    is_swept = level is Level.KEK
    tx.execute(  # these columns and no others: the app's role may write nothing of how far it is
        insert(RotationRow).values(
            tenant_id=tx.tenant_id, rotation_id=rotation_id, level=level, began_at=now,
            state=RotationState.WAITING if is_swept else RotationState.SWEEPING,
            swept_at=now if is_swept else None, seen_at=func.now() if is_swept else None,
        )
    )  # fmt: skip
    audit.record(tx, caller.actor, Event.KEY_ROTATION_BEGUN, subject=rotation_id, level=level.value)
    if level is Level.DEK:
        enqueue(tx, Job(ROTATE, rotation_id, lock=_lock(tx.tenant_id)))
    return RotationId(rotation_id)


def rotate(db: Database, vault: Vault, shelves: Sequence[Shelf], tenant_id: TenantId) -> None:
    """Do a piece of an organisation's rotation, of some seconds, and queue the next one."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with db.tenant(tenant_id) as tx:
            row = _running(tx)
            if row is None or row.state != RotationState.SWEEPING:
                return
            place, reached, total = row.shelf, row.reached, row.total
        if place == len(shelves):
            _swept(db, vault.clock, tenant_id)
            return
        if not total:
            total = sum(shelf.count(tenant_id) for shelf in shelves)
        walked = shelves[place].reseal(tenant_id, reached, most=_MOST)
        _note(db, tenant_id, place, walked.reached, walked.looked_at, total)
    with db.tenant(tenant_id) as tx:
        enqueue(tx, Job(ROTATE, new_id(), lock=_lock(tenant_id)))


def resume_rotation(db: Database, tenant_id: TenantId) -> None:
    """Queue a piece of a rotation that has none any more: its job failed too often. Needs the worker's role."""
    with db.tenant(tenant_id) as tx:
        row = _running(tx)
        if row is not None and row.state == RotationState.SWEEPING and not is_pending(tx, _lock(tenant_id)):
            enqueue(tx, Job(ROTATE, new_id(), lock=_lock(tenant_id)))


def finish_rotations(
    db: Database, vault: Vault, shelves: Sequence[Shelf], tenant_id: TenantId, *, grace: timedelta = GRACE
) -> bool:
    """Destroy the old keys of a rotation whose grace is over, after a last walk; say whether one ended.

    Where values were found that do not open, the old keys stay, and the next rotation looks again.
    """
    with db.tenant(tenant_id) as tx:
        waiting = tx.execute(_WAIT, {"tenant": tenant_id, "most": _COUNTED}).one_or_none()
        if waiting is None or waiting.waited < grace:
            return False
        rotation_id, level = waiting.rotation_id, Level(waiting.level)
    # A file may have been on its way when the walk came by.
    damaged, retired = _walk(shelves, tenant_id) if level is Level.DEK else 0, list[KekId]()
    with db.tenant(tenant_id) as tx:
        in_turn(tx, SEALING)
        row = _running(tx)
        if row is None or row.rotation_id != rotation_id:  # another worker ended it; the next one may have begun
            return False
        if level is Level.KEK:
            _require_all_open(tx, vault)
            retired = _destroy_retired_keks(tx, vault)
        elif not damaged:
            _destroy_retired_data_keys(tx, vault.clock)
        row.state, row.ended_at, row.damaged = RotationState.DONE, vault.clock.now(), damaged
        tx.flush()
        audit.record(tx, _SYSTEM, Event.KEY_ROTATED, subject=row.rotation_id, level=level.value, damaged=damaged)
    for kek in retired:  # after the commit: a key that Postgres still names is never missing
        vault.files.destroy(kek, End.REPLACED)
    return True


def get_rotation(tx: Tx, caller: Caller) -> Rotation | None:
    """Return the latest rotation, or None."""
    identity.require_granted(caller, Permission.KEY_READ)
    row = tx.scalar(
        select(RotationRow).where(RotationRow.tenant_id == tx.tenant_id).order_by(RotationRow.began_at.desc()).limit(1)
    )
    if row is None:
        return None
    return Rotation(RotationId(row.rotation_id), Level(row.level), RotationState(row.state), row.done, row.total,
                    row.damaged, row.began_at, row.ended_at)  # fmt: skip


def _walk(shelves: Sequence[Shelf], tenant_id: TenantId) -> int:
    """Walk all shelves to their ends; return how many values do not open."""
    damaged = 0
    for shelf in shelves:
        reached: str | None = ""
        while reached is not None:
            walked = shelf.reseal(tenant_id, reached, most=_MOST)
            reached, damaged = walked.reached, damaged + walked.damaged
    return damaged


def _lock(tenant_id: TenantId) -> str:
    return f"rotate {tenant_id}"


def _running(tx: Tx) -> RotationRow | None:
    return tx.scalar(
        select(RotationRow).where(RotationRow.tenant_id == tx.tenant_id, RotationRow.state != RotationState.DONE)
    )


def _new_data_key(tx: Tx, vault: Vault) -> None:
    now = vault.clock.now()
    row = tx.scalars(select(DataKeyRow).where(DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.state == KeyState.ACTIVE)).one()
    row.state, row.retired_at = KeyState.RETIRING, now
    tx.flush()
    kek = KekId(tx.tenant_id, row.kek_id)
    made = make_data_key(vault.files, kek, row.version + 1)
    tx.add(DataKeyRow(tenant_id=tx.tenant_id, version=made.version, kek_id=kek.number, wrapped=made.content,
                      state=KeyState.ACTIVE, created_at=now))  # fmt: skip
    tx.flush()
    audit.record(tx, _SYSTEM, Event.KEY_CREATED, subject=tx.tenant_id, level="dek", number=made.version)


def _new_kek(tx: Tx, vault: Vault) -> None:
    now, kek = vault.clock.now(), KekId(tx.tenant_id, new_id())
    vault.files.create(kek)
    tx.execute(
        update(KekRow)
        .where(KekRow.tenant_id == tx.tenant_id, KekRow.state == KeyState.ACTIVE)
        .values(state=KeyState.RETIRING, retired_at=now)
    )
    tx.add(KekRow(tenant_id=tx.tenant_id, kek_id=kek.number, state=KeyState.ACTIVE, created_at=now))
    tx.flush()
    for row in tx.scalars(
        select(DataKeyRow).where(DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.wrapped.is_not(None))
    ):
        old = Wrapped(KekId(tx.tenant_id, row.kek_id), row.version, row.wrapped or b"")
        row.wrapped, row.kek_id = wrap_under(vault.files, old, kek).content, kek.number
    tx.flush()
    audit.record(tx, _SYSTEM, Event.KEY_CREATED, subject=kek.number, level="kek")


def _note(db: Database, tenant_id: TenantId, place: int, reached: str | None, looked_at: int, total: int) -> None:
    with db.tenant(tenant_id) as tx:
        row = _running(tx)
        if row is not None:
            row.shelf, row.reached = (place, reached) if reached is not None else (place + 1, "")
            row.done, row.total = row.done + looked_at, max(total, row.done + looked_at)


def _swept(db: Database, clock: Clock, tenant_id: TenantId) -> None:
    with db.tenant(tenant_id) as tx:
        row = _running(tx)
        if row is not None:
            row.state, row.swept_at = RotationState.WAITING, clock.now()
            tx.flush()
            tx.execute(_WAIT, {"tenant": tenant_id, "most": _COUNTED})


def _destroy_retired_data_keys(tx: Tx, clock: Clock) -> None:
    now = clock.now()
    for row in tx.scalars(
        select(DataKeyRow).where(DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.state == KeyState.RETIRING)
    ):
        row.state, row.wrapped, row.destroyed_at = KeyState.DESTROYED, None, now
        audit.record(tx, _SYSTEM, Event.KEY_DESTROYED, subject=tx.tenant_id, level="dek", number=row.version)
    tx.flush()


def _require_all_open(tx: Tx, vault: Vault) -> None:
    """Raise as opening does unless every data key opens by the key that its row names: or the old one may be needed yet."""
    for row in tx.scalars(
        select(DataKeyRow).where(DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.wrapped.is_not(None))
    ):
        wipe(open_data_key(vault.files, Wrapped(KekId(tx.tenant_id, row.kek_id), row.version, row.wrapped or b"")))


def _destroy_retired_keks(tx: Tx, vault: Vault) -> list[KekId]:
    now, keks = vault.clock.now(), list[KekId]()
    wrapping = select(DataKeyRow.kek_id).where(DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.wrapped.is_not(None))
    for row in tx.scalars(
        select(KekRow).where(
            KekRow.tenant_id == tx.tenant_id, KekRow.state == KeyState.RETIRING, KekRow.kek_id.not_in(wrapping)
        )
    ):
        kek = KekId(tx.tenant_id, row.kek_id)
        row.state, row.destroyed_at, row.end_proof = KeyState.DESTROYED, now, vault.files.prove_end(kek, End.REPLACED)
        keks.append(kek)
        audit.record(tx, _SYSTEM, Event.KEY_DESTROYED, subject=kek.number, level="kek")
    tx.flush()
    return keks
