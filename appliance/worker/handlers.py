"""Job type to room function, one line each."""

from collections.abc import Callable
from uuid import UUID

from appliance import knowledge
from appliance.assembly import Services
from appliance.kernel.ids import TenantId

Handler = Callable[[TenantId, UUID], None]


def handlers(services: Services) -> dict[str, Handler]:
    """Return what to do for each task that a room enqueues."""
    shop = services.workshop
    return {
        knowledge.INGEST: lambda tenant_id, subject: knowledge.ingest(shop, tenant_id, knowledge.DocumentId(subject)),
        knowledge.ERASE: lambda tenant_id, subject: knowledge.erase(shop, tenant_id, knowledge.DocumentId(subject)),
    }
