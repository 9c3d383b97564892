"""In which organisation a session is: asked once by each process, as a session never moves; going elsewhere opens another one.

Nothing else is kept of it: that it is there still, whose it is and what they may do is asked at every request, so whatever
ends one is seen by the next.
"""

import threading
from collections import OrderedDict
from typing import Final

from sqlalchemy import text

from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId

_MOST: Final = 20_000
_ASKED: Final = text("SELECT tenant_id FROM resolve_session(:digest)")


class Whereabouts:
    """Knows places by the digests of sessions. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, TenantId] = OrderedDict()

    def find(self, db: Database, session: bytes) -> TenantId | None:
        """Return in which organisation a session is or was, or None if there is none. Who guesses leaves nothing behind."""
        with self._lock:
            if known := self._known.get(session):
                self._known.move_to_end(session)
                return known
        with db.platform() as tx:
            found = tx.execute(_ASKED, {"digest": session}).first()
        if found is None:
            return None
        with self._lock:
            self._known[session] = TenantId(found.tenant_id)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return TenantId(found.tenant_id)

    def forget(self, session: bytes) -> None:
        """Drop a session that has ended."""
        with self._lock:
            self._known.pop(session, None)
