"""Notices that a client has hung up while nothing is written to it: before the first byte, and between two.

One thread waits on the sockets of all calls under way. It only looks (MSG_PEEK): what a client sends ahead stays where it
is, and ends the watch, since whoever sends is there.
"""

import os
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

_FOR_EVER: Final = None


class Watching(Protocol):
    """One call's watch."""

    def end(self) -> None:
        """Look no more, before the socket goes back to the server. The second time changes nothing."""
        ...


class Watched:
    """One call's watch; `end` it before the socket goes back to the server."""

    def __init__(self, watch: "Watch", number: int) -> None:
        self._watch, self._number = watch, number

    def end(self) -> None:
        """Look no more. The second time changes nothing."""
        if self._number >= 0:
            self._watch.forget(self._number)
            self._number = -1


class Watch:
    """Starts its thread at the first call, in the process that has calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._watched: dict[int, tuple[socket.socket, Callable[[], None]]] = {}

    def over(self, client: socket.socket | None, gone: Callable[[], None]) -> Watched:
        """Call `gone`, in another thread, when the client hangs up. Without a socket nothing is watched."""
        if client is None or client.fileno() < 0:
            return Watched(self, -1)
        number = client.fileno()
        with self._lock:
            self._begin()
            if number in self._selector.get_map():  # of a connection that is closed: the number is another's now
                self._selector.unregister(number)
            self._watched[number] = (client, gone)
            self._selector.register(number, selectors.EVENT_READ)
        self._wake()
        return Watched(self, number)

    def forget(self, number: int) -> None:
        """Look at this socket no more."""
        with self._lock:
            if self._watched.pop(number, None):
                self._selector.unregister(number)
        self._wake()

    def _begin(self) -> None:
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._watched.clear()
        self._selector = selectors.DefaultSelector()
        ours, self._bell = socket.socketpair()
        ours.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ)
        threading.Thread(target=self._look, args=(ours,), name="hanging-up", daemon=True).start()

    def _wake(self) -> None:
        try:
            self._bell.send(b"!")
        except BlockingIOError:
            return  # it rings already

    def _look(self, bell: socket.socket) -> None:
        while True:
            for key, _ in self._selector.select(_FOR_EVER):
                if key.fileobj is bell:
                    bell.recv(4096)
                elif gone := self._judged(key.fd):
                    gone()

    def _judged(self, number: int) -> Callable[[], None] | None:
        """Return what to call if this client is gone; whatever it sent, it is watched no more."""
        with self._lock:
            found = self._watched.pop(number, None)
            if found is None:
                return None
            self._selector.unregister(number)
            return found[1] if _is_gone(found[0]) else None


class LoopWatch:
    """The same on gevent's loop, for a server whose clients are greenlets: no thread, and no bell to ring."""

    def over(self, client: Any, gone: Callable[[], None]) -> Watching:
        """Call `gone` from the loop when the client hangs up. Without a socket nothing is watched."""
        return _OnLoop(client, gone)


class _OnLoop:
    def __init__(self, client: Any, gone: Callable[[], None]) -> None:
        from gevent import get_hub  # type: ignore[import-untyped]  # it has no types; and only where it is the server

        self._watcher: Any = None
        if client is None or client.fileno() < 0:
            return
        self._watcher = get_hub().loop.io(client.fileno(), _READ)
        self._watcher.start(self._look, client, gone)

    def end(self) -> None:
        """Look no more. The second time changes nothing."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def _look(self, client: Any, gone: Callable[[], None]) -> None:
        self.end()
        if _is_gone(client):
            gone()


_READ: Final = 1


def _is_gone(client: Any) -> bool:
    try:
        return bool(client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
    except BlockingIOError:
        return False
    except OSError:
        return True
