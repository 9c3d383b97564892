"""What the platform's operators say of each organisation: whether it may, or must, use provider keys of its own."""

from sqlalchemy import text

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, Permission
from appliance.identity.errors import OrganisationNotFound
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.vault.providing.lending import own_keys
from appliance.vault.providing.values import OwnKeys


def set_own_keys(tx: Tx, caller: Caller, tenant_id: TenantId, rule: OwnKeys) -> None:
    """Say whether an organisation may use its own keys; the next call goes by it. Its keys stay as they are."""
    identity.require(caller, Permission.PLATFORM_CHANGE)
    if not tx.scalar(text("SELECT set_own_keys(:id, :rule)"), {"id": tenant_id, "rule": rule.value}):
        raise OrganisationNotFound
    audit.record(tx, caller.actor, Event.OWN_KEYS_SET, subject=tenant_id, own_keys=rule.value)


def list_own_keys(tx: Tx, caller: Caller) -> dict[TenantId, OwnKeys]:
    """Return what was said of organisations; of the others nothing was, so they may."""
    identity.require_granted(caller, Permission.PLATFORM_READ)
    return {TenantId(row.tenant_id): OwnKeys(row.own_keys) for row in tx.execute(text("SELECT * FROM list_own_keys()"))}


def get_own_keys(tx: Tx, caller: Caller) -> OwnKeys:
    """Return what was said of the caller's organisation."""
    identity.require_granted(caller, Permission.PROVIDER_READ)
    return own_keys(tx)
