from datetime import datetime
from uuid import UUID

from sqlalchemy import Text, Uuid, func
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
    joined_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]
    own_since: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str] = mapped_column(default="person")
    language: Mapped[str | None]
    zone: Mapped[str | None]
    access_until: Mapped[datetime | None]
    role_source: Mapped[str] = mapped_column(default="manual")
    connection_id: Mapped[UUID | None]
    custom_role_id: Mapped[UUID | None]


class SessionRow(Table):
    __tablename__ = "sessions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str]
    agent: Mapped[str]
    authenticated_at: Mapped[datetime]
    methods: Mapped[list[str]] = mapped_column(ARRAY(Text))
    connection_id: Mapped[UUID | None]
    idp_session: Mapped[str | None]
    factor_id: Mapped[UUID | None]
    misplaced_at: Mapped[datetime | None]


class GroupRow(Table):
    __tablename__ = "groups"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class GroupMemberRow(Table):
    __tablename__ = "group_members"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID | None]


class InvitationRow(Table):
    __tablename__ = "invitations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    email: Mapped[str]
    role: Mapped[str]
    group_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    invited_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    access_until: Mapped[datetime | None]
    custom_role_id: Mapped[UUID | None]


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
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    models: Mapped[list[str]] = mapped_column(ARRAY(Text))
    endpoints: Mapped[list[str]] = mapped_column(ARRAY(Text))
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text))
    misplaced_at: Mapped[datetime | None]


class RepeatRow(Table):
    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_digest: Mapped[bytes] = mapped_column(primary_key=True)
    request_digest: Mapped[bytes]
    began_at: Mapped[datetime]
    status: Mapped[int | None]
    sealed: Mapped[bytes | None]


class PolicyRow(Table):
    __tablename__ = "session_policies"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    idle_minutes: Mapped[int | None]
    lifetime_minutes: Mapped[int | None]
    proof_minutes: Mapped[int | None]
    most_sessions: Mapped[int | None]
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text))
    needs_second_factor: Mapped[bool]


class SignInRow(Table):
    __tablename__ = "sign_ins"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sign_in_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    user_id: Mapped[UUID | None]
    succeeded: Mapped[bool]
    method: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    connection_id: Mapped[UUID | None]
    address: Mapped[str]
    agent: Mapped[str]


class CustomRoleRow(Table):
    __tablename__ = "custom_roles"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    role_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class BreakGlassRow(Table):
    __tablename__ = "break_glass_accounts"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    made_by: Mapped[UUID | None]
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]


class SupportGrantRow(Table):
    __tablename__ = "support_grants"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    level: Mapped[str]
    reason: Mapped[str]
    granted_by: Mapped[UUID]
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
