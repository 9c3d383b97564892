"""Procrastinate's worker. SIGTERM finishes the job in hand; what a killed worker held is taken up again.

A job that fails is tried again with growing waits. A job whose worker stopped sending heartbeats goes back to the
queue: handlers are safe to repeat, so twice is the same as once.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Awaitable, Callable

import procrastinate

from appliance.assembly import Services
from appliance.kernel import jobs
from appliance.kernel.ids import TenantId, parse_id
from appliance.kernel.log import logger
from appliance.worker.delivering import delivered_beside
from appliance.worker.handlers import Handler, handlers
from appliance.worker.indexes import round_of_its_own
from appliance.worker.schedule import tidy
from appliance.worker.sealing import sealed_beside
from appliance.worker.streaming import streamed_beside
from appliance.worker.watching import watched_beside

HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 12.0
_TIDY_SECONDS = 60.0
_INDEX_SECONDS = 600.0
_STOP_SECONDS = 25.0
_ATTEMPTS = 8
log = logger("worker")


def run(services: Services, url: str) -> None:
    """Work until SIGTERM or SIGINT."""
    with (
        sealed_beside(services),
        streamed_beside(services),
        delivered_beside(services),
        watched_beside(services),
        contextlib.suppress(asyncio.CancelledError),
    ):
        asyncio.run(_run(services, url))


async def _run(services: Services, url: str) -> None:
    app = jobs.worker_app(url)
    retry = procrastinate.RetryStrategy(max_attempts=_ATTEMPTS, wait=1, linear_wait=3)
    for task, handler in handlers(services).items():
        app.task(name=task, retry=retry, pass_context=True)(_entered(task, handler))
    _end_in_time()
    async with app.open_async():
        clockwork = [
            asyncio.create_task(_every(_TIDY_SECONDS, lambda: asyncio.to_thread(tidy, services))),
            asyncio.create_task(_every(_INDEX_SECONDS, round_of_its_own, first_after=_TIDY_SECONDS)),
            asyncio.create_task(_every(HEARTBEAT_SECONDS, lambda: _take_up_again(app))),
        ]
        log.info("worker_ready")
        try:
            await app.run_worker_async(
                concurrency=services.settings.worker_concurrency,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                shutdown_graceful_timeout=_STOP_SECONDS,
                fetch_job_polling_interval=2.0,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        finally:
            for ticking in clockwork:
                ticking.cancel()


def _end_in_time() -> None:
    this = asyncio.current_task()
    assert this is not None  # noqa: S101 - called inside one
    cancel = this.cancel

    # Where the database is gone as well, as when the parent was killed, a queue waits for it without end.
    def on_signal() -> None:
        watchdog = threading.Timer(_STOP_SECONDS + 3, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)


def _entered(task: str, handler: Handler) -> Callable[..., None]:
    def run_job(context: procrastinate.JobContext, tenant_id: str, subject: str) -> None:
        tenant, thing = parse_id(tenant_id), parse_id(subject)
        assert tenant is not None  # noqa: S101 - kernel.jobs writes both
        assert thing is not None  # noqa: S101 - as above
        assert context.job.id is not None  # noqa: S101 - it came from the queue
        try:
            handler(TenantId(tenant), thing, context.job.id)
        except Exception:
            log.exception("job_failed", task=task, tenant_id=tenant_id, subject=subject)
            raise
        log.info("job", task=task, tenant_id=tenant_id, subject=subject)

    return run_job


async def _every(seconds: float, do: Callable[[], Awaitable[None]], *, first_after: float = 0.0) -> None:
    await asyncio.sleep(first_after)
    while True:
        try:
            await do()
        except Exception:
            log.exception("schedule_failed")
        await asyncio.sleep(seconds)


async def _take_up_again(app: procrastinate.App) -> None:
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        await app.job_manager.retry_job(job)
        log.warning("job_taken_up_again", job=job.id)
