"""Before anything starts: does each organisation's data key in force open? What was destroyed on purpose need not."""

from sqlalchemy import select

from appliance import tenancy
from appliance.audit import PLATFORM
from appliance.kernel.db import Database
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable, wipe
from appliance.vault.errors import KeysMissing
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.keys import Wrapped, open_data_key
from appliance.vault.tables import DataKeyRow


def check_keys(db: Database, files: KeyFiles) -> int:
    """Open every organisation's data key once; return how many there are. Needs the worker's role. Raises KeysMissing."""
    with db.platform() as tx:
        tenants = [PLATFORM, *tenancy.list_tenants(tx)]
    count = 0
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            wanted = DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.state == "active"
            row = tx.scalar(select(DataKeyRow).where(*wanted))
        if row is None:
            continue
        count += 1
        try:
            wipe(open_data_key(files, Wrapped(KekId(tenant_id, row.kek_id), row.version, row.wrapped or b"")))
        except KeyDestroyed:
            continue
        except (KeyUnavailable, IntegrityError) as error:
            reason = error.reason or str(error)
            raise KeysMissing(organisation=str(tenant_id), reason=reason, directory=str(files.directory)) from error
    return count
