from uuid import UUID

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from appliance import knowledge
from appliance.kernel.ids import parse_id
from appliance.knowledge import BatchId, DocumentFilter, Sort, Status
from appliance.web import tables
from appliance.web.documents import table_of_documents
from appliance.web.render import done, page, wants_json
from appliance.web.sessions import caller, services

blueprint = Blueprint("batches", __name__, url_prefix="/batches")
Answer = tuple[str, int] | tuple[Response, int] | Response
_PAGE = 50


@blueprint.get("")
def show() -> Answer:
    """List the batches, the latest first."""
    person, before = caller(), parse_id(request.args.get("before", ""))
    with services().db.tenant(person.tenant_id) as tx:
        found = knowledge.list_batches(
            tx, person, clock=services().clock, limit=_PAGE + 1, before=BatchId(before) if before else None
        )
    further = tables.address(before=found[_PAGE - 1].batch_id) if len(found) > _PAGE else None
    return page("batches/page.html", batches=found[:_PAGE], further=further)


@blueprint.post("")
def create() -> Answer:
    """Begin a batch, for the script that uploads many files."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        batch_id = knowledge.create_batch(tx, person, clock=services().clock)
    return (jsonify(id=str(batch_id)), 201) if wants_json() else done("batches.read", "saved", batch_id=batch_id)


@blueprint.get("/<uuid:batch_id>")
def read(batch_id: UUID) -> Answer:
    """Show how far a batch is, and its documents."""
    person = caller()
    state = request.args.get("status", "")
    asked = tables.asked(list(Sort), "status")
    wanted = DocumentFilter(
        batch_id=BatchId(batch_id), status=Status(state) if state in list(Status) else None, sort=Sort(asked.sort),
        is_descending=asked.is_reversed,
    )  # fmt: skip
    with services().db.tenant(person.tenant_id) as tx:
        batch = knowledge.get_batch(tx, person, BatchId(batch_id), clock=services().clock)
        names = {one.collection_id: one.name for one in knowledge.list_collections(tx, person)}
        table = table_of_documents(tx, wanted, asked)
    return page("batches/batch.html", batch=batch, table=table, wanted=wanted, names=names)


@blueprint.get("/<uuid:batch_id>/state")
def state(batch_id: UUID) -> Answer:
    """Return how far a batch is, alone, for the page that watches it."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        batch = knowledge.get_batch(tx, person, BatchId(batch_id), clock=services().clock)
    return page("batches/_state.html", batch=batch)


@blueprint.post("/<uuid:batch_id>/retry")
def create_retry(batch_id: UUID) -> Answer:
    """Queue what failed or was cancelled again."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.retry_batch(tx, person, BatchId(batch_id))
    return done("batches.read", "retried", batch_id=batch_id)


@blueprint.post("/<uuid:batch_id>/cancellation")
def create_cancellation(batch_id: UUID) -> Answer:
    """Stop what is on its way."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.cancel_batch(tx, person, BatchId(batch_id), clock=services().clock)
    return done("batches.read", "cancelled", batch_id=batch_id)
