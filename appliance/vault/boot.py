"""Before anything starts: does each organisation's data key in force open? What was destroyed on purpose need not."""

from collections.abc import Iterator

from sqlalchemy import select

from appliance import tenancy
from appliance.audit import PLATFORM
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable, wipe
from appliance.vault.errors import KeysMissing
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.keys import Wrapped, open_data_key
from appliance.vault.tables import DataKeyRow

Shut = IntegrityError | KeyDestroyed | KeyUnavailable


def check_keys(db: Database, files: KeyFiles) -> int:
    """Open every organisation's data key once; return how many there are. Needs the worker's role. Raises KeysMissing."""
    count = 0
    for tenant_id, refusal in judge_keys(db, files):
        count += 1
        if isinstance(refusal, KeyUnavailable | IntegrityError):
            reason = refusal.reason or str(refusal)
            raise KeysMissing(organisation=str(tenant_id), reason=reason, directory=str(files.directory)) from refusal
    return count


def judge_keys(db: Database, files: KeyFiles) -> Iterator[tuple[TenantId, Shut | None]]:
    """Yield whose data key in force there is, and why it does not open, None if it does. Needs the worker's role."""
    with db.platform() as tx:
        tenants = [PLATFORM, *tenancy.list_tenants(tx)]
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            wanted = DataKeyRow.tenant_id == tx.tenant_id, DataKeyRow.state == "active"
            row = tx.scalar(select(DataKeyRow).where(*wanted))
        if row is not None:
            yield tenant_id, _judged(files, Wrapped(KekId(tenant_id, row.kek_id), row.version, row.wrapped or b""))


def _judged(files: KeyFiles, wrapped: Wrapped) -> Shut | None:
    try:
        wipe(open_data_key(files, wrapped))
    except (IntegrityError, KeyDestroyed, KeyUnavailable) as refusal:
        return refusal
    return None
