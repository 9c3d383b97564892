from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class MembershipRow(Table):
    __tablename__ = "memberships"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    display_name: Mapped[str]
    email: Mapped[str]
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    suspended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    own_since: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    kind: Mapped[str] = mapped_column(default="person")
    language: Mapped[str | None]
    zone: Mapped[str | None]


class SessionRow(Table):
    __tablename__ = "sessions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    address: Mapped[str]
    agent: Mapped[str]
    authenticated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    methods: Mapped[list[str]] = mapped_column(ARRAY(Text))


class GroupRow(Table):
    __tablename__ = "groups"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class GroupMemberRow(Table):
    __tablename__ = "group_members"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)


class InvitationRow(Table):
    __tablename__ = "invitations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    email: Mapped[str]
    role: Mapped[str]
    group_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    invited_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    accepted_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class TokenRow(Table):
    __tablename__ = "api_tokens"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    user_id: Mapped[UUID]
    name: Mapped[str]
    hint: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    models: Mapped[list[str]] = mapped_column(ARRAY(Text))
    endpoints: Mapped[list[str]] = mapped_column(ARRAY(Text))
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text))
    misplaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RepeatRow(Table):
    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_digest: Mapped[bytes] = mapped_column(primary_key=True)
    request_digest: Mapped[bytes]
    began_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status: Mapped[int | None]
    sealed: Mapped[bytes | None]
