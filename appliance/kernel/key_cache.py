"""Unwrapped keys for a few minutes, where unwrapping asks a remote root.

Bounded in number and time, one unwrap at a time for each key, wiped when a key leaves, also where nobody asks again, emptied
in a child after fork. Who asks by the wrapped key itself never gets one that was destroyed or exchanged: the file is read each time.
Nor, by its context, one that stands in another's place, which the root would refuse.
"""

import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from appliance.kernel.sealing import content_digest, wipe

SECONDS: Final = 300.0
MOST: Final = 1_000


class KeyCache:
    """Keys by their wrapped form and what that is bound to. `get` returns copies, which the caller wipes."""

    _clock: threading.Timer | None

    def __init__(self, *, seconds: float = SECONDS, most: int = MOST) -> None:
        self._seconds, self._most = min(seconds, SECONDS), most
        self._start()
        _ALL.add(self)

    def get(self, wrapped: bytes, unwrap: Callable[[], bytearray], *, context: bytes) -> bytearray:
        """Return the key; unwrap it if it is not here, once for all who wait for it."""
        name = name_of(wrapped, context=context)
        with self._lock:
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:
            try:
                found = self._found(name)
                if found is None:
                    found = unwrap()
                    self._keep(name, found)
                return found
            finally:
                self._end_turn(name)

    def find(self, name: bytes) -> bytearray | None:
        """Return the key of a name if it is here: for who asks often, and knows the name."""
        return self._found(name)

    def clear(self) -> None:
        """Wipe everything."""
        with self._lock:
            for _, key in self._kept.values():
                wipe(key)
            self._kept.clear()
            self._turns.clear()

    def _found(self, name: bytes) -> bytearray | None:
        with self._lock:
            self._expire()
            kept = self._kept.get(name)
            return bytearray(kept[1]) if kept else None

    def _keep(self, name: bytes, key: bytearray) -> None:
        if self._seconds <= 0:
            return
        with self._lock:
            self._kept[name] = (time.monotonic() + self._seconds, bytearray(key))
            while len(self._kept) > self._most:
                self._drop(next(iter(self._kept)))
            self._set_clock()

    def _set_clock(self) -> None:
        """Have the oldest key wiped when its time is up, though nobody asks again."""
        if self._clock is not None or not self._kept:
            return
        left = next(iter(self._kept.values()))[0] - time.monotonic()
        # The clock holds no cache that was let go.
        self._clock = threading.Timer(max(left, 0.0), _ring, (weakref.ref(self),))
        self._clock.daemon = True
        self._clock.start()

    def _rung(self) -> None:
        with self._lock:
            self._clock = None
            self._expire()
            self._set_clock()

    def _end_turn(self, name: bytes) -> None:
        """Keep no lock for a key that is not kept: who alters key files would have one more each time."""
        with self._lock:
            if name not in self._kept:
                self._turns.pop(name, None)

    def _expire(self) -> None:
        now = time.monotonic()
        while self._kept and next(iter(self._kept.values()))[0] <= now:  # all live equally long: the oldest is first
            self._drop(next(iter(self._kept)))

    def _drop(self, name: bytes) -> None:
        wipe(self._kept.pop(name)[1])
        self._turns.pop(name, None)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[bytes, threading.Lock] = {}
        self._kept: OrderedDict[bytes, tuple[float, bytearray]] = OrderedDict()
        self._clock = None

    def _start_anew(self) -> None:
        for _, key in self._kept.values():  # no lock: whoever held it stayed in the parent
            wipe(key)
        self._start()


def name_of(wrapped: bytes, *, context: bytes) -> bytes:
    """Return what a cache calls a key."""
    return content_digest(len(context).to_bytes(4, "big") + context + wrapped)


_ALL: "weakref.WeakSet[KeyCache]" = weakref.WeakSet()


def _ring(cache: "weakref.ref[KeyCache]") -> None:
    if (one := cache()) is not None:
        one._rung()  # noqa: SLF001 - this module's own


def _after_fork() -> None:
    for cache in list(_ALL):
        cache._start_anew()  # noqa: SLF001 - this module's own


os.register_at_fork(after_in_child=_after_fork)
