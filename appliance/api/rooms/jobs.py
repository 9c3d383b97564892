from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from appliance import knowledge
from appliance.api.framework import Call, operation
from appliance.api.schemas import MOST, Input, Output
from appliance.identity import Permission


class JobsAsked(Input):
    limit: int = Field(MOST, ge=1, le=MOST, description="How many at most.")


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
    items: list[JobOut]


@operation("GET", "/jobs", permission=Permission.JOB_READ, query=JobsAsked, answer=JobsOut)
def list_jobs(call: Call) -> JobsOut:
    """Return what the worker has to do: what failed, what is being done, what waits. Done jobs are not kept."""
    with call.tenant() as tx:
        found = knowledge.list_work(tx, call.caller, limit=call.query.limit)
    return JobsOut(items=[JobOut.model_validate(one) for one in found])
