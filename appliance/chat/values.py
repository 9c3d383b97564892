from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType
from uuid import UUID

ChatbotId = NewType("ChatbotId", UUID)
ConversationId = NewType("ConversationId", UUID)
Outcome = Literal["answered", "abstained", "stopped"]


@dataclass(frozen=True)
class Chatbot:
    chatbot_id: ChatbotId
    name: str
    welcome: str
    instructions: str
    model: str


@dataclass(frozen=True)
class Conversation:
    conversation_id: ConversationId
    chatbot_id: ChatbotId
    title: str
    updated_at: datetime


@dataclass(frozen=True)
class Citation:
    """Where a sentence of an answer stands. The ids are None once the document is deleted."""

    number: int
    document_id: UUID | None
    chunk_id: UUID | None
    title: str
    heading: str
    page_from: int | None
    page_to: int | None
    quote: str


@dataclass(frozen=True)
class Message:
    message_id: UUID
    role: Literal["user", "assistant"]
    body: str
    outcome: Outcome | None
    created_at: datetime
    citations: tuple[Citation, ...] = ()
