"""What is looked at in a house that was restored for a drill: whether it is all there, opens, and keeps organisations apart."""

from collections.abc import Sequence

from appliance.audit.counting import is_log_whole
from appliance.evidence import isolation
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId
from appliance.vault import KeyFiles, check_keys

Facts = dict[str, str | int | list[str]]


def examine(db: Database, files: KeyFiles, tenants: Sequence[TenantId]) -> Facts:
    """Return what was found; `faults` counts what is wrong, and `named` says it."""
    faults = ["a key does not open" for one in check_keys(db, files) if one.fault is not None]
    entries = 0
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            size, is_whole = is_log_whole(tx)
        entries += size
        if not is_whole:
            faults.append("an audit log has not as many entries as its signed head says")
    with db.platform() as tx:
        faults += isolation.look(tx).faults
    return {"organisations": len(tenants) - 1, "log_entries": entries, "faults": len(faults), "named": faults[:20]}
