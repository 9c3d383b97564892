from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class ChatbotRow(Table):
    __tablename__ = "chatbots"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    chatbot_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    welcome: Mapped[str]
    instructions: Mapped[str]
    model: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ConversationRow(Table):
    __tablename__ = "conversations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    chatbot_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    title: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class MessageRow(Table):
    __tablename__ = "messages"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    role: Mapped[str]
    body: Mapped[str]
    outcome: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CitationRow(Table):
    __tablename__ = "citations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[UUID | None]
    chunk_id: Mapped[UUID | None]
    title: Mapped[str]
    heading: Mapped[str]
    page_from: Mapped[int | None]
    page_to: Mapped[int | None]
    quote: Mapped[str]
