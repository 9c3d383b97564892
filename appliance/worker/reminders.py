"""Provider keys, contracts, verified domains and identity providers' certificates that end soon, and budgets above their soft limit: by mail to whoever may do something about it, once."""

from collections.abc import Callable, Sequence
from uuid import UUID

from appliance import identity, policy, tenancy
from appliance.assembly import Services
from appliance.budgets.warnings import untold
from appliance.identity import Permission
from appliance.identity.breakglass import untold_use
from appliance.identity.sso import rechecking
from appliance.identity.sso.saml import expiry as certificates
from appliance.identity.values import Addressee
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.mail import MailFailed
from appliance.vault.providing.expiry import remind
from appliance.web.reminders import budgets_stand, certificates_end, contracts_end, domains_end, glass_broken, keys_end

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
    send(
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
    send(
        services, tenant_id, people,
        lambda one: contracts_end(endings, organisation=organisation, address=services.settings.address, language=one.language),
    )  # fmt: skip


def remind_of_certificates(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this organisation of certificates of its identity providers."""
    with services.db.tenant(tenant_id) as tx:
        endings = certificates.remind_of_certificates(tx, clock=services.clock)
        if not endings:
            return
        people = identity.list_addressees(tx, Permission.SIGN_ON_CHANGE)
        organisation = tenancy.get_organisation(tx).name
    log.info("certificates_expire", tenant_id=str(tenant_id), connections=len(endings), people=len(people))
    send(
        services, tenant_id, people,
        lambda one: certificates_end(endings, organisation=organisation, address=services.settings.address, language=one.language),
    )  # fmt: skip


def look_at_domains(services: Services, tenant_id: TenantId) -> None:
    """Look at this organisation's verified domains again, and tell people of those that are, or soon will be, verified no more."""
    found = rechecking.look_again(
        services.db, tenant_id, look_up=services.sign_on.look_up, clock=services.clock
    )
    if not found:
        return
    with services.db.tenant(tenant_id) as tx:
        people = identity.list_addressees(tx, Permission.SIGN_ON_CHANGE)
        organisation = tenancy.get_organisation(tx).name
    log.warning("domains_need_a_look", tenant_id=str(tenant_id), domains=len(found), people=len(people))
    send(
        services, tenant_id, people,
        lambda one: domains_end(found, organisation=organisation, address=services.settings.address, language=one.language),
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
    send(
        services, tenant_id, people,
        lambda one: budgets_stand(standings, organisation=organisation, address=services.settings.address, language=one.language),
    )  # fmt: skip


def tell_of_break_glass(services: Services, tenant_id: TenantId, user_id: UUID) -> None:
    """Tell the owners that a break-glass account signed in, once."""
    with services.db.tenant(tenant_id) as tx:
        used_at = untold_use(tx, user_id, clock=services.clock)
        if used_at is None:
            return
        people = identity.list_addressees(tx, Permission.BREAK_GLASS_CHANGE)
        name = identity.names_of(tx, [user_id]).get(user_id, "")
        organisation = tenancy.get_organisation(tx).name
    log.warning("break_glass_used", tenant_id=str(tenant_id), user_id=str(user_id), people=len(people))
    send(
        services, tenant_id, people,
        lambda one: glass_broken(name, used_at, organisation=organisation, address=services.settings.address, language=one.language),
    )  # fmt: skip


def send(
    services: Services, tenant_id: TenantId, people: Sequence[Addressee], words: Callable[[Addressee], tuple[str, str]]
) -> None:
    """Send each of these people a mail in their language, if there is a mail server."""
    if not services.mailer.is_set:
        return
    for person in people:
        subject, body = words(person)
        try:
            services.mailer.send(to=person.email, subject=subject, body=body)
        except MailFailed:
            log.warning("reminder_not_sent", tenant_id=str(tenant_id))
