"""Large files in parts, for the page's script; `api.rooms.uploads` says the same to programs."""

from uuid import UUID

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from appliance import identity, knowledge
from appliance.identity import Permission
from appliance.kernel.ids import parse_id
from appliance.knowledge import BatchId, CollectionId, DocumentId, PartialUpload, UploadForm, UploadId
from appliance.knowledge.errors import PartMalformed
from appliance.web.documents import received_json
from appliance.web.sessions import caller, services

blueprint = Blueprint("uploads", __name__, url_prefix="/uploads")
Answer = tuple[Response, int]


@blueprint.post("")
def begin() -> Answer:
    """Announce a file."""
    person, form = caller(), request.form
    chosen = {name: parse_id(form.get(name, "")) for name in ("collection", "batch", "document")}
    announced = UploadForm(
        form.get("name", ""),
        _number(form.get("bytes", "")),
        form.get("folder", ""),
        CollectionId(chosen["collection"]) if chosen["collection"] else None,
        BatchId(chosen["batch"]) if chosen["batch"] else None,
        DocumentId(chosen["document"]) if chosen["document"] else None,
        "separate" in form,
        "attested" in form,
        tuple(form.get("labels", "").split(",")) if form.get("labels") else (),
    )
    house = services()
    with house.db.tenant(person.tenant_id) as tx:
        begun = knowledge.begin_upload(
            tx, person, announced, limit_megabytes=house.settings.upload_limit_mb, clock=house.clock
        )
    return _answer(begun, 201)


@blueprint.get("/<uuid:upload_id>")
def read(upload_id: UUID) -> Answer:
    """Say how much is here."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        return _answer(knowledge.get_upload(tx, person, UploadId(upload_id)), 200)


@blueprint.post("/<uuid:upload_id>/parts")
def add(upload_id: UUID) -> Answer:
    """Take the next part."""
    person, house = caller(), services()
    identity.require(person, Permission.DOCUMENT_ADD)
    with house.db.tenant(person.tenant_id) as tx:
        knowledge.get_upload(tx, person, UploadId(upload_id))  # before any byte of the body is looked at
    file = request.files.get("part")
    if file is None:
        raise PartMalformed(most=knowledge.PART_LIMIT)
    start = _number(request.form.get("start", ""))
    return _answer(
        knowledge.append_part(house.db, house.blobs, person, UploadId(upload_id), file.read(), start=start), 200
    )


@blueprint.post("/<uuid:upload_id>/completion")
def finish(upload_id: UUID) -> Answer:
    """Take the whole file in."""
    house = services()
    received = knowledge.finish_upload(
        house.db, house.blobs, caller(), UploadId(upload_id), limit_megabytes=house.settings.upload_limit_mb,
        clock=house.clock,
    )  # fmt: skip
    return jsonify(documents=[received_json(received)]), 202


def _answer(upload: PartialUpload, status: int) -> Answer:
    return jsonify(id=str(upload.upload_id), received=upload.received_count, most=upload.part_limit), status


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1  # noqa: PLR2004 - far beyond any file
