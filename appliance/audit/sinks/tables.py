from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class SinkRow(Table):
    __tablename__ = "audit_sinks"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sink_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    url: Mapped[str]
    region: Mapped[str | None]
    retain_days: Mapped[int | None]
    scope: Mapped[str]
    since: Mapped[datetime | None]
    sealed: Mapped[bytes | None]
    last_four: Mapped[str]
    is_paused: Mapped[bool]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    sent: Mapped[int]
    sent_at: Mapped[datetime | None]
    failures: Mapped[int]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    next_try_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    alarmed_at: Mapped[datetime | None]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    least_severity: Mapped[int] = mapped_column(default=1)
    organisations: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))


class CursorRow(Table):
    __tablename__ = "audit_sink_cursors"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sink_id: Mapped[UUID] = mapped_column(primary_key=True)
    log_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]


class LetterRow(Table):
    __tablename__ = "audit_sink_letters"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    letter_id: Mapped[UUID] = mapped_column(primary_key=True)
    sink_id: Mapped[UUID]
    log_id: Mapped[UUID]
    position: Mapped[int]
    event_id: Mapped[UUID]
    event: Mapped[str]
    reason: Mapped[str]
    kept_at: Mapped[datetime]
    is_again: Mapped[bool]
