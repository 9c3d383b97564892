from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class ConnectionRow(Table):
    __tablename__ = "sso_connections"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    state: Mapped[str]
    settings: Mapped[dict[str, object]]
    sealed_secret: Mapped[bytes | None]
    provisions: Mapped[bool]
    default_role: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    tested_by: Mapped[UUID | None]
    tested_at: Mapped[datetime | None]
    good_until: Mapped[datetime | None]
    warned_until: Mapped[datetime | None]


class MappingRow(Table):
    __tablename__ = "sso_mappings"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    mapping_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    said: Mapped[str]
    role: Mapped[str | None]
    group_id: Mapped[UUID | None]
    custom_role_id: Mapped[UUID | None]


class IdentityRow(Table):
    __tablename__ = "sso_identities"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    created_at: Mapped[datetime]
    last_at: Mapped[datetime | None]


class TransactionRow(Table):
    __tablename__ = "sso_transactions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    purpose: Mapped[str]
    user_id: Mapped[UUID | None]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SeenRow(Table):
    __tablename__ = "sso_seen"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class DomainRow(Table):
    __tablename__ = "sso_domains"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    domain_id: Mapped[UUID] = mapped_column(primary_key=True)
    domain: Mapped[str]
    challenge: Mapped[str]
    added_by: Mapped[UUID | None]
    added_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[str | None]
    looked_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    approved_until: Mapped[datetime | None]


class LinkRow(Table):
    __tablename__ = "sso_links"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    link_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    digest: Mapped[bytes]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
