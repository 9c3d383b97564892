"""Job type to room function, one line each."""

from collections.abc import Callable
from uuid import UUID

from appliance import audit, chat, knowledge, vault
from appliance.assembly import Services
from appliance.kernel.ids import TenantId
from appliance.vault import LogSigners
from appliance.vault.rotation import rotate

Handler = Callable[[TenantId, UUID, int], None]


def handlers(services: Services) -> dict[str, Handler]:
    """Return what to do for each task that a room enqueues: with the tenant, the thing, and the job's own number."""
    shop, signers = services.workshop, LogSigners(services.db, services.vault)
    return {
        knowledge.INGEST: lambda tenant_id, subject, job_id: knowledge.ingest(shop, tenant_id, subject, job_id=job_id),
        knowledge.REEMBED: lambda tenant_id, _subject, _: knowledge.reembed(shop, tenant_id),
        chat.SEAL: lambda tenant_id, _subject, _: chat.seal_plain(services.db, services.vault, tenant_id),
        vault.ROTATE: lambda tenant_id, _subject, _: rotate(services.db, services.vault, services.shelves, tenant_id),
        audit.EXPORT: lambda tenant_id, subject, _: audit.write_export(
            services.db, services.settings.exports, tenant_id, subject, signer=signers(), clock=services.clock
        ),
        knowledge.ERASE: lambda tenant_id, subject, _: knowledge.erase(shop, tenant_id, subject),
    }
