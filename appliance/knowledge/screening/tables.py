from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class ScanRow(Table):
    __tablename__ = "document_scans"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID]
    policy_version: Mapped[int]
    own_version: Mapped[int]
    engine_version: Mapped[str]
    action: Mapped[str]
    found: Mapped[int]
    removed: Mapped[int]
    is_checked: Mapped[bool]
    # A digest of the places at which something was taken out: another one, and what is searched is made anew.
    cuts: Mapped[str]
    # What the file is called, where its row does not say it because of what was found in it.
    sealed_name: Mapped[bytes | None]
    scanned_at: Mapped[datetime]


class FindingRow(Table):
    __tablename__ = "document_findings"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    finding_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_id: Mapped[UUID]
    document_id: Mapped[UUID]
    category: Mapped[str]
    rule: Mapped[str]
    place: Mapped[str]
    page: Mapped[int | None]
    start_at: Mapped[int]
    end_at: Mapped[int]
    times: Mapped[int]
    confidence: Mapped[float]
    through: Mapped[str]
    action: Mapped[str]
    policy_rule: Mapped[UUID | None]
    policy_version: Mapped[int]
    engine_version: Mapped[str]
    sealed_excerpt: Mapped[bytes | None]
    found_at: Mapped[datetime]
    resolution: Mapped[str | None]
    resolved_by: Mapped[UUID | None]
    resolved_at: Mapped[datetime | None]
    # Whoever decided, or the second person where two are needed; until then it is open.
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None]
    sealed_reason: Mapped[bytes | None]
    is_mistaken: Mapped[bool] = mapped_column(default=False)


class AttestationRow(Table):
    __tablename__ = "upload_attestations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID]
    attested_by: Mapped[UUID]
    attested_at: Mapped[datetime]
    statement: Mapped[str]


class ScreeningSettingsRow(Table):
    __tablename__ = "screening_settings"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    attestation: Mapped[str]
    needs_second: Mapped[bool]
