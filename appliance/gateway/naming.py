"""What the names that programs ask for stand for, read for all that ask at a moment in one transaction."""

from collections.abc import Collection, Sequence

from sqlalchemy import select

from appliance.gateway.errors import ModelNotFound
from appliance.gateway.models import Target, find_target, is_alias
from appliance.gateway.tables import AliasRow
from appliance.kernel.batches import Batches
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId


def targets_of(tx: Tx, name: str) -> tuple[Target, ...]:
    """Return the models that are asked for by this name, in the order in which they are tried. Raises ModelNotFound."""
    if direct := find_target(name):
        return (direct,)
    if is_alias(name) and (found := _targets(tx, [name])):
        return found[name]
    raise ModelNotFound


class Naming:
    """Looks names up."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches: Batches[TenantId, str, tuple[Target, ...]] = Batches(self._read)

    def targets(self, tenant_id: TenantId, name: str) -> tuple[Target, ...]:
        """Return the models that are asked for by this name, in the order in which they are tried. Raises ModelNotFound."""
        if direct := find_target(name):
            return (direct,)
        if not is_alias(name):
            raise ModelNotFound
        return self._batches.do(tenant_id, name)

    def _read(self, tenant_id: TenantId, names: Sequence[str]) -> list[tuple[Target, ...] | Exception]:
        with self._db.tenant(tenant_id) as tx:
            found = _targets(tx, names)
        return [found[name] if name in found else ModelNotFound() for name in names]


def _targets(tx: Tx, names: Collection[str]) -> dict[str, tuple[Target, ...]]:
    rows = tx.scalars(
        select(AliasRow)
        .where(AliasRow.tenant_id == tx.tenant_id, AliasRow.name.in_(set(names)))
        .order_by(AliasRow.name, AliasRow.place)
    )
    found: dict[str, tuple[Target, ...]] = {}
    for row in rows:
        found[row.name] = (*found.get(row.name, ()), Target(row.provider, row.model))
    return found
