from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class VersionRow(Table):
    """How often an organisation's own rules changed, and the sealed key of the digests of its values."""

    __tablename__ = "dlp_own_rules"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(BigInteger)


class ListRow(Table):
    """A list; what is in it is sealed."""

    __tablename__ = "dlp_own_lists"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    list_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    category: Mapped[str]
    entries: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    changed_by: Mapped[UUID | None]
    changed_at: Mapped[datetime]


class AllowanceRow(Table):
    """What is not told, why, and until when. A value is kept as its digest."""

    __tablename__ = "dlp_allowances"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    allowance_id: Mapped[UUID] = mapped_column(primary_key=True)
    value: Mapped[bytes | None] = mapped_column(LargeBinary)
    rule: Mapped[str | None]
    document_id: Mapped[UUID | None]
    collection_id: Mapped[UUID | None]
    reason: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
