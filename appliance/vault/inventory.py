"""Which keys there are and were: everything but the keys."""

from sqlalchemy import select

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.vault.tables import DataKeyRow, KekRow
from appliance.vault.values import Key, KeyState, Level


def list_keys(tx: Tx, caller: Caller) -> list[Key]:
    """Return the organisation's keys, those in force first, then the youngest."""
    identity.require_granted(caller, Permission.KEY_READ)
    keks = tx.scalars(select(KekRow).where(KekRow.tenant_id == tx.tenant_id))
    deks = tx.scalars(select(DataKeyRow).where(DataKeyRow.tenant_id == tx.tenant_id))
    found = [_key(row, Level.KEK, 0) for row in keks] + [_key(row, Level.DEK, row.version) for row in deks]
    return sorted(
        found, key=lambda one: (one.state is not KeyState.ACTIVE, one.level.value, -one.created_at.timestamp())
    )


def _key(row: KekRow | DataKeyRow, level: Level, number: int) -> Key:
    return Key(level, row.kek_id, number, KeyState(row.state), row.created_at, row.retired_at, row.destroyed_at)
