from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class FileColumns:
    """What is known of one uploaded file: the one in force of a document, or one of its other versions."""

    batch_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)
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
    uploaded_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]


class DocumentRow(FileColumns, Table):
    __tablename__ = "documents"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_id: Mapped[UUID]
    version_id: Mapped[UUID | None]
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    # Of what is searched now: written with the index, whichever version that is of.
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    term_count: Mapped[int] = mapped_column(default=0)

    @property
    def file_id(self) -> UUID:
        """The id that the file in force is sealed under; the first version's is the document's own."""
        return self.version_id or self.document_id


class VersionRow(FileColumns, Table):
    """A version that is not in force: on its way, refused, or replaced."""

    __tablename__ = "document_versions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID]

    @property
    def file_id(self) -> UUID:
        """The id that its file is sealed under."""
        return self.version_id


class BatchRow(Table):
    __tablename__ = "batches"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class UploadRow(Table):
    """A file that comes in parts."""

    __tablename__ = "uploads"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    upload_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    file_name: Mapped[str]
    byte_count: Mapped[int]
    received_count: Mapped[int] = mapped_column(default=0)
    collection_id: Mapped[UUID | None]
    batch_id: Mapped[UUID | None]
    document_id: Mapped[UUID | None]
    is_separate: Mapped[bool]
    is_attested: Mapped[bool] = mapped_column(default=False)
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    began_at: Mapped[datetime]


class UploadPartRow(Table):
    __tablename__ = "upload_parts"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    part_id: Mapped[UUID] = mapped_column(primary_key=True)
    upload_id: Mapped[UUID]
    start_at: Mapped[int]
    byte_count: Mapped[int]
    content_digest: Mapped[bytes]


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


class VectorIndexRow(Table):
    """A model whose vectors an organisation's passages have: those searched by, coming, or going."""

    __tablename__ = "vector_indexes"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    dimension: Mapped[int]
    state: Mapped[str]
    changed_at: Mapped[datetime]
    # How many passages have a vector, leaving aside what was deleted since, and when the filling began at how many.
    embedded: Mapped[int] = mapped_column(default=0)
    began_at: Mapped[datetime | None]
    began_with: Mapped[int] = mapped_column(default=0)
    filled_at: Mapped[datetime | None]
    reason_code: Mapped[str | None]


class CollectionRow(Table):
    __tablename__ = "collections"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    audience: Mapped[str]
    created_at: Mapped[datetime]


class CollectionGroupRow(Table):
    __tablename__ = "collection_groups"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
