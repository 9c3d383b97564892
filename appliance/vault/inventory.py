"""Which keys there are and were: everything but the keys."""

from sqlalchemy import select

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.vault.tables import DataKeyRow, KekRow
from appliance.vault.values import Key, KeyState, Level


def list_keys(tx: Tx, caller: Caller) -> list[Key]:
    """Return the organisation's keys, those in force first, then the youngest. Looking is an event in the log."""
    identity.require_granted(caller, Permission.KEY_READ)
    found = all_keys(tx)
    audit.record(tx, caller.actor, Event.KEYS_READ, keys=len(found))
    return found


def all_keys(tx: Tx) -> list[Key]:
    """Return the organisation's keys in that order. Asking for permission, and saying so in the log, is the caller's part."""
    keks = tx.scalars(select(KekRow).where(KekRow.tenant_id == tx.tenant_id).order_by(KekRow.created_at, KekRow.kek_id))
    deks = tx.scalars(select(DataKeyRow).where(DataKeyRow.tenant_id == tx.tenant_id))
    found = [_key(row, Level.KEK, number) for number, row in enumerate(keks, start=1)]
    found += [_key(row, Level.DEK, row.version) for row in deks]
    return sorted(
        found, key=lambda one: (one.state is not KeyState.ACTIVE, -one.created_at.timestamp(), one.level.value)
    )


def _key(row: KekRow | DataKeyRow, level: Level, number: int) -> Key:
    return Key(level, row.kek_id, number, KeyState(row.state), row.created_at, row.retired_at, row.destroyed_at)
