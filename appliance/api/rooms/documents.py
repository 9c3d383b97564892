from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import knowledge
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Output, Page, Text, cut, part
from appliance.identity import Permission
from appliance.knowledge import BatchId, CollectionId, DocumentFilter, DocumentId, FileId, Receipt, Status, Upload
from appliance.knowledge.errors import (
    AlreadyThere,
    AttestationMissing,
    BatchNotFound,
    CollectionNotFound,
    DocumentTooLarge,
    EmptyFile,
    FileNameMissing,
    LabelsMalformed,
    NotCancellable,
    NotFailed,
    NotQuarantined,
    SecondNeeded,
    VersionInForce,
    VersionNotFound,
)

Label = Annotated[
    str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00,]*$"), Field(examples=["contracts"])
]
Folder = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")]


class DocumentsPage(Page):
    """Which documents: `text` is looked for in title and file name."""

    text: Text = ""
    collection_id: UUID | None = None
    status: Status | None = None
    label: Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00]*$")] = ""
    batch_id: UUID | None = None


class UploadIn(Input):
    """The collection it is for; without one, the oldest that you may read.

    A file of the name of a document that is there, and that you may replace, is a new version of it; with `separate` it
    is a document of its own. `folder` is shown before the name.
    """

    collection_id: UUID | None = None
    batch_id: UUID | None = None
    folder: Folder = ""
    separate: bool = False
    attested: bool = Field(False, description="I would post this on our internal wiki: where the organisation asks for it.")
    labels: Annotated[
        str,
        StringConstraints(max_length=900, pattern=r"^[^\x00]*$"),
        Field(description="Added to the document's, with commas between them.", examples=["contracts,travel"]),
    ] = ""


class LabelsIn(Input):
    labels: list[Label] = Field(max_length=20)


class MoveIn(Input):
    collection_id: UUID


class Looked(Input):
    """The number of the version that was looked at: where another one is held by now, nothing is released."""

    version: int | None = Field(None, ge=1, description="The version that was looked at. Default: whichever is held.")


class LabelsOut(Output):
    items: list[str]


class VersionOut(Output):
    """One version of a document. One that is ready and not current was replaced."""

    version_id: UUID
    number: int
    is_current: bool
    file_name: str
    byte_count: int
    digest: str = Field(description="SHA-256 of the file, in hexadecimal.")
    status: Status
    progress: int
    reason_code: str | None
    reason: str | None
    uploaded_at: datetime
    ready_at: datetime | None
    uploaded_by_name: str


class UnreadOut(Output):
    """A file inside a document that was not read; an empty name is the document itself."""

    name: str
    reason_code: str
    reason: str


class DocumentOut(Output):
    """A document on its way to `ready`; `reason` says why it failed or is held, `warnings` and `unread` what was not read.

    `quarantined`: something was found in it. `incomplete`: parts of it could not be read, so nobody has checked them.
    Neither is searched until it is released. `blocked`: the policy keeps no such file, or a reviewer rejected it.
    `is_redacted`: something was taken out of its text. `newer` is a version that is not in force (yet): readers see the old one
    until it is ready.
    """

    document_id: UUID
    collection_id: UUID
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
    warnings: list[str]
    unread: list[UnreadOut]
    uploaded_at: datetime
    ready_at: datetime | None
    uploaded_by_name: str
    version: int
    labels: list[str]
    newer: VersionOut | None
    is_redacted: bool
    seconds_left: int | None = Field(
        None, description="Until it is read, from what was measured of late; null where nothing was, or is left."
    )


class ReceivedOut(Output):
    """One document for each file, in their order, and what the file became: the same file is known again."""

    items: list[DocumentOut]
    receipts: list[Receipt]


class PassageOut(Output):
    chunk_id: UUID
    document_id: UUID
    title: str
    heading: str
    body: str
    page_from: int | None
    page_to: int | None
    position: int = Field(description="Its place in the document, from 0.")


