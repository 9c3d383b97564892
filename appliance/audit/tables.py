from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class InboxRow(Table):
    __tablename__ = "audit_inbox"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    event: Mapped[str]
    body: Mapped[bytes]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
