from datetime import datetime
from uuid import UUID

from pydantic import Field

from appliance import knowledge
from appliance.api.framework import Call, operation
from appliance.api.schemas import Listed, Output, Page, part
from appliance.identity import Permission
from appliance.knowledge import BatchId, Status
from appliance.knowledge.errors import BatchNotFound


class BatchOut(Output):
    """Files that were uploaded together. `GET /documents?batch_id=…` lists them, with what was wrong with which."""

    batch_id: UUID
    created_by_name: str
    created_at: datetime
    total: int
    counts: dict[Status, int]
    percent: int
    seconds_left: int | None = Field(description="From what was measured of late; null where nothing was, or is left.")
    is_settled: bool


class ChangedOut(Output):
    """How many files it was done to."""

    files: int


@operation("GET", "/batches", permission=Permission.DOCUMENT_READ, query=Page, answer=Listed[BatchOut])
def list_batches(call: Call) -> Listed[BatchOut]:
    """Return your batches of uploads, the latest first; who may change documents sees everybody's."""
    before = BatchId(call.query.cursor) if call.query.cursor else None
    with call.tenant() as tx:
        found = knowledge.list_batches(
            tx, call.caller, clock=call.services.clock, limit=call.query.limit + 1, before=before
        )
    rows, cursor = part(found, call.query, key=lambda one: one.batch_id)
    return Listed[BatchOut](items=[BatchOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation("POST", "/batches", permission=Permission.DOCUMENT_ADD, answer=BatchOut, status=201)
def create_batch(call: Call) -> BatchOut:
    """Begin a batch: uploads that name it are counted together."""
    with call.tenant() as tx:
        batch_id = knowledge.create_batch(tx, call.caller, clock=call.services.clock)
        return _answer(knowledge.get_batch(tx, call.caller, batch_id, clock=call.services.clock))


@operation("GET", "/batches/{batch_id}", permission=Permission.DOCUMENT_READ, answer=BatchOut,
           refusals=(BatchNotFound,))  # fmt: skip
def get_batch(call: Call) -> BatchOut:
    """Return how far a batch is."""
    with call.tenant() as tx:
        return _answer(knowledge.get_batch(tx, call.caller, _id(call), clock=call.services.clock))


@operation("POST", "/batches/{batch_id}/retry", permission=Permission.DOCUMENT_ADD, answer=ChangedOut,
           refusals=(BatchNotFound,))  # fmt: skip
def retry_batch(call: Call) -> ChangedOut:
    """Queue what failed or was cancelled again."""
    with call.tenant() as tx:
        return ChangedOut(files=knowledge.retry_batch(tx, call.caller, _id(call)))


@operation("POST", "/batches/{batch_id}/cancellation", permission=Permission.DOCUMENT_ADD, answer=ChangedOut,
           refusals=(BatchNotFound,))  # fmt: skip
def cancel_batch(call: Call) -> ChangedOut:
    """Stop what is still on its way."""
    with call.tenant() as tx:
        return ChangedOut(files=knowledge.cancel_batch(tx, call.caller, _id(call), clock=call.services.clock))


def _answer(found: knowledge.Batch) -> BatchOut:
    return BatchOut.model_validate(found)


def _id(call: Call) -> BatchId:
    return BatchId(call.ids["batch_id"])
