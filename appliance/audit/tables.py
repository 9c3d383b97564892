from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class InboxRow(Table):
    __tablename__ = "audit_inbox"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    event: Mapped[str]
    body: Mapped[bytes]
    recorded_at: Mapped[datetime]


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
    recorded_at: Mapped[datetime]


class SubjectKeyRow(Table):
    __tablename__ = "audit_subject_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID]
    sealed: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    erased_at: Mapped[datetime | None]


class DisclosureRow(Table):
    __tablename__ = "audit_disclosures"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID]
    sealed: Mapped[bytes]


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
    sealed_at: Mapped[datetime]
    kept_size: Mapped[int]
    kept_at: Mapped[datetime | None]


class CheckpointRow(Table):
    __tablename__ = "audit_checkpoints"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
    kept_at: Mapped[datetime]
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
    requested_at: Mapped[datetime]
    asked: Mapped[dict[str, Any]]
    state: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    size: Mapped[int | None]
    digest: Mapped[bytes | None]
    byte_count: Mapped[int | None]
    ready_at: Mapped[datetime | None]
    schedule_id: Mapped[UUID | None]
    delivered_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str | None]
    next_try_at: Mapped[datetime | None]


class ScheduleRow(Table):
    __tablename__ = "audit_schedules"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    schedule_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    every: Mapped[str]
    asked: Mapped[dict[str, Any]]
    next_at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(default="folder")
    url: Mapped[str | None]
    account: Mapped[str | None]
    host_key: Mapped[str | None]
    region: Mapped[str | None]
    retain_days: Mapped[int | None]
    sealed: Mapped[bytes | None]
    last_four: Mapped[str | None]
    public_key: Mapped[str | None]


class AlarmRow(Table):
    __tablename__ = "audit_alarms"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    detail: Mapped[str]
