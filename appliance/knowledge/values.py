from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType
from uuid import UUID

from appliance.identity import GroupId
from appliance.knowledge.places import NOWHERE, Places

CollectionId = NewType("CollectionId", UUID)
DocumentId = NewType("DocumentId", UUID)
FileId = NewType("FileId", UUID)
"""What a version's file is sealed under, and its job names; of a first version it is the document's id."""
BatchId = NewType("BatchId", UUID)
UploadId = NewType("UploadId", UUID)
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
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"
    BLOCKED = "blocked"

    @property
    def is_final(self) -> bool:
        """Nothing more happens to it by itself."""
        return self not in ON_ITS_WAY

    @property
    def is_held(self) -> bool:
        """Somebody who may release it decides: something was found in it, or parts of it could not be checked."""
        return self in {Status.QUARANTINED, Status.INCOMPLETE}


ON_ITS_WAY = (Status.RECEIVED, Status.PARSING, Status.EMBEDDING)


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
    label: str = ""
    batch_id: BatchId | None = None


ALL = DocumentFilter()


@dataclass(frozen=True)
class UnreadPart:
    """A file inside a document that was not read: the way to it ("" is the document itself), and why, with the remedy."""

    name: str
    reason_code: str
    reason: str


@dataclass(frozen=True)
class Version:
    """One version of a document. One that is ready and not current was replaced by a later one."""

    version_id: FileId
    document_id: DocumentId
    number: int
    is_current: bool
    file_name: str
    byte_count: int
    digest: str
    status: Status
    progress: int
    reason_code: str | None
    reason: str | None
    uploaded_at: datetime
    ready_at: datetime | None
    uploaded_by_name: str


@dataclass(frozen=True)
class Document:
    """A document as people see it: its version in force.

    `warnings` says in sentences what of it was not read, `unread` which files inside. `newer` is the latest version if
    that is not in force: it is on its way, or was refused, and until it is ready nothing changes for readers.
    `seconds_left` is what `timed` says.
    """

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
    file_id: FileId
    uploaded_at: datetime
    ready_at: datetime | None
    uploaded_by_name: str
    version: int = 1
    labels: tuple[str, ...] = ()
    newer: Version | None = None
    seconds_left: int | None = None
    is_redacted: bool = False
    """Whether something was taken out of its text; the file itself still says it, and nobody is shown its pages."""

    is_partial: bool = False
    """Whether parts of it were not read."""

    @property
    def on_its_way_since(self) -> datetime:
        """When the version was uploaded that is read last."""
        return self.newer.uploaded_at if self.newer else self.uploaded_at

    @property
    def is_settled(self) -> bool:
        """Nothing more happens to it, or to a newer version of it, by itself."""
        return self.status.is_final and (self.newer is None or self.newer.status.is_final)


class Receipt(StrEnum):
    """What became of an uploaded file: a document, a new version of one, or known already, byte for byte."""

    ADDED = "added"
    VERSION = "version"
    KNOWN = "known"


@dataclass(frozen=True)
class Received:
    """An upload's document, and what the file became."""

    document: Document
    receipt: Receipt


@dataclass(frozen=True)
class Batch:
    """Files that were uploaded together, and how far they are; `seconds_left` is None where nothing was measured."""

    batch_id: BatchId
    created_by_name: str
    created_at: datetime
    total: int
    counts: dict[Status, int]
    percent: int
    seconds_left: int | None

    @property
    def is_settled(self) -> bool:
        """Nothing more happens to it by itself."""
        return not any(self.counts.get(status) for status in ON_ITS_WAY)


class ChangeState(StrEnum):
    """How far the change of an index to another model is."""

    FILLING = "filling"
    WAITING = "waiting"
    """Every passage has its vector; the approximate index of a large organisation is being built."""
    FAILED = "failed"


@dataclass(frozen=True)
class IndexChange:
    """An index on its way to another model; `seconds_left` is None where nothing was measured."""

    model: str
    state: ChangeState
    percent: int
    seconds_left: int | None
    reason: str | None


@dataclass(frozen=True)
class SearchIndex:
    """By which model an organisation is searched, over how many passages, and what that is changed to."""

    model: str
    dimension: int
    passages: int
    change: IndexChange | None


@dataclass(frozen=True)
class PartialUpload:
    """A file that comes in parts: how much of it is here, and until when the rest is waited for."""

    upload_id: UploadId
    file_name: str
    byte_count: int
    received_count: int
    part_limit: int
    expires_at: datetime


@dataclass(frozen=True)
class Passage:
    """A chunk as people see it; `twins` say the same in other places."""

    chunk_id: UUID
    document_id: DocumentId
    title: str
    heading: str
    body: str
    page_from: int | None
    page_to: int | None
    position: int
    twins: tuple["Passage", ...] = ()
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


class WorkSort(StrEnum):
    """What a list of jobs is put in order by; by state means the failed first, then those in hand, then those that wait."""

    JOB = "job"
    STATE = "state"
    ATTEMPTS = "attempts"
    QUEUED = "queued"


@dataclass(frozen=True)
class DocumentCounts:
    total: int
    ready: int
