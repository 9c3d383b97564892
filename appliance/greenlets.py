"""gunicorn's worker of greenlets, with time limits: whoever sends nothing, or reads nothing, does not stay.

The worker as it comes waits 75 seconds for a head, and for ever for who does not read.
"""

from typing import Any

import gevent  # type: ignore[import-untyped]  # it has no types
from gunicorn.workers.ggevent import GeventWorker

HEAD_SECONDS = 10.0
STILL_SECONDS = 60.0
"""For so long a client may send nothing of a body that it announced, or take nothing of an answer."""


class PatientGreenlets(GeventWorker):  # type: ignore[misc]
    """Serves each connection in a greenlet."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection."""
        gevent.getcurrent().is_new = True
        super().handle(listener, client, addr)

    def timeout_ctx(self) -> Any:
        """Bound the wait for a request's head: short for the first, since nobody connects to say nothing."""
        here = gevent.getcurrent()
        seconds, here.is_new = (HEAD_SECONDS if here.is_new else self.cfg.keepalive), False
        return gevent.Timeout(seconds, False)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer a request; a client that stands still meanwhile is hung up on."""
        sock.settimeout(STILL_SECONDS)
        try:
            super().handle_request(listener_name, req, sock, addr)
        finally:
            sock.settimeout(None)
