from uuid import UUID

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import identity, knowledge
from appliance.identity import Permission
from appliance.kernel.ids import parse_id
from appliance.knowledge import Document, DocumentId, Upload
from appliance.knowledge.errors import FileNameMissing
from appliance.web.render import page, wants_json
from appliance.web.sessions import caller, services

blueprint = Blueprint("documents", __name__, url_prefix="/documents")
Answer = tuple[str, int] | tuple[Response, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the documents."""
    documents = _documents()
    if wants_json():
        return jsonify(documents=[as_json(document) for document in documents]), 200
    return page("documents/page.html", documents=documents, limit=services().settings.upload_limit_mb)


@blueprint.get("/rows")
def rows() -> Answer:
    """Return the table's rows alone, for the page that watches them."""
    return page("documents/_rows.html", documents=_documents())


@blueprint.post("")
def add() -> Answer:
    """Take files in; each is answered for by its status."""
    person, house = caller(), services()
    identity.require(person, Permission.DOCUMENT_ADD)  # before any byte of the body is looked at
    files = [file for file in request.files.getlist("files") if file.filename]
    if not files:
        raise FileNameMissing
    received = [
        knowledge.receive(
            house.db,
            house.blobs,
            person,
            Upload(file.filename or "", file.read()),
            limit_megabytes=house.settings.upload_limit_mb,
            clock=house.clock,
        )
        for file in files
    ]
    if wants_json():
        return jsonify(documents=[as_json(document) for document in received]), 202
    return redirect(url_for("documents.show"), 303)


@blueprint.get("/<uuid:document_id>")
def read(document_id: UUID) -> Answer:
    """Show a document's passages in reading order, one of them marked."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        document = knowledge.get_document(tx, person, DocumentId(document_id))
        passages = knowledge.list_passages(tx, person, DocumentId(document_id))
        knowledge.opened(tx, person, DocumentId(document_id))
    if wants_json():
        return jsonify(as_json(document)), 200
    marked = parse_id(request.args.get("passage", ""))
    return page("documents/reader.html", document=document, passages=passages, marked=marked)


@blueprint.post("/<uuid:document_id>/deletion")
def create_deletion(document_id: UUID) -> Answer:
    """Delete a document from store and index."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.delete(tx, person, DocumentId(document_id))
    return redirect(url_for("documents.show"), 303)


@blueprint.post("/<uuid:document_id>/approval")
def create_approval(document_id: UUID) -> Answer:
    """Release a quarantined document."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.approve(tx, person, DocumentId(document_id))
    return redirect(url_for("documents.show"), 303)


@blueprint.post("/<uuid:document_id>/retry")
def create_retry(document_id: UUID) -> Answer:
    """Queue a failed document again."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.retry(tx, person, DocumentId(document_id))
    return redirect(url_for("documents.show"), 303)


def as_json(document: Document) -> dict[str, str | int | list[str] | None]:
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
        "pages": document.page_count,
        "passages": document.chunk_count,
        "bytes": document.byte_count,
    }


def _documents() -> list[Document]:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        return knowledge.list_documents(tx, person)
