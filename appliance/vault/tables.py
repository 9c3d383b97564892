from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class DataKeyRow(Table):
    __tablename__ = "data_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    kek_id: Mapped[UUID]
    wrapped: Mapped[bytes | None]
    state: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]


class KekRow(Table):
    __tablename__ = "key_encryption_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    kek_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]
    end_proof: Mapped[bytes | None]


class RotationRow(Table):
    __tablename__ = "key_rotations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    rotation_id: Mapped[UUID] = mapped_column(primary_key=True)
    level: Mapped[str]
    state: Mapped[str]
    shelf: Mapped[int]
    reached: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    damaged: Mapped[int]
    began_at: Mapped[datetime]
    swept_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    waited: Mapped[timedelta] = mapped_column(server_default=text("'0'"))
    ended_at: Mapped[datetime | None]


class DestructionRow(Table):
    __tablename__ = "key_destructions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    requested_by: Mapped[UUID]
    reason: Mapped[str]
    requested_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    is_granted: Mapped[bool | None]


class SigningKeyRow(Table):
    __tablename__ = "signing_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int]
    public: Mapped[bytes]
    endorsement: Mapped[bytes | None]
    sealed: Mapped[bytes | None]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
