"""What the worker has to do for an organisation. Done jobs are not kept: their documents' status tells of them."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, column, func, select, text

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.knowledge.values import Work, WorkSort

_JOBS = (
    text(
        """SELECT j.id, j.task_name, (j.args ->> 'subject')::uuid AS subject, d.title, j.status::text AS state, j.attempts,
             j.queued_at
           FROM procrastinate_jobs j
           LEFT JOIN documents d ON d.tenant_id = j.tenant_id AND d.document_id = (j.args ->> 'subject')::uuid
           WHERE j.tenant_id = :tenant AND j.status IN ('todo', 'doing', 'failed')"""
    )
    .columns(*(column(name) for name in ("id", "task_name", "subject", "title", "state", "attempts", "queued_at")))
    .subquery()
)
_COUNT = text(
    """SELECT count(*) FROM procrastinate_jobs WHERE tenant_id = :tenant AND status IN ('todo', 'doing', 'failed')"""
)


def list_work(
    tx: Tx,
    caller: Caller,
    *,
    sort: WorkSort = WorkSort.STATE,
    is_descending: bool = False,
    limit: int = 200,
    offset: int = 0,
) -> list[Work]:
    """Return the organisation's jobs: those that failed, those being done, those waiting, or as `sort` says.

    A token that may read no documents is told no titles, and nothing by their order.
    """
    identity.require(caller, Permission.JOB_READ)
    shows_titles = identity.may(caller, Permission.DOCUMENT_READ)
    keys = _keys(sort, with_titles=shows_titles)
    order = [key.desc() if is_descending else key.asc() for key in keys]
    query = select(_JOBS).order_by(*order, _JOBS.c.id).limit(limit).offset(offset)
    return [
        Work(job_id, task, cast("UUID", subject), title if shows_titles else None, state, attempts, queued_at)
        for job_id, task, subject, title, state, attempts, queued_at in tx.execute(query, {"tenant": tx.tenant_id})
    ]


def count_work(tx: Tx, caller: Caller) -> int:
    """Return how many jobs the organisation has."""
    identity.require(caller, Permission.JOB_READ)
    return int(tx.scalar(_COUNT, {"tenant": tx.tenant_id}) or 0)


def _keys(sort: WorkSort, *, with_titles: bool) -> list[ColumnElement[Any]]:
    jobs = _JOBS.c
    keys: dict[WorkSort, list[ColumnElement[Any]]] = {
        WorkSort.JOB: [jobs.task_name, func.lower(jobs.title)] if with_titles else [jobs.task_name],
        WorkSort.STATE: [func.array_position(text("ARRAY['failed', 'doing', 'todo']"), jobs.state)],
        WorkSort.ATTEMPTS: [jobs.attempts],
        WorkSort.QUEUED: [jobs.queued_at],
    }
    return keys[sort]
