from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType
from uuid import UUID

from appliance.identity import GroupId
from appliance.knowledge.places import NOWHERE, Places

CollectionId = NewType("CollectionId", UUID)
DocumentId = NewType("DocumentId", UUID)
Rectangle = tuple[int, int, int, int]


class Audience(StrEnum):
    """Who may read a collection, or talk to a chatbot."""

    EVERYONE = "everyone"
    GROUPS = "groups"


@dataclass(frozen=True)
class CollectionForm:
    """What a person may choose about a collection."""

    name: str
    description: str
    audience: Audience
    group_ids: tuple[GroupId, ...]


@dataclass(frozen=True)
class Collection:
    collection_id: CollectionId
    name: str
    description: str
    audience: Audience
    group_ids: tuple[GroupId, ...]
    document_count: int


class Status(StrEnum):
    """Where a document is on its way; only `ready` is searched."""

    RECEIVED = "received"
    PARSING = "parsing"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    INCOMPLETE = "incomplete"

    @property
    def is_final(self) -> bool:
        """Nothing more happens to it by itself."""
        return self in {Status.READY, Status.FAILED} or self.is_held

    @property
    def is_held(self) -> bool:
        """Somebody who may release it decides: something was found in it, or parts of it could not be checked."""
        return self in {Status.QUARANTINED, Status.INCOMPLETE}


class Sort(StrEnum):
    """What a list of documents is ordered by."""

    TITLE = "title"
    STATUS = "status"
    PASSAGES = "passages"
    SIZE = "size"
    UPLOADED = "uploaded"


@dataclass(frozen=True)
class DocumentFilter:
    """Which documents, in which order; without choices all of them, newest first.

    `text` is looked for in title and file name; `before` leaves out what was uploaded since that document, it among
    them, and is for lists in the order of upload.
    """

    text: str = ""
    collection_id: CollectionId | None = None
    status: Status | None = None
    sort: Sort = Sort.UPLOADED
    is_descending: bool = True
    before: DocumentId | None = None


ALL = DocumentFilter()


@dataclass(frozen=True)
class UnreadPart:
    """A file inside a document that was not read: the way to it ("" is the document itself), and why, with the remedy."""

    name: str
    reason_code: str
    reason: str


@dataclass(frozen=True)
class Document:
    """A document as people see it; `warnings` says in sentences what of it was not read, `unread` which files inside."""

    document_id: DocumentId
    collection_id: CollectionId
    file_name: str
    title: str
    media_type: str
    byte_count: int
    status: Status
    progress: int
    reason_code: str | None
    reason: str | None
    page_count: int | None
    chunk_count: int | None
    warnings: tuple[str, ...]
    unread: tuple[UnreadPart, ...]
    uploaded_at: datetime
    ready_at: datetime | None
    uploaded_by_name: str


@dataclass(frozen=True)
class Passage:
    """A chunk as people see it."""

    chunk_id: UUID
    document_id: DocumentId
    title: str
    heading: str
    body: str
    page_from: int | None
    page_to: int | None
    position: int
    places: Places = NOWHERE


@dataclass(frozen=True)
class PageView:
    """A page as the viewer shows it: its size as it is drawn (0 until it is), and what is marked on it, in parts of GRID.

    `quoted` are rectangles (left, top, right, bottom) of the words that were quoted, `cited` of the passage around them.
    """

    number: int
    width: int = 0
    height: int = 0
    cited: tuple[Rectangle, ...] = ()
    quoted: tuple[Rectangle, ...] = ()


@dataclass(frozen=True)
class PageImage:
    """A drawn page; `content` is None for who has it already, by its tag."""

    tag: str
    content: bytes | None


@dataclass(frozen=True)
class Work:
    """A job of the worker's, for one organisation: `task` on `subject`, a document unless it was deleted since."""

    job_id: int
    task: str
    subject: UUID
    title: str | None
    state: Literal["todo", "doing", "failed"]
    attempts: int
    queued_at: datetime


@dataclass(frozen=True)
class DocumentCounts:
    total: int
    ready: int
