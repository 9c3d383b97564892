from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class DocumentRow(Table):
    __tablename__ = "documents"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_id: Mapped[UUID]
    file_name: Mapped[str]
    title: Mapped[str]
    media_type: Mapped[str]
    byte_count: Mapped[int]
    content_digest: Mapped[bytes]
    status: Mapped[str]
    progress: Mapped[int] = mapped_column(default=0)
    reason_code: Mapped[str | None]
    reason: Mapped[str | None]
    page_count: Mapped[int | None]
    chunk_count: Mapped[int | None]
    warnings: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    unread: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    uploaded_by: Mapped[UUID]
    approved_by: Mapped[UUID | None]
    uploaded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ready_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ChunkRow(Table):
    __tablename__ = "chunks"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    chunk_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID]
    position: Mapped[int]
    heading: Mapped[str]
    body: Mapped[str]
    page_from: Mapped[int | None]
    page_to: Mapped[int | None]
    start_at: Mapped[int]
    end_at: Mapped[int]
    term_count: Mapped[int]
    ranges: Mapped[list[int]] = mapped_column(ARRAY(Integer), default=list)
    boxes: Mapped[list[int]] = mapped_column(ARRAY(Integer), default=list)


class CollectionRow(Table):
    __tablename__ = "collections"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    audience: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CollectionGroupRow(Table):
    __tablename__ = "collection_groups"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
