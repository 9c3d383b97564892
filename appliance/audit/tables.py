from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class InboxRow(Table):
    __tablename__ = "audit_inbox"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    event: Mapped[str]
    body: Mapped[bytes]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LogRow(Table):
    __tablename__ = "audit_log"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    event: Mapped[str]
    actor_id: Mapped[UUID | None]
    subject: Mapped[UUID | None]
    leaf: Mapped[bytes]
    body: Mapped[bytes]
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class NodeRow(Table):
    __tablename__ = "audit_nodes"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[bytes]


class HeadRow(Table):
    __tablename__ = "audit_heads"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    origin: Mapped[str]
    size: Mapped[int]
    peaks: Mapped[bytes]
    note: Mapped[str]
    sealed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    kept_size: Mapped[int]
    kept_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CheckpointRow(Table):
    __tablename__ = "audit_checkpoints"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
    kept_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    logs_position: Mapped[int | None]


class LogKeyRow(Table):
    __tablename__ = "audit_log_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    public: Mapped[bytes]
    endorsement: Mapped[bytes | None]
    since_size: Mapped[int]


class ExportRow(Table):
    __tablename__ = "audit_exports"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    export_id: Mapped[UUID] = mapped_column(primary_key=True)
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    asked: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    size: Mapped[int | None]
    digest: Mapped[bytes | None]
    byte_count: Mapped[int | None]
    ready_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
