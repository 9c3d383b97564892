"""Provider keys, contracts, verified domains and identity providers' certificates that end soon, and budgets above their soft limit: by mail to whoever may do something about it, once."""

from uuid import UUID

from appliance import identity, policy
from appliance.assembly import Services
from appliance.budgets.warnings import untold
from appliance.identity import Permission
from appliance.identity.breakglass import untold_use
from appliance.identity.sso import rechecking
from appliance.identity.sso.saml import expiry as certificates
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.vault.providing.expiry import remind
from appliance.web.reminders import (
    GlassBroken,
    budgets_stand,
    certificates_end,
    contracts_end,
    domains_end,
    glass_broken,
    keys_end,
)
from appliance.worker.mails import tell


def remind_of_keys(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this organisation of keys to providers."""
    tell(
        services, tenant_id, lambda tx: remind(tx, clock=services.clock), keys_end,
        whom=Permission.PROVIDER_CHANGE, event="keys_expire", counted="keys",
    )  # fmt: skip


def remind_of_contracts(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this organisation of contracts with providers."""
    tell(
        services, tenant_id, lambda tx: policy.remind_of_contracts(tx, clock=services.clock), contracts_end,
        whom=Permission.MODEL_CHANGE, event="contracts_expire", counted="contracts",
    )  # fmt: skip


def remind_of_certificates(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this organisation of certificates of its identity providers."""
    tell(
        services, tenant_id, lambda tx: certificates.remind_of_certificates(tx, clock=services.clock), certificates_end,
        whom=Permission.SIGN_ON_CHANGE, event="certificates_expire", counted="connections",
    )  # fmt: skip


def look_at_domains(services: Services, tenant_id: TenantId) -> None:
    """Look at this organisation's verified domains again, and tell people of those that are, or soon will be, verified no more."""
    found = rechecking.look_again(services.db, tenant_id, look_up=services.sign_on.look_up, clock=services.clock)
    if found:
        tell(
            services, tenant_id, lambda _tx: found, domains_end,
            whom=Permission.SIGN_ON_CHANGE, event="domains_need_a_look", counted="domains", is_alarm=True,
        )  # fmt: skip


def tell_of_budgets(services: Services, tenant_id: TenantId) -> None:
    """Tell people of this organisation which budgets went above their soft limit."""
    tell(
        services, tenant_id, lambda tx: untold(tx, clock=services.clock), budgets_stand,
        whom=Permission.BUDGET_CHANGE, event="budgets_warn", counted="budgets",
    )  # fmt: skip


def tell_of_break_glass(services: Services, tenant_id: TenantId, user_id: UUID) -> None:
    """Tell the owners that a break-glass account signed in, once."""

    def find(tx: Tx) -> GlassBroken | None:
        used_at = untold_use(tx, user_id, clock=services.clock)
        return None if used_at is None else GlassBroken(identity.names_of(tx, [user_id]).get(user_id, ""), used_at)

    tell(
        services, tenant_id, find, glass_broken,
        whom=Permission.BREAK_GLASS_CHANGE, event="break_glass_used", is_alarm=True, user_id=str(user_id),
    )  # fmt: skip
