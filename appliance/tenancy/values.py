from dataclasses import dataclass
from datetime import datetime

from appliance.kernel.ids import TenantId


@dataclass(frozen=True)
class Organisation:
    tenant_id: TenantId
    name: str
    created_at: datetime
    suspended_at: datetime | None = None
