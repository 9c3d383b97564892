from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class CallRow(Table):
    __tablename__ = "model_calls"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    model: Mapped[str]
    provider: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    state: Mapped[str]
    reserved_tokens: Mapped[int] = mapped_column(BigInteger)
    reserved_micros: Mapped[int | None] = mapped_column(BigInteger)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    answer_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    admitted_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    token_id: Mapped[UUID | None]
    request_id: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=1)
    dialect: Mapped[str | None]
    upstream_model: Mapped[str | None]
    alias: Mapped[str | None]
    chatbot_id: Mapped[UUID | None]
    host: Mapped[str | None]
    region: Mapped[str | None]
    key_id: Mapped[UUID | None]
    key_fingerprint: Mapped[str | None]
    verdicts: Mapped[str | None]
    prompt_digest: Mapped[bytes | None]
    answer_digest: Mapped[bytes | None]
    status: Mapped[int | None]
    code: Mapped[str | None]
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    is_estimated: Mapped[bool] = mapped_column(default=False)
    is_priced: Mapped[bool] = mapped_column(default=False)
    currency: Mapped[str | None]
    first_byte_ms: Mapped[int | None]
    total_ms: Mapped[int | None]
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    contract_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    contract_terms: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)


class AllowedModelRow(Table):
    __tablename__ = "allowed_models"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)


class AliasRow(Table):
    __tablename__ = "model_aliases"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str]
    model: Mapped[str]
    weight: Mapped[int | None]


class ContentRow(Table):
    __tablename__ = "call_contents"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    sealed: Mapped[bytes]
    kept_at: Mapped[datetime]
    ends_at: Mapped[datetime]
