"""Refusals in an organisation's log: each is one entry, and strangers do not get to fill it.

Whoever can call the site can be refused as often as they like. So a process writes so many a minute for a connection; what
is beyond is counted, and the next entry says how many there were.
"""

import threading
import time
from collections import OrderedDict
from typing import Final
from uuid import UUID

from appliance import audit
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.identity.history import note_sign_in
from appliance.identity.sso.values import Arrival, Connection
from appliance.kernel.db import Database
from appliance.kernel.errors import Refusal

MOST_A_MINUTE: Final = 300
_MOST_CONNECTIONS: Final = 10_000


class Pace:
    """How many entries a connection had in this minute, and how many were left out. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[UUID, tuple[int, int, int]] = OrderedDict()

    def takes(self, connection_id: UUID, minute: int) -> int | None:
        """Return how many were left out before this one, or None if this one is, too."""
        with self._lock:
            began, written, left_out = self._counts.pop(connection_id, (minute, 0, 0))
            if began != minute:
                written = 0
            is_over = written >= MOST_A_MINUTE
            kept = (minute, written, left_out + 1) if is_over else (minute, written + 1, 0)
            self._counts[connection_id] = kept
            if len(self._counts) > _MOST_CONNECTIONS:
                self._counts.popitem(last=False)
        return None if is_over else left_out


_pace = Pace()  # a process's own, as its threads are: what it left out is in no other's count


def note_refusal(
    db: Database, connection: Connection, refusal: Refusal, arrival: Arrival, *, user_id: UUID | None = None
) -> None:
    """Write a refusal into the organisation's log: its code and its rule, never what was sent."""
    left_out = _pace.takes(connection.connection_id, _minute())
    if left_out is None:
        return
    facts: dict[str, str | int] = {name: str(value)[:200] for name, value in refusal.facts.items()}
    facts |= {"reason": refusal.code} | ({"left_out": left_out} if left_out else {})
    with db.tenant(connection.tenant_id) as tx:
        actor = Actor(ActorKind.USER, user_id, arrival.address, arrival.request_id)
        audit.record_all(
            tx, [audit.NewEntry(actor, Event.SIGN_ON_REFUSED, connection.connection_id, Outcome.REFUSED, facts)]
        )
        note_sign_in(tx, user_id, methods=(connection.kind.value,), address=arrival.address, agent=arrival.agent,
                     reason=refusal.code, connection_id=connection.connection_id)  # fmt: skip


def _minute() -> int:
    return int(time.monotonic()) // 60
