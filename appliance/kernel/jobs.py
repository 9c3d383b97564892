"""Jobs that commit with the change.

`enqueue(tx, job)` writes the job on the caller's own connection: a rolled-back change
leaves no job, a committed one always has its job. Procrastinate keeps the queue in
Postgres; the row carries the tenant, filled by the database from the transaction's own
binding, and its arguments are ids, never content.

Which job is next is decided in the database, fairly between tenants (migrations/sql/functions/fetch_job.sql).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from appliance.kernel.db import Tx

if TYPE_CHECKING:
    import procrastinate  # loaded by whoever has jobs, or does them

_TAKE = text(
    """WITH mine AS (
         SELECT worker_id, task_name, priority FROM procrastinate_jobs
         WHERE id = :job AND tenant_id = :tenant AND status = 'doing' AND attempts = 0 AND priority >= :priority
       ), more AS (
         SELECT j.id FROM procrastinate_jobs j JOIN mine m USING (task_name, priority)
         WHERE j.tenant_id = :tenant AND j.status = 'todo' AND j.attempts = 0 AND j.scheduled_at IS NULL
           AND NOT EXISTS (SELECT FROM procrastinate_jobs o WHERE o.lock = j.lock
                           AND (o.status = 'doing' OR o.status = 'todo' AND o.id < j.id))
         ORDER BY j.rank, j.id LIMIT :most FOR UPDATE OF j SKIP LOCKED
       )
       UPDATE procrastinate_jobs j SET status = 'doing', worker_id = m.worker_id FROM more, mine m
       WHERE j.id = more.id RETURNING j.id, (j.args ->> 'subject')::uuid"""
)
_DONE = text("DELETE FROM procrastinate_jobs WHERE tenant_id = :tenant AND id = ANY(:jobs) AND status = 'doing'")
_PENDING = text(
    "SELECT 1 FROM procrastinate_jobs WHERE tenant_id = :tenant AND lock = :lock AND status IN ('todo', 'doing') LIMIT 1"
)
_GIVE_BACK = text(
    """UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1, worker_id = NULL
       WHERE tenant_id = :tenant AND id = ANY(:jobs) AND status = 'doing'"""
)


@dataclass(frozen=True)
class Job:
    """What is to be done, to which thing."""

    task: str
    subject: UUID
    lock: str | None = None
    """Jobs of one lock run one after the other."""
    priority: int = 0
    """From 0; each step puts a job five minutes ahead of others of its tenant."""


@dataclass(frozen=True)
class Taken:
    """A job that a worker does along with the one it was given."""

    job_id: int
    subject: UUID


def enqueue(tx: Tx, job: Job) -> int:
    """Add the job to the queue inside this transaction; returns the queue's number for it."""
    arguments = {"tenant_id": str(tx.tenant_id), "subject": str(job.subject)}
    return _defer(tx, job.task, arguments, job.lock, job.priority)


def is_pending(tx: Tx, lock: str) -> bool:
    """Say whether a job of this lock waits or is in hand."""
    return tx.execute(_PENDING, {"tenant": tx.tenant_id, "lock": lock}).first() is not None


def take_along(tx: Tx, job_id: int, *, most: int, priority: int) -> list[Taken]:
    """Take the next jobs like this one, which is in hand, if its priority is at least this one and it is its first attempt.

    If the worker dies they go back to the queue with it. None of them has been tried before: what fails is done alone.
    """
    try:
        with tx.begin_nested():
            values = {"job": job_id, "tenant": tx.tenant_id, "most": most, "priority": priority}
            return [Taken(number, subject) for number, subject in tx.execute(_TAKE, values)]
    except IntegrityError:
        return []  # Another worker took a job of the same lock at this moment.


def done(tx: Tx, taken: Sequence[Taken]) -> None:
    """End jobs that were taken along, in the transaction of what they did. Needs the worker's role."""
    if taken:
        tx.execute(_DONE, {"tenant": tx.tenant_id, "jobs": [one.job_id for one in taken]})


def give_back(tx: Tx, taken: Sequence[Taken]) -> None:
    """Put jobs that were taken along back into the queue, to be done alone. Needs the worker's role."""
    if taken:
        tx.execute(_GIVE_BACK, {"tenant": tx.tenant_id, "jobs": [one.job_id for one in taken]})


def worker_runs(tx: Tx) -> bool:
    """Say whether a worker was heard of in the last half minute. Needs the worker's role."""
    return bool(
        tx.scalar(
            text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'")
        )
    )


def _defer(tx: Tx, task: str, arguments: Mapping[str, str], lock: str | None, priority: int) -> int:
    connection = tx.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the engine is psycopg's, see kernel.db
    deferrer = _deferring_app().configure_task(task, lock=lock, connection=connection, priority=priority)
    return int(deferrer.defer(**arguments))


def _deferring_app() -> "procrastinate.App":
    from procrastinate import App, SyncPsycopgConnector

    # Never opened: every defer brings its own connection.
    return App(connector=SyncPsycopgConnector())


def worker_app(url: str) -> "procrastinate.App":
    """Return the queue's worker side, on direct connections (LISTEN does not pass a transaction pooler)."""
    from procrastinate import App, PsycopgConnector

    conninfo = url.replace("postgresql+psycopg://", "postgresql://")
    connector = PsycopgConnector(
        conninfo=conninfo, kwargs={"prepare_threshold": None, "application_name": "cloister-queue"}
    )
    return App(connector=connector)
