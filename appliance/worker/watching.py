"""Looking over the logs of the house: once a minute whether something is wrong with one, once a night whether each is what was signed.

In a thread of its own: a large log takes minutes to read, and nothing waits for it.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from appliance import identity, tenancy
from appliance.assembly import Services, anchors_of
from appliance.audit import PLATFORM
from appliance.audit.anchors import assurance_of
from appliance.audit.watching import Alarm, verify_nightly, watch
from appliance.identity import Permission
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.web.package_letters import log_alarms
from appliance.worker.mails import send

_SECONDS: Final = 60.0
log = logger("worker")


@contextmanager
def watched_beside(services: Services) -> Iterator[None]:
    """Look over the logs until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_repeat, args=(services, ended), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(2.0)


def look_over(services: Services, ended: threading.Event | None = None) -> None:
    """Look once at each log, the platform's among them; what is newly wrong is mailed."""
    with services.db.platform() as tx:
        tenants = [PLATFORM, *tenancy.list_tenants(tx)]
    anchors = anchors_of(services.settings)
    for tenant_id in tenants:
        if ended is not None and ended.is_set():
            return
        assurance = assurance_of(services.db, tenant_id, anchors, clock=services.clock)
        found = watch(services.db, tenant_id, assurance, clock=services.clock)
        altered = verify_nightly(services.db, tenant_id, clock=services.clock)
        _tell(services, tenant_id, [*found, *([altered] if altered else [])])


def _repeat(services: Services, ended: threading.Event) -> None:
    while not ended.wait(_SECONDS):
        try:
            look_over(services, ended)
        except Exception:
            log.exception("watch_failed")


def _tell(services: Services, tenant_id: TenantId, found: Sequence[Alarm]) -> None:
    """Mail it to the organisation's owners and administrators, and to the operators, who alone can do something about most of it."""
    if not found:
        return
    log.error("log_alarm", tenant_id=str(tenant_id), kinds=[one.kind.value for one in found])
    people = []
    with services.db.tenant(PLATFORM) as tx:
        people += identity.list_addressees(tx, Permission.PLATFORM_CHANGE)
    name = ""
    if tenant_id != PLATFORM:
        with services.db.tenant(tenant_id) as tx:
            people += identity.list_addressees(tx, Permission.SETTINGS_CHANGE)
            name = tenancy.get_organisation(tx).name
    address = services.settings.address
    send(
        services, tenant_id, list({one.email: one for one in people}.values()),
        lambda one: log_alarms(found, organisation=name, address=address, language=one.language),
    )  # fmt: skip
