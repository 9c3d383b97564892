"""Jobs that commit with the change.

`enqueue(tx, job)` writes the job on the caller's own connection: a rolled-back change
leaves no job, a committed one always has its job. Procrastinate keeps the queue in
Postgres; the row carries the tenant, filled by the database from the transaction's own
binding, and its arguments are ids, never content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import procrastinate
import psycopg
from procrastinate import PsycopgConnector, SyncPsycopgConnector
from sqlalchemy import text

from appliance.kernel.db import Tx


@dataclass(frozen=True)
class Job:
    """What is to be done, to which thing."""

    task: str
    subject: UUID
    lock: str | None = None
    """Jobs of one lock run one after the other."""


def enqueue(tx: Tx, job: Job) -> int:
    """Add the job to the queue inside this transaction; returns the queue's number for it."""
    return _defer(tx, job.task, {"tenant_id": str(tx.tenant_id), "subject": str(job.subject)}, job.lock)


def worker_runs(tx: Tx) -> bool:
    """Say whether a worker was heard of in the last half minute. Needs the worker's role."""
    return bool(
        tx.scalar(
            text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'")
        )
    )


def _defer(tx: Tx, task: str, arguments: Mapping[str, str], lock: str | None) -> int:
    connection = tx.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the engine is psycopg's, see kernel.db
    deferrer = _deferring_app().configure_task(task, lock=lock, connection=connection)
    return int(deferrer.defer(**arguments))


def _deferring_app() -> procrastinate.App:
    # Never opened: every defer brings its own connection.
    return procrastinate.App(connector=SyncPsycopgConnector())


def worker_app(url: str) -> procrastinate.App:
    """Return the queue's worker side, on direct connections (LISTEN does not pass a transaction pooler)."""
    conninfo = url.replace("postgresql+psycopg://", "postgresql://")
    connector = PsycopgConnector(
        conninfo=conninfo, kwargs={"prepare_threshold": None, "application_name": "cloister-queue"}
    )
    return procrastinate.App(connector=connector)
