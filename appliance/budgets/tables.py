from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class BudgetRow(Table):
    __tablename__ = "budget_limits"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    budget_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID | None]
    subject_name: Mapped[str | None]
    unit: Mapped[str]
    currency: Mapped[str | None]
    period: Mapped[str]
    soft_limit: Mapped[int | None] = mapped_column(BigInteger)
    hard_limit: Mapped[int | None] = mapped_column(BigInteger)
    unpriced: Mapped[str]
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]


class CounterRow(Table):
    __tablename__ = "budget_counters"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    budget_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    period_from: Mapped[datetime] = mapped_column(primary_key=True)
    reserved: Mapped[int] = mapped_column(BigInteger, default=0)
    used: Mapped[int] = mapped_column(BigInteger, default=0)
    warned_by: Mapped[UUID | None]
    told_at: Mapped[datetime | None]


class LimitRow(Table):
    __tablename__ = "call_limits"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    limit_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID | None]
    requests_per_minute: Mapped[int | None]
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    at_once: Mapped[int | None]
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]
