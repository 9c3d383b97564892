from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import identity, knowledge
from appliance.identity import Permission
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.knowledge import CollectionId, Document, DocumentFilter, DocumentId, Sort, Status, Upload
from appliance.knowledge.errors import AlreadyThere, CollectionNotFound, FileNameMissing
from appliance.web import reader, tables
from appliance.web.render import done, page, wants_json
from appliance.web.sessions import caller, services
from appliance.web.tables import Table

blueprint = Blueprint("documents", __name__, url_prefix="/documents")
Answer = tuple[str, int] | tuple[Response, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the documents."""
    return _list(shown=None)


@blueprint.get("/rows")
def rows() -> Answer:
    """Return the table's rows alone, for the page that watches them."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        names = {one.collection_id: one.name for one in knowledge.list_collections(tx, person)}
        wanted = _wanted()
        return page("documents/_rows.html", table=_table(tx, wanted), wanted=wanted, names=names)


@blueprint.post("")
def add() -> Answer:
    """Take files in; each is answered for by its status."""
    person, house = caller(), services()
    identity.require(person, Permission.DOCUMENT_ADD)  # before any byte of the body is looked at
    files = [file for file in request.files.getlist("files") if file.filename]
    if not files:
        if not wants_json():
            return _list(shown=FileNameMissing())
        raise FileNameMissing
    collection_id = _collection(request.form)
    try:
        received = [
            knowledge.receive(
                house.db, house.blobs, person, Upload(file.filename or "", file.read(), collection_id),
                limit_megabytes=house.settings.upload_limit_mb, clock=house.clock,
            )
            for file in files
        ]  # fmt: skip
    except Refusal as refusal:
        if wants_json():
            raise
        return _list(shown=refusal)
    if wants_json():
        return jsonify(documents=[as_json(document) for document in received]), 202
    return redirect(url_for("documents.show", collection=collection_id), 303)


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


@blueprint.post("/<uuid:document_id>/deletion")
def create_deletion(document_id: UUID) -> Answer:
    """Delete a document from store and index."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.delete(tx, person, DocumentId(document_id))
    return done("documents.show", "document-deleted")


@blueprint.post("/<uuid:document_id>/approval")
def create_approval(document_id: UUID) -> Answer:
    """Release a document that is held back."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.approve(tx, person, DocumentId(document_id))
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
        table = _table(tx, wanted)
    if wants_json():
        return jsonify(documents=[as_json(document) for document in table.rows]), 200
    return page(
        "documents/page.html", refusal=shown, table=table, wanted=wanted, collections=collections, states=list(Status),
        names={one.collection_id: one.name for one in collections}, limit=services().settings.upload_limit_mb,
    )  # fmt: skip


def _read(document_id: DocumentId, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        reading = reader.begin(tx, person, document_id)
        collections = knowledge.list_collections(tx, person)
    if wants_json():
        return jsonify(as_json(reading.document)), 200
    return page("documents/reader.html", refusal=shown, reading=reader.drawn(reading), collections=collections)


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
    }


def _wanted() -> DocumentFilter:
    asked = tables.asked(list(Sort), "-uploaded")
    state = request.args.get("status", "")
    return DocumentFilter(
        text=asked.query,
        collection_id=_collection(request.args),
        status=Status(state) if state in list(Status) else None,
        sort=Sort(asked.sort),
        is_descending=asked.is_reversed,
    )


def _table(tx: Tx, wanted: DocumentFilter) -> Table[Document]:
    person, asked = caller(), tables.asked(list(Sort), "-uploaded")
    total = knowledge.count_documents(tx, person, wanted)
    return tables.cut(
        asked, total, lambda limit, offset: knowledge.list_documents(tx, person, wanted, limit=limit, offset=offset)
    )


def _collection(given: Mapping[str, str]) -> CollectionId | None:
    found = parse_id(given.get("collection", ""))
    return CollectionId(found) if found else None
