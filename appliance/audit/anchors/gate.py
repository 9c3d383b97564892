"""Which logs the sequencer may go on with.

Where there is a witness, a process that has just begun asks it about each log before it seals the first entry: after a
restore, or a rollback, what is here may be less than what the witness saw. Until it answered, entries wait in the inbox.
"""

import threading
from collections.abc import Iterable

from appliance.kernel.ids import TenantId


class Gate:
    """Shared by the sequencer, which asks, and by who asks the witnesses, which opens. Without witnesses it is open."""

    def __init__(self, *, is_needed: bool) -> None:
        self._is_needed, self._lock = is_needed, threading.Lock()
        self._open: set[TenantId] = set()
        self._closed: set[TenantId] = set()

    def passing(self, tenants: Iterable[TenantId]) -> set[TenantId]:
        """Return those of these logs that may be gone on with; the others are to be asked about."""
        given = set(tenants)
        if not self._is_needed:
            return given
        with self._lock:
            passing = given & self._open
            self._closed |= given - passing
        return passing

    def open(self, tenant_id: TenantId) -> None:
        """Let a log be gone on with: the witnesses agree, or it begins an epoch of its own."""
        with self._lock:
            self._open.add(tenant_id)
            self._closed.discard(tenant_id)

    def close(self, tenant_id: TenantId) -> None:
        """Let a log wait."""
        with self._lock:
            self._open.discard(tenant_id)
            self._closed.add(tenant_id)

    def waiting(self) -> set[TenantId]:
        """Return the logs that wait."""
        with self._lock:
            return set(self._closed)
