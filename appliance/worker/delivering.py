"""Packages of the audit log on their way to other hosts: a thread that looks for what is due, and a few that carry it.

A host that is slow holds up one organisation's packages and nothing else: neither the round of each minute, nor documents.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from appliance import tenancy
from appliance.assembly import Services, courier_of
from appliance.audit import Undelivered
from appliance.identity import Permission
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.web.package_letters import package_waits
from appliance.worker.mails import tell

_SECONDS: Final = 30.0
_AT_ONCE: Final = 3
log = logger("places")


@contextmanager
def delivered_beside(services: Services) -> Iterator[None]:
    """Take packages away until the block ends. What is under way then is taken up again by the next process."""
    rounds = Rounds(services)
    thread = threading.Thread(target=rounds.run, name="places", daemon=True)
    thread.start()
    try:
        yield
    finally:
        rounds.ended.set()
        thread.join(2.0)


class Rounds:
    """Looks for what is due, and has it carried: one package of an organisation at a time."""

    def __init__(self, services: Services) -> None:
        self.ended = threading.Event()
        self._services, self._courier = services, courier_of(services)
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._under_way: set[TenantId] = set()

    def run(self) -> None:
        """Look every half minute."""
        while not self.ended.wait(_SECONDS):
            try:
                self.round()
            except Exception:
                log.exception("places_failed")

    def round(self) -> list[threading.Thread]:
        """Begin to carry what is due; return who does."""
        with self._services.db.platform() as tx:
            tenants = tenancy.list_tenants(tx)
        threads = []
        for tenant_id in tenants:
            if tenant_id in self._under_way or not self._courier.due(tenant_id):
                continue
            if self.ended.is_set() or not self._free.acquire(blocking=False):
                break
            self._under_way.add(tenant_id)
            threads.append(threading.Thread(target=partial(self._carry, tenant_id), name="place", daemon=True))
            threads[-1].start()
        return threads

    def _carry(self, tenant_id: TenantId) -> None:
        try:
            for export_id in self._courier.due(tenant_id):
                if self.ended.is_set():
                    return
                if (told := self._courier.deliver(tenant_id, export_id)) is not None:
                    self._tell(tenant_id, told)
        except Exception:
            log.exception("places_failed", tenant_id=str(tenant_id))
        finally:
            self._under_way.discard(tenant_id)
            self._free.release()

    def _tell(self, tenant_id: TenantId, told: Undelivered) -> None:
        """Mail it to whoever may change the schedule; the page and the log say it too."""
        tell(
            self._services, tenant_id, lambda _tx: told, package_waits, whom=Permission.SETTINGS_CHANGE, event="package_waits"
        )
