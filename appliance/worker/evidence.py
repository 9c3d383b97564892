"""What the worker does for evidence: the nightly look at the isolation, and reminders of reviews of access."""

from uuid import UUID

from appliance import evidence, identity
from appliance.assembly import Services
from appliance.audit import PLATFORM
from appliance.evidence.exporting import write_package
from appliance.identity import Permission
from appliance.kernel.ids import TenantId
from appliance.vault.signing import LogSigner
from appliance.web.evidence_letters import isolation_is_broken, review_is_due
from appliance.web.mail_words import gettext, language_of
from appliance.worker.mails import send, tell


def look_at_isolation(services: Services) -> None:
    """Look at the isolation where that is due; a broken one is mailed to the platform's operators."""
    report = evidence.attest_nightly(services.db, clock=services.clock)
    if report is None or report.is_good:
        return
    with services.db.tenant(PLATFORM) as tx:
        people = identity.list_addressees(tx, Permission.PLATFORM_CHANGE)
    faults, address = int(str(report.facts["faults"])), services.settings.address
    send(services, PLATFORM, people, lambda one: isolation_is_broken(faults, address=address, language=one.language))


def write_evidence(services: Services, tenant_id: TenantId, package_id: UUID, signer: LogSigner) -> None:
    """Write a package of evidence in the language that was asked for."""
    write_package(
        services.db, services.settings.exports, tenant_id, package_id, signer=signer, clock=services.clock,
        weaknesses=services.settings.known_weaknesses,
        speaking=lambda language: lambda message: gettext(message, language_of(language)),
    )  # fmt: skip


def remind_of_review(services: Services, tenant_id: TenantId) -> None:
    """Remind the people of this tenant who may decide of a review that is due soon; the page and the log say it too."""
    tell(
        services, tenant_id, lambda tx: evidence.remind_of_review(tx, clock=services.clock), review_is_due,
        whom=Permission.PEOPLE_CHANGE, event="review_is_due",
    )  # fmt: skip
