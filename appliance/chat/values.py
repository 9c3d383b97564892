from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType
from uuid import UUID

from appliance.identity import GroupId, UserId

ChatbotId = NewType("ChatbotId", UUID)
ConversationId = NewType("ConversationId", UUID)
Outcome = Literal["answered", "abstained", "stopped"]
QUOTES = "extractive"
"""The model that only quotes, and is on this host: what answers where another cannot."""
UNTITLED = "New conversation"
"""What a conversation is called before its first question: it has no title of its own then."""


class Audience(StrEnum):
    """To whom a chatbot is open."""

    EVERYONE = "everyone"
    GROUPS = "groups"


@dataclass(frozen=True)
class ChatbotForm:
    """What a person may choose about a chatbot. No collections means: all that the asker may read."""

    name: str
    welcome: str
    instructions: str
    model: str
    temperature: float = 0.0
    is_grounded: bool = True
    questions: tuple[str, ...] = ()
    collection_ids: tuple[UUID, ...] = ()
    audience: Audience = Audience.EVERYONE
    group_ids: tuple[GroupId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chatbot(ChatbotForm):
    """A chatbot as it was published last, or as its draft stands.

    `published_version` is None until the first time; `has_changes` says that the draft is not what people talk to.
    """

    chatbot_id: ChatbotId
    published_version: int | None = None
    archived_at: datetime | None = None
    has_changes: bool = False


@dataclass(frozen=True)
class Conversation:
    """`head_id` is the message that ends the branch which is shown; `shared_at` is set while others may read it."""

    conversation_id: ConversationId
    chatbot_id: ChatbotId
    title: str
    updated_at: datetime
    owner_id: UserId
    head_id: UUID | None = None
    shared_at: datetime | None = None


@dataclass(frozen=True)
class Reviewable:
    """A conversation as administrators see it. In the works-council mode `title` and `owner_name` are None."""

    conversation_id: ConversationId
    chatbot_name: str
    title: str | None
    owner_name: str | None
    messages: int
    updated_at: datetime


@dataclass(frozen=True)
class ReviewRequest:
    """An administrator's wish to open a conversation, or (`conversation_id` is None) to end the works-council mode."""

    request_id: UUID
    conversation_id: ConversationId | None
    requested_by: UserId
    requested_by_name: str
    reason: str
    requested_at: datetime
    decided_by_name: str | None
    is_granted: bool | None
    expires_at: datetime | None
    is_open: bool


@dataclass(frozen=True)
class FirstWords:
    """What the first collection and the first chatbot of an organisation say, in its founder's language."""

    name: str = "Documents"
    welcome: str = "Ask about your organisation's documents. Every answer quotes them and says where it stands."


IN_ENGLISH = FirstWords()


@dataclass(frozen=True)
class ExportWords:
    """What stands in an exported conversation between what was said, in its reader's language."""

    question: str = "Question"
    answer: str = "Answer"
    page: str = "page"
    withheld: str = "This answer rests on documents that are not open to you any more."
    written: str = (
        "Written by a model. Each sentence was compared with the passage that it cites: numbers, names, quotations, denials and most "
        "words. What it means was not judged: read the passage before you rely on it."
    )
    untraced: str = "Sentences that no passage bears out, which were left out or marked [?]:"


EXPORTED_IN_ENGLISH = ExportWords()


@dataclass(frozen=True)
class View:
    """That somebody else opened a conversation, as its owner sees it."""

    viewer_name: str
    reason: str
    viewed_at: datetime


@dataclass(frozen=True)
class Citation:
    """Where a sentence of an answer stands, in which version of its document. The ids are None once that is deleted."""

    number: int
    document_id: UUID | None
    chunk_id: UUID | None
    title: str
    heading: str
    page_from: int | None
    page_to: int | None
    quote: str
    version: int | None = None
    is_replaced: bool = False


@dataclass(frozen=True)
class Feedback:
    """What the owner of a conversation thought of an answer."""

    is_good: bool
    comment: str


@dataclass(frozen=True)
class Message:
    """`siblings` are the branches that begin here, oldest first, this one among them.

    `is_withheld` says of an answer that it rests on something the reader may not read any more: its text is left out.
    `replaced`, `removed`: how many values the model was not given, or told as surrogates; `warned`: about how many its
    asker is to be warned; `untraced`: how many sentences of a model no passage bore out, which were left out, or marked.
    `model` is the model that answered; None for a question, and for an answer from before the model was kept.
    """

    message_id: UUID
    role: Literal["user", "assistant"]
    body: str
    outcome: Outcome | None
    created_at: datetime
    citations: tuple[Citation, ...] = ()
    parent_id: UUID | None = None
    siblings: tuple[UUID, ...] = ()
    feedback: Feedback | None = None
    is_withheld: bool = False
    replaced: int = 0
    removed: int = 0
    warned: int = 0
    untraced: int = 0
    model: str | None = None

    @property
    def is_written(self) -> bool:
        """Say whether a model wrote it, and did not quote: then its sentences were compared with passages."""
        return self.model not in {None, QUOTES} and self.outcome != "abstained"

    @property
    def branch(self) -> int:
        """Return which of its siblings this is, from 1."""
        return self.siblings.index(self.message_id) + 1 if self.siblings else 1

    def neighbour(self, step: int) -> UUID | None:
        """Return the sibling so many further, or None at the end."""
        place = self.branch - 1 + step
        return self.siblings[place] if 0 <= place < len(self.siblings) else None


def cleaned(text: str) -> str:
    """Return a text without blanks around it, and without NUL, which a database cannot hold."""
    return text.replace("\0", "").strip()