@operation("GET", "/documents", permission=Permission.DOCUMENT_READ, query=DocumentsPage, answer=Listed[DocumentOut])
def list_documents(call: Call) -> Listed[DocumentOut]:
    """Return the documents that you may read, the latest upload first."""
    asked = call.query
    wanted = DocumentFilter(
        text=asked.text,
        collection_id=CollectionId(asked.collection_id) if asked.collection_id else None,
        status=asked.status,
        before=DocumentId(asked.cursor) if asked.cursor else None,
        label=asked.label,
        batch_id=BatchId(asked.batch_id) if asked.batch_id else None,
    )
    with call.tenant() as tx:
        found = knowledge.list_documents(tx, call.caller, wanted, limit=asked.limit + 1)
        found = knowledge.timed(tx, found, clock=call.services.clock)
    rows, cursor = part(found, asked, key=lambda one: one.document_id)
    return Listed[DocumentOut](items=[DocumentOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST",
    "/documents",
    permission=Permission.DOCUMENT_ADD,
    body=UploadIn,
    answer=ReceivedOut,
    status=202,
    takes_files=True,
    refusals=(AttestationMissing, BatchNotFound, CollectionNotFound, DocumentTooLarge, EmptyFile, FileNameMissing, LabelsMalformed),
)  # fmt: skip
def add_documents(call: Call) -> ReceivedOut:
    """Take files in; each is read, cut and embedded after the answer. Its status says how far it is."""
    return _taken_in(call, None)


def _taken_in(call: Call, document_id: DocumentId | None) -> ReceivedOut:
    if not call.files:
        raise FileNameMissing
    house, asked = call.services, call.body or UploadIn()
    received = [
        knowledge.take_in(
            house.db,
            house.blobs,
            call.caller,
            Upload(
                name,
                content,
                CollectionId(asked.collection_id) if asked.collection_id else None,
                asked.folder,
                BatchId(asked.batch_id) if asked.batch_id else None,
                asked.separate,
                asked.attested,
                tuple(asked.labels.split(",")) if asked.labels else (),
            ),
            limit_megabytes=house.settings.upload_limit_mb,
            clock=house.clock,
            document_id=document_id,
        )
        for name, content in call.files
    ]
    return ReceivedOut(
        items=[DocumentOut.model_validate(one.document) for one in received],
        receipts=[one.receipt for one in received],
    )


@operation("GET", "/documents/{document_id}", permission=Permission.DOCUMENT_READ, answer=DocumentOut)
def get_document(call: Call) -> DocumentOut:
    """Return a document and how far it is, without its text."""
    with call.tenant() as tx:
        document = knowledge.get_document(tx, call.caller, _id(call))
        return DocumentOut.model_validate(knowledge.timed(tx, [document], clock=call.services.clock)[0])


@operation(
    "GET", "/documents/{document_id}/passages", permission=Permission.DOCUMENT_READ, query=Page,
    answer=Listed[PassageOut],
)  # fmt: skip
def list_passages(call: Call) -> Listed[PassageOut]:
    """Return a document's text in passages, in reading order. Reading it is an event in the log."""
    with call.tenant() as tx:
        passages = knowledge.list_passages(tx, call.caller, _id(call))
        knowledge.opened(tx, call.caller, _id(call))
    ids = [one.chunk_id for one in passages]
    start = ids.index(call.query.cursor) + 1 if call.query.cursor in ids else 0
    rows, cursor = part(passages[start:], call.query, key=lambda one: one.chunk_id)
    return Listed[PassageOut](items=[PassageOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "PUT", "/documents/{document_id}/collection", permission=Permission.COLLECTION_CHANGE, body=MoveIn,
    answer=DocumentOut, refusals=(AlreadyThere, CollectionNotFound),
)  # fmt: skip
def move_document(call: Call) -> DocumentOut:
    """Put a document into another collection; who may read it changes with the next query."""
    with call.tenant() as tx:
        moved = knowledge.move(tx, call.caller, _id(call), CollectionId(call.body.collection_id))
        return DocumentOut.model_validate(moved)


@operation(
    "POST", "/documents/{document_id}/approval", permission=Permission.DOCUMENT_APPROVE, query=Looked,
    answer=DocumentOut, refusals=(NotQuarantined, SecondNeeded),
)  # fmt: skip
def approve_document(call: Call) -> DocumentOut:
    """Release a held document to be indexed as it is: in spite of what was found, without what could not be read."""
    with call.tenant() as tx:
        return DocumentOut.model_validate(knowledge.approve(tx, call.caller, _id(call), version=call.query.version))


@operation(
    "POST", "/documents/{document_id}/retry", permission=Permission.DOCUMENT_ADD, answer=DocumentOut,
    refusals=(NotFailed,),
)  # fmt: skip
def retry_document(call: Call) -> DocumentOut:
    """Queue a document again that failed, or of which parts could not be read."""
    with call.tenant() as tx:
        return DocumentOut.model_validate(knowledge.retry(tx, call.caller, _id(call)))


@operation(
    "POST", "/documents/{document_id}/cancellation", permission=Permission.DOCUMENT_ADD, answer=DocumentOut,
    refusals=(NotCancellable,),
)  # fmt: skip
def cancel_document(call: Call) -> DocumentOut:
    """Stop a document, or the newer version of it, on its way. What others uploaded takes the right to change it."""
    with call.tenant() as tx:
        return DocumentOut.model_validate(knowledge.cancel(tx, call.caller, _id(call), clock=call.services.clock))


@operation(
    "PUT", "/documents/{document_id}/labels", permission=Permission.DOCUMENT_ADD, body=LabelsIn, answer=DocumentOut,
    refusals=(LabelsMalformed,),
)  # fmt: skip
def label_document(call: Call) -> DocumentOut:
    """Give a document these labels and no others. What others uploaded takes the right to change it."""
    with call.tenant() as tx:
        return DocumentOut.model_validate(knowledge.label(tx, call.caller, _id(call), call.body.labels))


@operation("GET", "/labels", permission=Permission.DOCUMENT_READ, answer=LabelsOut)
def list_labels(call: Call) -> LabelsOut:
    """Return the labels of the documents that you may read."""
    with call.tenant() as tx:
        return LabelsOut(items=knowledge.list_labels(tx, call.caller))


@operation("GET", "/documents/{document_id}/versions", permission=Permission.DOCUMENT_READ, query=Page,
           answer=Listed[VersionOut])  # fmt: skip
def list_versions(call: Call) -> Listed[VersionOut]:
    """Return a document's versions, the oldest first."""
    with call.tenant() as tx:
        found = knowledge.list_versions(tx, call.caller, _id(call))
    rows, cursor = cut(found, call.query, key=lambda one: one.version_id)
    return Listed[VersionOut](items=[VersionOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/documents/{document_id}/versions", permission=Permission.DOCUMENT_ADD, answer=ReceivedOut, status=202,
    takes_files=True, refusals=(AlreadyThere, AttestationMissing, DocumentTooLarge, EmptyFile, FileNameMissing, LabelsMalformed),
)  # fmt: skip
def add_version(call: Call) -> ReceivedOut:
    """Take a new version of a document in, whatever its name; the old one stays in force until it is ready."""
    return _taken_in(call, _id(call))


@operation(
    "POST", "/documents/{document_id}/versions/{version_id}/restoration", permission=Permission.DOCUMENT_ADD,
    answer=DocumentOut, status=202, refusals=(AlreadyThere, VersionNotFound),
)  # fmt: skip
def restore_version(call: Call) -> DocumentOut:
    """Make an earlier version current again: its file becomes the newest version."""
    house = call.services
    document = knowledge.restore_version(
        house.db, house.blobs, call.caller, _id(call), FileId(call.ids["version_id"]), clock=house.clock
    )
    return DocumentOut.model_validate(document)


@operation(
    "DELETE", "/documents/{document_id}/versions/{version_id}", permission=Permission.DOCUMENT_DELETE,
    refusals=(VersionInForce, VersionNotFound),
)  # fmt: skip
def delete_version(call: Call) -> None:
    """Delete a version that is not in force; its sealed file follows."""
    with call.tenant() as tx:
        knowledge.delete_version(tx, call.caller, _id(call), FileId(call.ids["version_id"]))


@operation("DELETE", "/documents/{document_id}", permission=Permission.DOCUMENT_DELETE)
def delete_document(call: Call) -> None:
    """Delete a document with its passages; its sealed file follows."""
    with call.tenant() as tx:
        knowledge.delete(tx, call.caller, _id(call))


def _id(call: Call) -> DocumentId:
    return DocumentId(call.ids["document_id"])
