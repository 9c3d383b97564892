"""Job type to room function, one line each."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from appliance import audit, chat, evidence, knowledge, vault
from appliance.assembly import Services, attendant_of, room_of
from appliance.dlp.dryrun import DRY_RUN
from appliance.dlp.dryrun_flow import Sources, rehearse
from appliance.identity.breakglass import ALARM
from appliance.kernel.ids import TenantId
from appliance.knowledge.glancing import glance
from appliance.knowledge.screening.naming import RESCAN_NAMES, rescan_names
from appliance.knowledge.screening.rescanning import rescan
from appliance.knowledge.screening.turns import RESCAN
from appliance.vault import LogSigners
from appliance.vault.rotation import rotate
from appliance.worker.evidence import write_evidence
from appliance.worker.reminders import tell_of_break_glass

Handler = Callable[[TenantId, UUID, int], None]


def handlers(services: Services) -> dict[str, Handler]:
    """Return what to do for each task that a room enqueues: with the tenant, the thing, and the job's own number."""
    shop, signers, attendant = services.workshop, LogSigners(services.db, services.vault), attendant_of(services)
    traffic = chat.RecentTraffic(services.vault, partial(glance, languages=services.settings.ocr_languages))
    return {
        knowledge.INGEST: lambda tenant_id, subject, job_id: knowledge.ingest(shop, tenant_id, subject, job_id=job_id),
        RESCAN: lambda tenant_id, _subject, _: rescan(shop, tenant_id),
        RESCAN_NAMES: lambda tenant_id, subject, _: rescan_names(shop, tenant_id, subject),
        knowledge.REEMBED: lambda tenant_id, _subject, _: knowledge.reembed(shop, tenant_id),
        chat.SEAL: lambda tenant_id, _subject, _: chat.seal_plain(services.db, services.vault, tenant_id),
        vault.ROTATE: lambda tenant_id, _subject, _: rotate(services.db, services.vault, services.shelves, tenant_id),
        audit.EXPORT: lambda tenant_id, subject, _: audit.write_export(
            services.db, services.settings.exports, tenant_id, subject, signer=signers(), clock=services.clock, attendant=attendant,
            room=room_of(services.settings),
        ),
        evidence.PACKAGE: lambda tenant_id, subject, _: write_evidence(services, tenant_id, subject, signers()),
        ALARM: lambda tenant_id, subject, _: tell_of_break_glass(services, tenant_id, subject),
        DRY_RUN: lambda tenant_id, subject, _: rehearse(
            services.db, Sources(knowledge.StoredTexts(shop), traffic), services.scanner, tenant_id, subject, clock=services.clock
        ),
        knowledge.ERASE: lambda tenant_id, subject, _: knowledge.erase(shop, tenant_id, subject),
    }
