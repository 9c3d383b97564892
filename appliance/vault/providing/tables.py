from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class ProviderRow(Table):
    __tablename__ = "model_providers"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    base_url: Mapped[str]
    region: Mapped[str | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class ProviderKeyRow(Table):
    __tablename__ = "provider_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID]
    label: Mapped[str]
    weight: Mapped[int]
    sealed: Mapped[bytes | None]
    last_four: Mapped[str]
    fingerprint: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    check_code: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[UUID | None]


class KeyUseRow(Table):
    __tablename__ = "provider_key_uses"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    uses: Mapped[int]
    last_used_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]


class FingerprintKeyRow(Table):
    __tablename__ = "fingerprint_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]


class RuleRow(Table):
    __tablename__ = "provider_rules"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    own_keys: Mapped[str]
