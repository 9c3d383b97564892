"""Before anything starts: does each organisation's data key in force open? What was destroyed on purpose need not."""

from dataclasses import dataclass

from sqlalchemy import select

from appliance import tenancy
from appliance.audit import PLATFORM
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable, wipe
from appliance.vault.errors import KeysBroken, KeysMissing
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.keys import Wrapped, open_data_key
from appliance.vault.tables import DataKeyRow
from appliance.vault.values import KeyState


@dataclass(frozen=True)
class Opening:
    """What came of opening an organisation's data key in force; no fault means that it opens."""

    tenant_id: TenantId
    fault: KeyUnavailable | KeyDestroyed | IntegrityError | None


def check_keys(db: Database, files: KeyFiles) -> list[Opening]:
    """Return what came of every organisation's keys, the platform's first: they open, or were destroyed on purpose.

    Needs the worker's role. Raises KeysMissing, KeysBroken.
    """
    found = try_keys(db, files)
    for one in found:
        match one.fault:
            case KeyUnavailable(reason=reason):
                raise KeysMissing(organisation=str(one.tenant_id), reason=reason, directory=str(files.directory))
            case IntegrityError(reason=reason):
                raise KeysBroken(organisation=str(one.tenant_id), reason=reason, directory=str(files.directory))
            case _:
                pass
    return found


def try_keys(db: Database, files: KeyFiles) -> list[Opening]:
    """Open the data key of every organisation that has keys, or had, once, the platform's first. Needs the worker's role."""
    with db.platform() as tx:
        tenants = [PLATFORM, *tenancy.list_tenants(tx)]
    found = []
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            opening = _tried(tx, files)
        found += [opening] if opening else []
    return found


def _tried(tx: Tx, files: KeyFiles) -> Opening | None:
    """Return what came of this organisation's data key, None before its first one."""
    ours = select(DataKeyRow).where(DataKeyRow.tenant_id == tx.tenant_id)
    row = tx.scalar(ours.order_by((DataKeyRow.state == KeyState.ACTIVE).desc()).limit(1))
    if row is None:
        return None
    if row.wrapped is None:
        return Opening(tx.tenant_id, KeyDestroyed())
    try:
        wipe(open_data_key(files, Wrapped(KekId(tx.tenant_id, row.kek_id), row.version, row.wrapped)))
    except (KeyUnavailable, KeyDestroyed, IntegrityError) as fault:
        return Opening(tx.tenant_id, fault)
    return Opening(tx.tenant_id, None)
