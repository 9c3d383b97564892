from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import identity, knowledge
from appliance.identity import Permission
from appliance.identity.repeats import Answer as Kept
from appliance.identity.repeats import Repeats
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.kernel.sealing import content_digest
from appliance.knowledge import (
    BatchId,
    CollectionId,
    Document,
    DocumentFilter,
    DocumentId,
    FileId,
    Receipt,
    Received,
    Sort,
    Status,
    Upload,
)
from appliance.knowledge.errors import AlreadyThere, CollectionNotFound, FileNameMissing, LabelsMalformed
from appliance.knowledge.screening.choices import read_screening
from appliance.web import reader, tables
from appliance.web.render import done, page, wants_json
from appliance.web.sessions import caller, services
from appliance.web.tables import Asked, Table

blueprint = Blueprint("documents", __name__, url_prefix="/documents")
_KEY_LIMIT = 255
Answer = tuple[str, int] | tuple[Response, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the documents."""
    return _list(shown=None)


@blueprint.get("/rows")
def rows() -> Answer:
    """Return the table's rows, and which they are of how many, for the page that watches them."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        names = {one.collection_id: one.name for one in knowledge.list_collections(tx, person)}
        wanted = _wanted()
        return page("documents/_followed.html", table=table_of_documents(tx, wanted, _asked()), wanted=wanted, names=names)


@blueprint.post("")
def add() -> Answer:
    """Take files in; each is answered for by its status."""
    person, house = caller(), services()
    identity.require(person, Permission.DOCUMENT_ADD)  # before any byte of the body is looked at
    uploads = _uploads()
    if not uploads:
        if not wants_json():
            return _list(shown=FileNameMissing())
        raise FileNameMissing
    name = request.headers.get("Idempotency-Key", "")[:_KEY_LIMIT]
    if name:
        return _once(name, uploads)
    if len(uploads) > 1 and uploads[0].batch_id is None:
        with house.db.tenant(person.tenant_id) as tx:
            batch_id = knowledge.create_batch(tx, person, clock=house.clock)
        uploads = [replace(one, batch_id=batch_id) for one in uploads]
    try:
        received = [_taken_in(upload) for upload in uploads]
    except Refusal as refusal:
        if wants_json():
            raise
        return _list(shown=refusal)
    if wants_json():
        return jsonify(documents=[received_json(one) for one in received]), 202
    if uploads[0].batch_id is not None:
        return redirect(url_for("batches.read", batch_id=uploads[0].batch_id), 303)
    return redirect(url_for("documents.show", collection=uploads[0].collection_id), 303)


@blueprint.get("/<uuid:document_id>")
def read(document_id: UUID) -> Answer:
    """Show a document: its pages or its text, with what was cited marked."""
    return _read(DocumentId(document_id), shown=None)


@blueprint.get("/<uuid:document_id>/pages/<number>")
def draw(document_id: UUID, number: str) -> Answer:
    """Return a page as a picture, or that the browser has it already."""
    drawn = knowledge.page_image(
        services().workshop, caller(), DocumentId(document_id), reader.whole(number) or 0,
        width=reader.width() or reader.FITTING, has=frozenset(request.if_none_match),
    )  # fmt: skip
    answer = Response(drawn.content, mimetype="image/png")
    answer.set_etag(drawn.tag)
    return answer if drawn.content is not None else (Response(headers={"ETag": f'"{drawn.tag}"'}), 304)


@blueprint.post("/<uuid:document_id>/collection")
def change_collection(document_id: UUID) -> Answer:
    """Move a document to another collection."""
    person, target = caller(), _collection(request.form)
    if target is None:
        raise CollectionNotFound
    try:
        with services().db.tenant(person.tenant_id) as tx:
            knowledge.move(tx, person, DocumentId(document_id), target)
    except AlreadyThere as refusal:
        return _read(DocumentId(document_id), shown=refusal)
    return done("documents.read", "moved", document_id=document_id)


@blueprint.post("/<uuid:document_id>/labels")
def change_labels(document_id: UUID) -> Answer:
    """Give a document labels: they stand in one field, with commas between them."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            knowledge.label(tx, person, DocumentId(document_id), request.form.get("labels", "").split(","))
    except LabelsMalformed as refusal:
        return _read(DocumentId(document_id), shown=refusal)
    return done("documents.read", "labelled", document_id=document_id)


@blueprint.post("/<uuid:document_id>/versions")
def create_version(document_id: UUID) -> Answer:
    """Take a new version in; the old one stays until it is ready."""
    person = caller()
    identity.require(person, Permission.DOCUMENT_ADD)
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.get_document(tx, person, DocumentId(document_id))
    uploads = _uploads()
    if len(uploads) != 1:
        raise FileNameMissing
    received = _taken_in(uploads[0], DocumentId(document_id))
    if wants_json():
        return jsonify(documents=[received_json(received)]), 202
    code = "unchanged" if received.receipt is Receipt.KNOWN else "version"
    return done("documents.read", code, document_id=document_id)


@blueprint.post("/<uuid:document_id>/versions/<uuid:version_id>/restoration")
def create_restoration(document_id: UUID, version_id: UUID) -> Answer:
    """Make an earlier version current again."""
    house = services()
    knowledge.restore_version(
        house.db, house.blobs, caller(), DocumentId(document_id), FileId(version_id), clock=house.clock
    )
    return done("documents.read", "version", document_id=document_id)


@blueprint.post("/<uuid:document_id>/versions/<uuid:version_id>/deletion")
def create_version_deletion(document_id: UUID, version_id: UUID) -> Answer:
    """Delete a version that is not in force."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.delete_version(tx, person, DocumentId(document_id), FileId(version_id))
    return done("documents.read", "version-deleted", document_id=document_id)


@blueprint.post("/<uuid:document_id>/cancellation")
def create_cancellation(document_id: UUID) -> Answer:
    """Stop a document, or the newer version of it, on its way."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.cancel(tx, person, DocumentId(document_id), clock=services().clock)
    return redirect(url_for("documents.show"), 303)


@blueprint.post("/<uuid:document_id>/deletion")
def create_deletion(document_id: UUID) -> Answer:
    """Delete a document from store and index."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.delete(tx, person, DocumentId(document_id))
    return done("documents.show", "document-deleted")


@blueprint.post("/<uuid:document_id>/approval")
def create_approval(document_id: UUID) -> Answer:
    """Release a document that is held back, in the version that the page showed."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        shown = reader.whole(request.form.get("version", ""))
        knowledge.approve(tx, person, DocumentId(document_id), version=shown)
    return redirect(url_for("documents.show"), 303)


@blueprint.post("/<uuid:document_id>/retry")
def create_retry(document_id: UUID) -> Answer:
    """Queue a document again."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.retry(tx, person, DocumentId(document_id))
    return redirect(url_for("documents.show"), 303)


def _list(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        collections = knowledge.list_collections(tx, person)
        wanted = _wanted()
        screening = read_screening(tx, person)
        table, labels = table_of_documents(tx, wanted, _asked()), knowledge.list_labels(tx, person)
    if wants_json():
        return jsonify(documents=[as_json(document) for document in table.rows]), 200
    return page(
        "documents/page.html", refusal=shown, table=table, wanted=wanted, collections=collections, states=list(Status),
        labels=labels, screening=screening, names={one.collection_id: one.name for one in collections}, limit=services().settings.upload_limit_mb,
    )  # fmt: skip


def _read(document_id: DocumentId, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        reading = reader.begin(tx, person, document_id)
        collections = knowledge.list_collections(tx, person)
        versions, screening = knowledge.list_versions(tx, person, document_id), read_screening(tx, person)
    if wants_json():
        return jsonify(as_json(reading.document)), 200
    return page(
        "documents/reader.html", refusal=shown, reading=reader.drawn(reading), collections=collections,
        versions=versions, screening=screening, limit=services().settings.upload_limit_mb,
    )  # fmt: skip


def as_json(document: Document) -> dict[str, str | int | list[str] | list[dict[str, str]] | None]:
    """Return what a program needs to know of a document."""
    return {
        "id": str(document.document_id),
        "file_name": document.file_name,
        "title": document.title,
        "status": document.status.value,
        "progress": document.progress,
        "reason_code": document.reason_code,
        "reason": document.reason,
        "warnings": list(document.warnings),
        "unread": [{"name": part.name, "reason": part.reason} for part in document.unread],
        "pages": document.page_count,
        "passages": document.chunk_count,
        "bytes": document.byte_count,
        "version": document.version,
    }


def received_json(received: Received) -> dict[str, str | int | list[str] | list[dict[str, str]] | None]:
    """Return what the page's script needs to know of an upload."""
    return as_json(received.document) | {"receipt": received.receipt.value}


def _uploads() -> list[Upload]:
    form = request.form
    batch_id = parse_id(form.get("batch", ""))
    return [
        Upload(
            file.filename or "",
            file.read(),
            _collection(form),
            form.get("folder", ""),
            BatchId(batch_id) if batch_id else None,
            "separate" in form,
            "attested" in form,
            tuple(form.get("labels", "").split(",")) if form.get("labels") else (),
        )
        for file in request.files.getlist("files")
        if file.filename
    ]


def _taken_in(upload: Upload, document_id: DocumentId | None = None) -> Received:
    house = services()
    return knowledge.take_in(
        house.db, house.blobs, caller(), upload, limit_megabytes=house.settings.upload_limit_mb, clock=house.clock,
        document_id=document_id,
    )  # fmt: skip


def _once(name: str, uploads: list[Upload]) -> Answer:
    """Take files in once, however often the script sends them under one key."""
    house = services()
    repeats = Repeats(house.db, caller(), house.vault, house.clock)
    asked = b"POST /documents" + b"".join(
        content_digest(one.content) + f"{one.folder}/{one.file_name}/{one.collection_id}\n".encode() for one in uploads
    )
    before = repeats.begin(name, asked)
    if before is None:
        try:
            answer = jsonify(documents=[received_json(_taken_in(one)) for one in uploads]).get_data()
        except Refusal:
            repeats.abandon(name)
            raise
        before = Kept(202, answer)
        repeats.finish(name, before)
    return Response(before.body, status=before.status, content_type="application/json")


def _asked() -> Asked:
    return tables.asked(list(Sort), "-uploaded")


def _wanted() -> DocumentFilter:
    asked = _asked()
    state = request.args.get("status", "")
    return DocumentFilter(
        text=asked.query,
        collection_id=_collection(request.args),
        status=Status(state) if state in list(Status) else None,
        sort=Sort(asked.sort),
        is_descending=asked.is_reversed,
        label=request.args.get("label", "").strip(),
        batch_id=_batch(request.args),
    )


def table_of_documents(tx: Tx, wanted: DocumentFilter, asked: Asked) -> Table[Document]:
    """Return the page of the documents that is asked for, those on their way with the time that is left."""
    person, clock = caller(), services().clock

    def rows(limit: int, offset: int) -> list[Document]:
        return knowledge.timed(
            tx, knowledge.list_documents(tx, person, wanted, limit=limit, offset=offset), clock=clock
        )

    return tables.cut(asked, knowledge.count_documents(tx, person, wanted), rows)


def _batch(given: Mapping[str, str]) -> BatchId | None:
    found = parse_id(given.get("batch", ""))
    return BatchId(found) if found else None


def _collection(given: Mapping[str, str]) -> CollectionId | None:
    found = parse_id(given.get("collection", ""))
    return CollectionId(found) if found else None
