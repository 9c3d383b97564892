"""What the worker has to do for an organisation. Done jobs are not kept: their documents' status tells of them."""

from typing import cast
from uuid import UUID

from sqlalchemy import text

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.knowledge.collections import readable_collections
from appliance.knowledge.values import Work

_JOBS = text(
    """SELECT j.id, j.task_name, (j.args ->> 'subject')::uuid, d.title, d.collection_id,
              j.status::text, j.attempts, j.queued_at
       FROM procrastinate_jobs j
       LEFT JOIN documents d ON d.tenant_id = j.tenant_id AND d.document_id = (j.args ->> 'subject')::uuid
       WHERE j.tenant_id = :tenant AND j.status IN ('todo', 'doing', 'failed')
       ORDER BY j.status = 'failed' DESC, j.status = 'doing' DESC, j.id LIMIT :most"""
)


def list_work(tx: Tx, caller: Caller, *, limit: int = 200) -> list[Work]:
    """Return the organisation's jobs: those that failed, those being done, those waiting, each in their order.

    No title is told to a token that may not read the document.
    """
    identity.require(caller, Permission.JOB_READ)
    shows_titles, readable = identity.may(caller, Permission.DOCUMENT_READ), readable_collections(tx, caller)
    rows = tx.execute(_JOBS, {"tenant": tx.tenant_id, "most": limit})
    return [
        Work(
            job_id,
            task,
            cast("UUID", subject),
            title if shows_titles and (readable is None or collection_id in readable) else None,
            state,
            attempts,
            queued_at,
        )
        for job_id, task, subject, title, collection_id, state, attempts, queued_at in rows
    ]
