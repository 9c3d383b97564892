from datetime import datetime
from uuid import UUID

from sqlalchemy import Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class ChatbotRow(Table):
    __tablename__ = "chatbots"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    chatbot_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    welcome: Mapped[str]
    instructions: Mapped[str]
    model: Mapped[str]
    temperature: Mapped[float]
    is_grounded: Mapped[bool]
    questions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    collection_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    audience: Mapped[str]
    published_version: Mapped[int | None]
    archived_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ChatbotVersionRow(Table):
    __tablename__ = "chatbot_versions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    chatbot_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    welcome: Mapped[str]
    instructions: Mapped[str]
    model: Mapped[str]
    temperature: Mapped[float]
    is_grounded: Mapped[bool]
    questions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    collection_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    published_by: Mapped[UUID | None]
    published_at: Mapped[datetime]


class ChatbotGroupRow(Table):
    __tablename__ = "chatbot_groups"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    chatbot_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)


class ConversationRow(Table):
    __tablename__ = "conversations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    chatbot_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(default="")
    sealed_title: Mapped[bytes | None]
    head_id: Mapped[UUID | None]
    shared_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class MessageRow(Table):
    __tablename__ = "messages"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    role: Mapped[str]
    body: Mapped[str] = mapped_column(default="")
    sealed_words: Mapped[bytes | None]
    outcome: Mapped[str | None]
    replaced: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    warned: Mapped[int] = mapped_column(default=0)
    untraced: Mapped[int] = mapped_column(default=0)
    model: Mapped[str | None]
    created_at: Mapped[datetime]


class CitationRow(Table):
    __tablename__ = "citations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[UUID | None]
    chunk_id: Mapped[UUID | None]
    title: Mapped[str] = mapped_column(default="")
    heading: Mapped[str] = mapped_column(default="")
    page_from: Mapped[int | None]
    page_to: Mapped[int | None]
    quote: Mapped[str] = mapped_column(default="")
    version: Mapped[int | None]


class MessageSourceRow(Table):
    __tablename__ = "message_sources"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[UUID | None]
    collection_id: Mapped[UUID | None]


class FeedbackRow(Table):
    __tablename__ = "feedback"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_good: Mapped[bool]
    comment: Mapped[str] = mapped_column(default="")
    sealed_comment: Mapped[bytes | None]
    given_at: Mapped[datetime]


class ReviewRequestRow(Table):
    __tablename__ = "review_requests"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID | None]
    requested_by: Mapped[UUID]
    reason: Mapped[str] = mapped_column(default="")
    sealed_reason: Mapped[bytes | None]
    requested_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    is_granted: Mapped[bool | None]
    expires_at: Mapped[datetime | None]


class ConversationViewRow(Table):
    __tablename__ = "conversation_views"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    view_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    viewer_id: Mapped[UUID]
    reason: Mapped[str] = mapped_column(default="")
    sealed_reason: Mapped[bytes | None]
    viewed_at: Mapped[datetime]


class ConversationTextRow(Table):
    __tablename__ = "conversation_texts"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    book_id: Mapped[UUID | None]
    sealed: Mapped[bytes | None]


class SurrogatesRow(Table):
    __tablename__ = "conversation_surrogates"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]


class TextBookRow(Table):
    __tablename__ = "text_books"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    book_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    sealed: Mapped[bytes]


class TitlePageRow(Table):
    __tablename__ = "title_pages"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes | None]


class CallOpeningRow(Table):
    __tablename__ = "call_openings"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    opening_id: Mapped[UUID] = mapped_column(primary_key=True)
    call_id: Mapped[UUID]
    asked_by: Mapped[UUID]
    sealed_reason: Mapped[bytes]
    asked_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    is_granted: Mapped[bool | None]
    expires_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
