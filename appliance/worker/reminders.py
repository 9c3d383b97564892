"""Provider keys that end soon: on record, and by mail to whoever may replace them, once."""

from appliance import identity, tenancy
from appliance.assembly import Services
from appliance.identity import Permission
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.mail import MailFailed
from appliance.vault.providing.expiry import remind
from appliance.web.reminders import keys_end

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
    if not services.mailer.is_set:
        return
    for person in people:
        subject, body = keys_end(
            endings, organisation=organisation, address=services.settings.address, language=person.language
        )
        try:
            services.mailer.send(to=person.email, subject=subject, body=body)
        except MailFailed:
            log.warning("reminder_not_sent", tenant_id=str(tenant_id))
