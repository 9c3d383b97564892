"""Which streams of the audit log are sent at a time."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, cast
from uuid import UUID

from appliance.kernel.ids import TenantId, new_id
from appliance.worker.streaming import _AT_ONCE, _OF_ONE, _Streams


class Slow:
    """Streams whose peers take their time."""

    def __init__(self, due: dict[tuple[TenantId, UUID], list[TenantId]]) -> None:
        self._due, self.begun, self.go_on = due, list[TenantId](), threading.Event()

    def due(self) -> dict[tuple[TenantId, UUID], list[TenantId]]:
        return self._due

    def deliver(self, tenant_id: TenantId, _sink_id: UUID, _logs: Iterable[TenantId]) -> None:
        self.begun.append(tenant_id)
        self.go_on.wait(10)


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_one_organisation_with_many_slow_peers_leaves_room_for_others() -> None:
    harrow, birch = TenantId(new_id()), TenantId(new_id())
    slow = Slow({(one, new_id()): [one] for one in [harrow] * 9 + [birch]})
    streams = _Streams(cast("Any", slow))
    streams._begin_all()
    wait_for(lambda: len(slow.begun) == _OF_ONE + 1)
    assert Counter(slow.begun) == {harrow: _OF_ONE, birch: 1}
    assert _OF_ONE < _AT_ONCE
    slow.go_on.set()
    wait_for(lambda: not streams._under_way)
    slow.begun.clear()
    streams._begin_all()
    wait_for(lambda: harrow in slow.begun)
