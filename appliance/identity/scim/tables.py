from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class ServiceRow(Table):
    __tablename__ = "scim_services"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_on: Mapped[bool]
    subject_of: Mapped[str]
    needs_group: Mapped[bool]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ProvisioningTokenRow(Table):
    __tablename__ = "scim_tokens"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[UUID]
    digest: Mapped[bytes]
    hint: Mapped[str]
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    misplaced_at: Mapped[datetime | None]


class ProvisionedUserRow(Table):
    __tablename__ = "scim_users"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    user_id: Mapped[UUID]
    user_name_key: Mapped[str]
    subject: Mapped[str | None]
    has_access: Mapped[bool]
    doc: Mapped[dict[str, Any]]
    keys: Mapped[dict[str, Any]]
    version: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ProvisionedGroupRow(Table):
    __tablename__ = "scim_groups"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    doc: Mapped[dict[str, Any]]
    keys: Mapped[dict[str, Any]]
    version: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ProvisionedMemberRow(Table):
    __tablename__ = "scim_group_members"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
