from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class ReportRow(Table):
    __tablename__ = "evidence_reports"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    report_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    is_good: Mapped[bool]
    made_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]
    digest: Mapped[bytes]


class ReviewRow(Table):
    __tablename__ = "access_reviews"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    review_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    started_by: Mapped[UUID]
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    digest: Mapped[bytes | None]


class ReviewItemRow(Table):
    __tablename__ = "access_review_items"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    review_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    facts: Mapped[dict[str, Any]]


class DecisionRow(Table):
    __tablename__ = "access_review_decisions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    review_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    reason: Mapped[str]
    decided_by: Mapped[UUID]
    decided_at: Mapped[datetime]
    is_own: Mapped[bool]
    is_done: Mapped[bool]


class PackageRow(Table):
    __tablename__ = "evidence_packages"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    package_id: Mapped[UUID] = mapped_column(primary_key=True)
    requested_by: Mapped[UUID]
    requested_at: Mapped[datetime]
    language: Mapped[str]
    state: Mapped[str]
    digest: Mapped[bytes | None]
    byte_count: Mapped[int | None]
    ready_at: Mapped[datetime | None]
