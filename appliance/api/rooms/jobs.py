from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from appliance import knowledge
from appliance.api.framework import Call, operation
from appliance.api.schemas import MOST, Input, Output
from appliance.identity import Permission
from appliance.knowledge import WorkSort


class JobsAsked(Input):
    """Which part of the list, in which order: by state the failed come first, then those in hand, then those that wait."""

    limit: int = Field(MOST, ge=1, le=MOST, description="How many at most.")
    offset: int = Field(0, ge=0, le=1_000_000, description="How many to pass over: `next_offset` of the page before.")
    sort: WorkSort = WorkSort.STATE
    descending: bool = False


class JobOut(Output):
    """What the worker does to `subject`, a document; `title` is null once it is deleted, or where you may not read it."""

    job_id: int
    task: str
    subject: UUID | None
    title: str | None
    state: Literal["todo", "doing", "failed"]
    attempts: int
    queued_at: datetime


class JobsOut(Output):
    """A page of the list; `next_offset` is null on the last one."""

    items: list[JobOut]
    next_offset: int | None = None


@operation("GET", "/jobs", permission=Permission.JOB_READ, query=JobsAsked, answer=JobsOut)
def list_jobs(call: Call) -> JobsOut:
    """Return what the worker has to do: what failed, what is being done, what waits. Done jobs are not kept."""
    asked = call.query
    with call.tenant() as tx:
        found = knowledge.list_work(
            tx, call.caller, sort=asked.sort, is_descending=asked.descending, limit=asked.limit + 1, offset=asked.offset
        )
    more = asked.offset + asked.limit if len(found) > asked.limit else None
    return JobsOut(items=[JobOut.model_validate(one) for one in found[: asked.limit]], next_offset=more)
