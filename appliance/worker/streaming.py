"""Streams of the audit log in the worker: a thread that looks for what is due, and a few that send it.

A peer that does not answer holds one of them up, and the other streams go on: those of one organisation never take all. A thread that waits for a peer does not
keep the worker from ending: its stream is taken up again by the next one.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from appliance.assembly import Services
from appliance.audit.sinks import Deliverer
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger

_SECONDS: Final = 1.0
_AT_ONCE: Final = 4
_OF_ONE: Final = 2
log = logger("streams")


@contextmanager
def streamed_beside(services: Services) -> Iterator[None]:
    """Send what is sealed until the block ends."""
    streams = _Streams(Deliverer(services.outlet))
    thread = threading.Thread(target=streams.run, name="streams", daemon=True)
    thread.start()
    try:
        yield
    finally:
        streams.ended.set()
        thread.join(_SECONDS * 2)


class _Streams:
    def __init__(self, deliverer: Deliverer) -> None:
        self.ended = threading.Event()
        self._deliverer = deliverer
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._under_way: dict[UUID, TenantId] = {}

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                self._begin_all()
            except Refusal as refusal:
                log.warning("streams_wait", code=refusal.code)
            except Exception:
                log.exception("streams_failed")
            self.ended.wait(_SECONDS)

    def _begin_all(self) -> None:
        for (tenant_id, sink_id), logs in self._deliverer.due().items():
            if sink_id in self._under_way or list(self._under_way.values()).count(tenant_id) >= _OF_ONE:
                continue
            if self.ended.is_set() or not self._free.acquire(blocking=False):
                return
            self._under_way[sink_id] = tenant_id
            threading.Thread(target=self._deliver, args=(tenant_id, sink_id, logs), name="stream", daemon=True).start()

    def _deliver(self, tenant_id: TenantId, sink_id: UUID, logs: list[TenantId]) -> None:
        try:
            self._deliverer.deliver(tenant_id, sink_id, logs)
        except Refusal as refusal:
            log.warning("stream_waits", sink_id=str(sink_id), code=refusal.code)
        except Exception:
            log.exception("stream_failed", sink_id=str(sink_id))  # not even that could be noted
        finally:
            self._under_way.pop(sink_id, None)
            self._free.release()
