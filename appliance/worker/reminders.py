"""Provider keys and contracts that end soon, and budgets above their soft limit: by mail to whoever may do something about it, once."""

from collections.abc import Callable, Sequence

from appliance import identity, policy, tenancy
from appliance.assembly import Services
from appliance.budgets.warnings import untold
from appliance.identity import Permission
from appliance.identity.values import Addressee
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.mail import MailFailed
from appliance.vault.providing.expiry import remind
from appliance.web.reminders import budgets_stand, contracts_end, keys_end

log = logger("worker")


def remind_of_keys(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this tenant. A mail that cannot be sent is not tried again: the page and the log say it too."""
    with services.db.tenant(tenant_id) as tx:
        endings = remind(tx, clock=services.clock)
        if not endings:
            return
        people = identity.list_addressees(tx, Permission.PROVIDER_CHANGE)
        organisation = tenancy.get_organisation(tx).name
    log.info("keys_expire", tenant_id=str(tenant_id), keys=len(endings), people=len(people))
    _send(
        services, tenant_id, people,
        lambda one: keys_end(endings, organisation=organisation, address=services.settings.address, language=one.language),
    )  # fmt: skip


def remind_of_contracts(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this organisation of contracts with providers."""
    with services.db.tenant(tenant_id) as tx:
        endings = policy.remind_of_contracts(tx, clock=services.clock)
        if not endings:
            return
        people = identity.list_addressees(tx, Permission.MODEL_CHANGE)
        organisation = tenancy.get_organisation(tx).name
    log.info("contracts_expire", tenant_id=str(tenant_id), contracts=len(endings), people=len(people))
    _send(
        services, tenant_id, people,
        lambda one: contracts_end(endings, organisation=organisation, address=services.settings.address, language=one.language),
    )  # fmt: skip


def tell_of_budgets(services: Services, tenant_id: TenantId) -> None:
    """Tell people of this tenant which budgets went above their soft limit; the page and the log say it too."""
    with services.db.tenant(tenant_id) as tx:
        standings = untold(tx, clock=services.clock)
        if not standings:
            return
        people = identity.list_addressees(tx, Permission.BUDGET_CHANGE)
        organisation = tenancy.get_organisation(tx).name
    log.info("budgets_warn", tenant_id=str(tenant_id), budgets=len(standings), people=len(people))
    _send(
        services, tenant_id, people,
        lambda one: budgets_stand(standings, organisation=organisation, address=services.settings.address, language=one.language),
    )  # fmt: skip


def _send(
    services: Services, tenant_id: TenantId, people: Sequence[Addressee], words: Callable[[Addressee], tuple[str, str]]
) -> None:
    if not services.mailer.is_set:
        return
    for person in people:
        subject, body = words(person)
        try:
            services.mailer.send(to=person.email, subject=subject, body=body)
        except MailFailed:
            log.warning("reminder_not_sent", tenant_id=str(tenant_id))
