from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class RuleRow(Table):
    __tablename__ = "call_rules"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    group_id: Mapped[UUID | None]
    providers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    models: Mapped[list[str]] = mapped_column(ARRAY(Text))
    regions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tools: Mapped[list[str]] = mapped_column(ARRAY(Text))
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    most_answer_tokens: Mapped[int | None] = mapped_column(BigInteger)
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    starts: Mapped[str | None]
    ends: Mapped[str | None]
    zone: Mapped[str | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class LabelRow(Table):
    __tablename__ = "data_labels"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    terms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    stays: Mapped[bool]


class ContractRow(Table):
    __tablename__ = "provider_contracts"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(Uuid)
    provider: Mapped[str]
    base_url: Mapped[str]
    terms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    region: Mapped[str | None]
    reference: Mapped[str]
    expires_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]


class VersionRow(Table):
    __tablename__ = "rules_versions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
