"""What happens by the clock, because no request and no job does it.

Calls and documents that a dead process left open, uploads that nobody finishes, answers kept for a day, files that
nothing names, and an index on its way to another model.
"""

import random
import time
from collections.abc import Sequence
from typing import Final

from appliance import audit, chat, evidence, identity, knowledge, tenancy
from appliance.assembly import Services, room_of
from appliance.audit import PLATFORM
from appliance.audit.sinks import Deliverer
from appliance.gateway.folding import fold
from appliance.gateway.keeping import end_kept
from appliance.gateway.ledger import sweep
from appliance.identity.history import forget_sign_ins
from appliance.identity.repeats import forget_answers
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.knowledge.screening.rescanning import tend_rescan
from appliance.vault.destruction import sweep_destroyed
from appliance.vault.exchange import announce_following, end_old_root
from appliance.vault.rotation import finish_rotations, resume_rotation
from appliance.worker.evidence import look_at_isolation, remind_of_review
from appliance.worker.reminders import (
    look_at_domains,
    remind_of_certificates,
    remind_of_contracts,
    remind_of_keys,
    tell_of_budgets,
)

log = logger("worker")
_SECONDS_FOR_NAMES: Final = 60.0


def tidy(services: Services) -> None:
    """Visit every tenant, each in transactions of its own."""
    with services.db.platform() as tx:
        tenants = tenancy.list_tenants(tx)
        identity.forget_attempts(tx, clock=services.clock)
    _tend_root(services)
    _turn_keys(services, PLATFORM)
    remind_of_keys(services, PLATFORM)
    remind_of_review(services, PLATFORM)
    _sweep_files(services, PLATFORM)
    Deliverer(services.outlet).look_after()
    is_plain = False
    for tenant_id in tenants:
        with services.db.tenant(tenant_id) as tx:
            abandoned = sweep(tx, clock=services.clock)
            forget_answers(tx, clock=services.clock)
            identity.end_expired(tx, clock=services.clock)
            forget_sign_ins(tx, clock=services.clock)
        with services.db.tenant(tenant_id) as tx:
            fold(tx, clock=services.clock)
        with services.db.tenant(tenant_id) as tx:
            end_kept(tx, clock=services.clock)
        tell_of_budgets(services, tenant_id)
        _turn_keys(services, tenant_id)
        remind_of_keys(services, tenant_id)
        remind_of_contracts(services, tenant_id)
        remind_of_certificates(services, tenant_id)
        remind_of_review(services, tenant_id)
        is_plain |= chat.tend_sealing(services.db, services.vault, tenant_id)
        knowledge.tend_change(services.workshop, tenant_id)
        tend_rescan(services.workshop, tenant_id)
        stranded = knowledge.settle_stranded(services.workshop, tenant_id)
        uploads = knowledge.sweep_uploads(services.db, tenant_id, clock=services.clock)
        _tend_exports(services, tenant_id)
        orphans = knowledge.sweep_orphans(services.workshop, tenant_id)
        if abandoned or stranded or orphans or uploads:
            log.warning(
                "tidied", tenant_id=str(tenant_id), calls=abandoned, documents=stranded, files=orphans, uploads=uploads
            )
    chat.note_sealing(services.db, is_left=is_plain)
    _look_at_domains(services, tenants)
    look_at_isolation(services)  # last: what goes wrong with it keeps nothing else from being done


def _look_at_domains(services: Services, tenants: Sequence[TenantId]) -> None:
    """Ask name servers, which may be slow, after all else and for a minute: another organisation begins each time."""
    until, first = time.monotonic() + _SECONDS_FOR_NAMES, random.randrange(len(tenants) or 1)  # noqa: S311 - any order is fair
    for tenant_id in (*tenants[first:], *tenants[:first]):
        if time.monotonic() >= until:
            log.warning("domains_wait", tenant_id=str(tenant_id))
            return
        look_at_domains(services, tenant_id)


def _sweep_files(services: Services, tenant_id: TenantId) -> None:
    directory = services.settings.exports
    audit.sweep_exports(services.db, directory, tenant_id, clock=services.clock, room=room_of(services.settings))
    evidence.sweep_packages(services.db, directory, tenant_id, clock=services.clock)


def _tend_root(services: Services) -> None:
    try:
        announce_following(services.db, services.vault.files)
    except Refusal as refusal:
        log.warning("following_root_away", code=refusal.code, reason=getattr(refusal, "reason", ""))
    try:
        end_old_root(services.vault.files, services.settings.secrets.absolute())
    except (Refusal, OSError) as error:
        log.warning("old_root_stays", code=getattr(error, "code", type(error).__name__))


def _tend_exports(services: Services, tenant_id: TenantId) -> None:
    directory, folder = services.settings.exports, services.settings.export_folder
    audit.tend_schedules(services.db, directory, folder, tenant_id, clock=services.clock, room=room_of(services.settings))
    audit.resume_exports(services.db, tenant_id, clock=services.clock)
    _sweep_files(services, tenant_id)


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
