"""Ends a call from another thread, whatever it waits for."""

import contextlib
import socket
import threading
from collections.abc import Callable

from appliance.kernel.egress.errors import CallCancelled


class Cancel:
    """Given to a call; `now()` ends it at once, from any thread, before, during and after."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_asked = False
        self._stop: Callable[[], None] | None = None

    @property
    def is_asked(self) -> bool:
        """Whether the call was to end."""
        return self._is_asked

    def now(self) -> None:
        """End the call."""
        with self._lock:
            self._is_asked = True
            if self._stop is not None:
                self._stop()

    def check(self) -> None:
        """Raise CallCancelled if the call was to end."""
        if self._is_asked:
            raise CallCancelled

    def watch(self, stop: Callable[[], None] | None) -> None:
        """From now on `stop` ends what is waited for. It runs under the lock: who forgets a socket here may close it."""
        with self._lock:
            self._stop = stop
        if stop is not None:
            self.check()


def stopper(sock: socket.socket) -> Callable[[], None]:
    """Return what wakes whoever waits at a socket.

    The plain socket's shutdown, not that of TLS, which would let a reader go on without decryption.
    """

    def stop() -> None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    return stop
