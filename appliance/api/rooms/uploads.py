from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import knowledge
from appliance.api.framework import Call, operation
from appliance.api.rooms.documents import DocumentOut, Folder, Label, ReceivedOut
from appliance.api.schemas import Input, Output
from appliance.identity import Permission
from appliance.knowledge import PART_LIMIT, BatchId, CollectionId, DocumentId, UploadForm, UploadId
from appliance.knowledge.errors import (
    AlreadyThere,
    AttestationMissing,
    BatchNotFound,
    CollectionNotFound,
    DocumentNotFound,
    DocumentTooLarge,
    EmptyFile,
    FileNameMissing,
    LabelsMalformed,
    PartMalformed,
    PartMisplaced,
    TooManyUploads,
    UploadIncomplete,
    UploadNotFound,
)

_LARGEST = 2_000_000_000


class AnnouncementIn(Input):
    """A file that will come in parts. With `document_id` it is a new version of that document, whatever its name."""

    file_name: Annotated[
        str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$"), Field(examples=["handbook.pdf"])
    ]
    byte_count: int = Field(ge=1, le=_LARGEST)
    folder: Folder = ""
    collection_id: UUID | None = None
    batch_id: UUID | None = None
    document_id: UUID | None = None
    separate: bool = False
    attested: bool = Field(False, description="I would post this on our internal wiki: where the organisation asks for it.")
    labels: list[Label] = Field(default=[], max_length=20, description="Added to the document's.")


class PartIn(Input):
    """Where the part begins: at `received_count` of the upload."""

    start: int = Field(ge=0, le=_LARGEST, examples=[0])


class UploadOut(Output):
    """How much of the file is here. Send the next part of at most `part_limit` bytes from `received_count` on."""

    upload_id: UUID
    file_name: str
    byte_count: int
    received_count: int
    part_limit: int
    expires_at: datetime


@operation(
    "POST", "/uploads", permission=Permission.DOCUMENT_ADD, body=AnnouncementIn, answer=UploadOut, status=201,
    refusals=(
        AttestationMissing, BatchNotFound, CollectionNotFound, DocumentNotFound, DocumentTooLarge, EmptyFile, FileNameMissing,
        LabelsMalformed, TooManyUploads,
    ),
)  # fmt: skip
def begin_upload(call: Call) -> UploadOut:
    """Announce a large file, to be sent in parts that go on where they stopped; it is kept for a day."""
    asked = call.body
    form = UploadForm(
        asked.file_name, asked.byte_count, asked.folder,
        CollectionId(asked.collection_id) if asked.collection_id else None,
        BatchId(asked.batch_id) if asked.batch_id else None,
        DocumentId(asked.document_id) if asked.document_id else None,
        asked.separate, asked.attested, tuple(asked.labels),
    )  # fmt: skip
    house = call.services
    with call.tenant() as tx:
        begun = knowledge.begin_upload(
            tx, call.caller, form, limit_megabytes=house.settings.upload_limit_mb, clock=house.clock
        )
        return UploadOut.model_validate(begun)


@operation("GET", "/uploads/{upload_id}", permission=Permission.DOCUMENT_ADD, answer=UploadOut,
           refusals=(UploadNotFound,))  # fmt: skip
def get_upload(call: Call) -> UploadOut:
    """Return how much of a file has arrived, to go on from there."""
    with call.tenant() as tx:
        return UploadOut.model_validate(knowledge.get_upload(tx, call.caller, _id(call)))


@operation(
    "POST", "/uploads/{upload_id}/parts", permission=Permission.DOCUMENT_ADD, body=PartIn, answer=UploadOut,
    takes_files=True, refusals=(PartMalformed, PartMisplaced, UploadNotFound),
)  # fmt: skip
def add_part(call: Call) -> UploadOut:
    """Send the next part, as one file. The same part sent twice is there once."""
    if len(call.files) != 1:
        raise PartMalformed(most=PART_LIMIT)
    house = call.services
    content = call.files[0][1]
    placed = knowledge.append_part(house.db, house.blobs, call.caller, _id(call), content, start=call.body.start)
    return UploadOut.model_validate(placed)


@operation(
    "POST", "/uploads/{upload_id}/completion", permission=Permission.DOCUMENT_ADD, answer=ReceivedOut, status=202,
    refusals=(AlreadyThere, BatchNotFound, CollectionNotFound, DocumentNotFound, UploadIncomplete, UploadNotFound),
)  # fmt: skip
def finish_upload(call: Call) -> ReceivedOut:
    """Take the whole file in, once all parts are here."""
    house = call.services
    received = knowledge.finish_upload(
        house.db, house.blobs, call.caller, _id(call), limit_megabytes=house.settings.upload_limit_mb,
        clock=house.clock,
    )  # fmt: skip
    return ReceivedOut(items=[DocumentOut.model_validate(received.document)], receipts=[received.receipt])


@operation("DELETE", "/uploads/{upload_id}", permission=Permission.DOCUMENT_ADD, refusals=(UploadNotFound,))
def discard_upload(call: Call) -> None:
    """Give an unfinished upload up."""
    with call.tenant() as tx:
        knowledge.discard_upload(tx, call.caller, _id(call))


def _id(call: Call) -> UploadId:
    return UploadId(call.ids["upload_id"])
