"""What the worker has to do for an organisation. Done jobs are not kept: their documents' status tells of them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, column, func, select, text

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.knowledge.collections import readable_collections
from appliance.knowledge.values import Work, WorkSort

_JOBS = (
    text(
        """SELECT j.id, j.task_name, (j.args ->> 'subject')::uuid AS subject,
             CASE WHEN :shows_titles AND (:reads_all OR d.collection_id = ANY(CAST(:readable AS uuid[]))) THEN d.title END AS title,
             j.status::text AS state, j.attempts, j.queued_at
           FROM procrastinate_jobs j
           LEFT JOIN documents d ON d.tenant_id = j.tenant_id AND d.document_id = (j.args ->> 'subject')::uuid
           WHERE j.tenant_id = :tenant AND j.status IN ('todo', 'doing', 'failed')"""
    )
    .columns(*(column(name) for name in ("id", "task_name", "subject", "title", "state", "attempts", "queued_at")))
    .subquery()
)
_KEYS: Mapping[WorkSort, Sequence[ColumnElement[Any]]] = {
    WorkSort.JOB: (_JOBS.c.task_name, func.lower(_JOBS.c.title)),
    WorkSort.STATE: (func.array_position(text("ARRAY['failed', 'doing', 'todo']"), _JOBS.c.state),),
    WorkSort.ATTEMPTS: (_JOBS.c.attempts,),
    WorkSort.QUEUED: (_JOBS.c.queued_at,),
}
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

    No title is told to a token that may not read the document, nor by the order.
    """
    identity.require(caller, Permission.JOB_READ)
    readable = readable_collections(tx, caller)
    values = {
        "tenant": tx.tenant_id,
        "shows_titles": identity.may(caller, Permission.DOCUMENT_READ),
        "reads_all": readable is None,
        "readable": list(readable or ()),
    }
    order = [key.desc() if is_descending else key.asc() for key in _KEYS[sort]]
    query = select(_JOBS).order_by(*order, _JOBS.c.id).limit(limit).offset(offset)
    return [
        Work(job_id, task, cast("UUID", subject), title, state, attempts, queued_at)
        for job_id, task, subject, title, state, attempts, queued_at in tx.execute(query, values)
    ]


def count_work(tx: Tx, caller: Caller) -> int:
    """Return how many jobs the organisation has."""
    identity.require(caller, Permission.JOB_READ)
    return int(tx.scalar(_COUNT, {"tenant": tx.tenant_id}) or 0)
