"""What the names that programs ask for stand for, read for all that ask at a moment in one transaction."""

from collections.abc import Sequence

from appliance.gateway.errors import ModelNotFound
from appliance.gateway.models import Alias, Target, aliases_named, find_target, is_alias
from appliance.gateway.weighing import drawn
from appliance.kernel.batches import Batches
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId


def targets_of(tx: Tx, name: str) -> tuple[Target, ...]:
    """Return the models that are asked for by this name, as they were entered. Raises ModelNotFound."""
    if direct := find_target(name):
        return (direct,)
    if is_alias(name) and (found := aliases_named(tx, [name])):
        return found[name].targets
    raise ModelNotFound


class Naming:
    """Looks names up."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches: Batches[TenantId, str, Alias] = Batches(self._read)

    def targets(self, tenant_id: TenantId, name: str) -> tuple[Target, ...]:
        """Return the models that are asked for by this name, in the order in which a call tries them. Raises ModelNotFound."""
        if direct := find_target(name):
            return (direct,)
        if not is_alias(name):
            raise ModelNotFound
        return drawn(self._batches.do(tenant_id, name).weighed)

    def _read(self, tenant_id: TenantId, names: Sequence[str]) -> list[Alias | Exception]:
        with self._db.tenant(tenant_id) as tx:
            found = aliases_named(tx, names)
        return [found[name] if name in found else ModelNotFound() for name in names]
