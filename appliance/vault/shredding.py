"""Two owners agree, and an organisation's keys end (crypto-shredding): the record first, then the files.

What would outlive the keys stops it: values that the root itself seals, and what was not sealed yet.
"""

from collections.abc import Sequence
from uuid import UUID

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.db import Database
from appliance.kernel.log import logger
from appliance.kernel.sealing import KeyUnavailable
from appliance.vault.destruction import decide_destruction, sweep_destroyed
from appliance.vault.exchange import require_data_keys, require_nothing_plain
from appliance.vault.providing.service import end_keys
from appliance.vault.service import Vault
from appliance.vault.shelves import Shelf
from appliance.vault.values import End

log = logger("vault")


def destroy_keys(db: Database, vault: Vault, shelves: Sequence[Shelf], caller: Caller, request_id: UUID) -> bool:
    """Grant another owner's request; return whether the key files are gone, or the worker goes on with them.

    Raises FirstFormatRemains, PlainTextRemains, and what `decide_destruction` raises; then nothing was destroyed.
    """
    identity.require(caller, Permission.KEY_DESTROY)
    tenant_id = caller.tenant_id
    require_data_keys(shelves, [tenant_id])
    require_nothing_plain(shelves, tenant_id)
    with db.tenant(tenant_id) as tx:
        # Before the lock on sealing: whoever adds a key holds its provider first, too.
        end_keys(tx, caller, clock=vault.clock)
        keks = decide_destruction(tx, caller, request_id, is_granted=True, files=vault.files, clock=vault.clock)
    try:
        for kek in keks:  # after the commit: what was not recorded is not destroyed
            vault.files.destroy(kek, End.ALL)
        with db.tenant(tenant_id) as tx:
            sweep_destroyed(tx, vault.files)
    except KeyUnavailable as refusal:  # a full disk
        log.warning("key_files_stay", tenant_id=str(tenant_id), reason=refusal.reason)
        return False
    return True
