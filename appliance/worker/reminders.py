"""Provider keys and contracts that end soon: on record, and by mail to whoever may replace them, once."""

from collections.abc import Sequence

from appliance import identity, policy, tenancy
from appliance.assembly import Services
from appliance.identity import Permission
from appliance.identity.values import Addressee
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.mail import MailFailed
from appliance.vault.providing.expiry import remind
from appliance.web.reminders import contracts_end, keys_end

log = logger("worker")


def remind_of_keys(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this tenant. What is on record is not said again, also where the mail server takes nothing."""
    with services.db.tenant(tenant_id) as tx:
        endings = remind(tx, clock=services.clock)
        if not endings:
            return
        people = identity.list_addressees(tx, Permission.PROVIDER_CHANGE)
        organisation = tenancy.get_organisation(tx).name
    log.info("keys_expire", tenant_id=str(tenant_id), keys=len(endings), people=len(people))
    address = services.settings.address
    letters = [
        (one, keys_end(endings, organisation=organisation, address=address, language=one.language)) for one in people
    ]
    _send(services, tenant_id, letters)


def remind_of_contracts(services: Services, tenant_id: TenantId) -> None:
    """Remind people of this organisation of contracts with providers."""
    with services.db.tenant(tenant_id) as tx:
        endings = policy.remind_of_contracts(tx, clock=services.clock)
        if not endings:
            return
        people = identity.list_addressees(tx, Permission.MODEL_CHANGE)
        organisation = tenancy.get_organisation(tx).name
    log.info("contracts_expire", tenant_id=str(tenant_id), contracts=len(endings), people=len(people))
    address = services.settings.address
    letters = [
        (one, contracts_end(endings, organisation=organisation, address=address, language=one.language))
        for one in people
    ]
    _send(services, tenant_id, letters)


def _send(services: Services, tenant_id: TenantId, letters: Sequence[tuple[Addressee, tuple[str, str]]]) -> None:
    if not services.mailer.is_set:
        return
    for person, (subject, body) in letters:
        try:
            services.mailer.send(to=person.email, subject=subject, body=body)
        except MailFailed:
            log.warning("reminder_not_sent", tenant_id=str(tenant_id))
