from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class CosignatureRow(Table):
    __tablename__ = "audit_cosignatures"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    witness: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
    seen_at: Mapped[datetime]


class TimeStampRow(Table):
    __tablename__ = "audit_time_stamps"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
    token: Mapped[bytes]
    stamped_at: Mapped[datetime]


class AnchorRow(Table):
    __tablename__ = "audit_anchors"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    anchor: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str]
    size: Mapped[int]
    seen_at: Mapped[datetime | None]
    fault: Mapped[str | None]
    fault_size: Mapped[int | None]
    fault_at: Mapped[datetime | None]


class EpochRow(Table):
    __tablename__ = "audit_epochs"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str]
    ordered_at: Mapped[datetime]
