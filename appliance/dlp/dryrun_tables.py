from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class DryRunRow(Table):
    __tablename__ = "dlp_dry_runs"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    against: Mapped[int]
    against_rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    most: Mapped[int | None]
    direction: Mapped[str]
    is_local: Mapped[bool]
    terms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    region: Mapped[str | None]
    requested_by: Mapped[UUID]
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str]
    days: Mapped[int | None]
    call_days: Mapped[int | None]
    reached: Mapped[UUID | None]
    reached_kind: Mapped[str | None]
    looked: Mapped[int] = mapped_column(default=0)
    unread: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, list[int]]] = mapped_column(JSONB, default=dict)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DryRunDocumentRow(Table):
    __tablename__ = "dlp_dry_run_documents"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    before: Mapped[str]
    after: Mapped[str]
    counts: Mapped[dict[str, dict[str, int]]] = mapped_column(JSONB)


class DryRunPlaceRow(Table):
    __tablename__ = "dlp_dry_run_places"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    place_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID | None]
    call_id: Mapped[UUID | None]
    before: Mapped[str]
    after: Mapped[str]
    counts: Mapped[dict[str, dict[str, int]]] = mapped_column(JSONB)
