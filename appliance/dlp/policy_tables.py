from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class PolicyRow(Table):
    __tablename__ = "dlp_policies"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    needs_second: Mapped[bool]
    note: Mapped[str]
    template: Mapped[str]
    based_on: Mapped[int]
    drafted_by: Mapped[UUID]
    drafted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    asked_by: Mapped[UUID]
    approved_by: Mapped[UUID]
    in_force_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class DraftRow(Table):
    __tablename__ = "dlp_drafts"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    needs_second: Mapped[bool]
    note: Mapped[str]
    template: Mapped[str]
    based_on: Mapped[int]
    drafted_by: Mapped[UUID]
    drafted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revision: Mapped[int]
    changed_by: Mapped[UUID]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
