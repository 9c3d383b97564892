"""A process that turns keys, to be killed: python -m tests.support.rotating LEVEL TENANT OWNER."""

import sys
import time
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from appliance.assembly import Services, assemble
from appliance.audit import PLATFORM
from appliance.identity import UserId
from appliance.identity.sessions import caller_of
from appliance.kernel import log
from appliance.kernel.ids import TenantId
from appliance.settings import load
from appliance.vault.destruction import sweep_destroyed
from appliance.vault.errors import RotationRunning
from appliance.vault.exchange import exchange_root
from appliance.vault.rotation import begin_rotation, finish_rotations, rotate
from appliance.vault.values import Level

GRACE = timedelta(seconds=2)


def is_sweeping(services: Services, tenant_id: TenantId) -> bool:
    """Say whether there is something left to seal anew."""
    with services.db.tenant(tenant_id) as tx:
        return bool(tx.scalar(text("SELECT count(*) FROM key_rotations WHERE state = 'sweeping'")))


def main(level: str, tenant: str, owner: str) -> None:
    """Turn the key of this level to the end, from wherever the last process left it."""
    log.configure()  # to standard error: this process says on standard output how far it is
    settings, tenant_id = load(), TenantId(UUID(tenant))
    services = assemble(settings, role="worker")
    db, vault, shelves = services.db, services.vault, services.shelves
    print("begun", flush=True)
    if level == "root":
        exchange_root(db, vault.files, shelves, [PLATFORM, tenant_id], secrets=settings.secrets.absolute())
    else:
        with suppress(RotationRunning), db.tenant(tenant_id) as tx:
            begin_rotation(tx, caller_of(tx, UserId(UUID(owner))), vault, Level(level))
        while is_sweeping(services, tenant_id):
            rotate(db, vault, shelves, tenant_id)
        while not finish_rotations(db, vault, shelves, tenant_id, grace=GRACE):
            time.sleep(0.2)
        with db.tenant(tenant_id) as tx:
            sweep_destroyed(tx, vault.files)
    services.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
