"""A worker that takes one job after the other, as the real one does, so that their order can be seen."""

from typing import Any
from uuid import UUID

import psycopg

from appliance.kernel.ids import TenantId
from appliance.worker.handlers import handlers
from tests.support.house import House


class Worker:
    """Claims from the real queue as the worker's role, and does what it gets."""

    def __init__(self, house: House) -> None:
        self.house, self.handlers = house, handlers(house.worker)
        self.order: list[tuple[UUID, UUID]] = []
        self.link: psycopg.Connection[Any] = house.server.connect("worker", house.database)
        self.worker_id = self.ask("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")[0]

    def ask(self, query: str, *values: object) -> tuple[Any, ...]:
        found = self.link.execute(query, values).fetchone()
        assert found is not None
        return tuple(found)

    def claims(self) -> tuple[int, str, UUID, UUID] | None:
        """Take the next job; None if there is none."""
        number, task, arguments = self.ask(
            "SELECT id, task_name, args FROM procrastinate_fetch_job_v2(NULL, %s)", self.worker_id
        )
        if number is None:
            return None
        return number, task, UUID(arguments["tenant_id"]), UUID(arguments["subject"])

    def does(self, job: tuple[int, str, UUID, UUID]) -> None:
        """Do a job and end it."""
        number, task, tenant_id, subject = job
        self.order.append((tenant_id, subject))
        self.handlers[task](TenantId(tenant_id), subject, number)
        self.link.execute("SELECT procrastinate_finish_job_v1(%s, 'succeeded', true)", [number])

    def works(self, most: int = 10_000) -> int:
        """Do what waits, at most so many jobs; return how many."""
        for count in range(most):
            job = self.claims()
            if job is None:
                return count
            self.does(job)
        return most

    def waiting(self) -> int:
        """Return how many jobs are left."""
        return int(self.ask("SELECT count(*) FROM procrastinate_jobs")[0])

    def close(self) -> None:
        self.link.close()
