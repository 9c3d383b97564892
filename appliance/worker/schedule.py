"""What happens by the clock, because no request and no job does it.

Calls and documents that a dead process left open, uploads that nobody finishes, answers kept for a day, files that
nothing names, and an index on its way to another model.
"""

from appliance import audit, chat, identity, knowledge, tenancy
from appliance.assembly import Services
from appliance.audit import PLATFORM
from appliance.gateway.folding import fold
from appliance.gateway.ledger import sweep
from appliance.identity.repeats import forget_answers
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.vault.destruction import sweep_destroyed
from appliance.vault.exchange import announce_following, end_old_root
from appliance.vault.rotation import finish_rotations, resume_rotation
from appliance.worker.reminders import remind_of_contracts, remind_of_keys, tell_of_budgets

log = logger("worker")


def tidy(services: Services) -> None:
    """Visit every tenant, each in transactions of its own."""
    with services.db.platform() as tx:
        tenants = tenancy.list_tenants(tx)
        identity.forget_attempts(tx, clock=services.clock)
    _tend_root(services)
    _turn_keys(services, PLATFORM)
    remind_of_keys(services, PLATFORM)
    audit.sweep_exports(services.db, services.settings.exports, PLATFORM, clock=services.clock)
    is_plain = False
    for tenant_id in tenants:
        with services.db.tenant(tenant_id) as tx:
            abandoned = sweep(tx, clock=services.clock)
            forget_answers(tx, clock=services.clock)
        with services.db.tenant(tenant_id) as tx:
            fold(tx, clock=services.clock)
        tell_of_budgets(services, tenant_id)
        _turn_keys(services, tenant_id)
        remind_of_keys(services, tenant_id)
        remind_of_contracts(services, tenant_id)
        is_plain |= chat.tend_sealing(services.db, services.vault, tenant_id)
        knowledge.tend_change(services.workshop, tenant_id)
        stranded = knowledge.settle_stranded(services.workshop, tenant_id)
        uploads = knowledge.sweep_uploads(services.db, tenant_id, clock=services.clock)
        audit.sweep_exports(services.db, services.settings.exports, tenant_id, clock=services.clock)
        orphans = knowledge.sweep_orphans(services.workshop, tenant_id)
        if abandoned or stranded or orphans or uploads:
            log.warning(
                "tidied", tenant_id=str(tenant_id), calls=abandoned, documents=stranded, files=orphans, uploads=uploads
            )
    chat.note_sealing(services.db, is_left=is_plain)


def _tend_root(services: Services) -> None:
    try:
        announce_following(services.db, services.vault.files)
    except Refusal as refusal:
        log.warning("following_root_away", code=refusal.code, reason=getattr(refusal, "reason", ""))
    try:
        end_old_root(services.vault.files, services.settings.secrets.absolute())
    except (Refusal, OSError) as error:
        log.warning("old_root_stays", code=getattr(error, "code", type(error).__name__))


def _turn_keys(services: Services, tenant_id: TenantId) -> None:
    """End a rotation of this tenant whose time has come; what is not available now is tried again next time."""
    try:
        with services.db.tenant(tenant_id) as tx:
            sweep_destroyed(tx, services.vault.files)
        resume_rotation(services.db, tenant_id)
        finish_rotations(services.db, services.vault, services.shelves, tenant_id)
    except Refusal as refusal:  # such as a full disk: other tenants' keys are turned all the same
        log.warning(
            "rotation_waits", tenant_id=str(tenant_id), code=refusal.code, reason=getattr(refusal, "reason", "")
        )
