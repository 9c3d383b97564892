"""What a model said of windows that it read lately: a conversation brings its history with every call.

In this process's memory alone. A window is known by a digest under a key of this process, with whom it was read for in it, and
never by its text; what is kept are labels and places. Who asks learns by the time it takes whether they themselves sent the same
words within the hour, and nothing of what others sent: theirs are other digests.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from appliance.kernel.computing import native_lock

_MOST: Final = 65_536
_SECONDS: Final = 3_600.0


class Said(NamedTuple):
    """A label of the tokens from first to before last of a window, in characters behind its beginning."""

    label: str
    start: int
    end: int
    score: float


class Recent:
    """Thread-safe. Holds windows and their labels, 65,536 together; the one that was not asked for longest goes first."""

    def __init__(self, *, most: int = _MOST, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._now = most, now
        self._key = secrets.token_bytes(32)
        self._kept = OrderedDict[bytes, tuple[float, tuple[Said, ...]]]()
        self._size = 0
        self._lock = native_lock()

    def digest(self, whose: bytes, window: str, ids: bytes) -> bytes:
        """Return by what this window, read for these, is known."""
        digest = hashlib.blake2b(len(whose).to_bytes(4, "big") + whose, key=self._key, digest_size=32)
        digest.update(len(ids).to_bytes(4, "big") + ids + window.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def find(self, digest: bytes) -> tuple[Said, ...] | None:
        """Return what was said of it within the last hour, None if that is not known."""
        with self._lock:
            since, said = self._kept.get(digest, (0.0, None))
            if said is None or self._now() - since > _SECONDS:
                return None
            self._kept.move_to_end(digest)
            return said

    def keep(self, digest: bytes, said: tuple[Said, ...]) -> None:
        """Remember it."""
        with self._lock:
            self._drop(digest)
            self._kept[digest] = self._now(), said
            self._size += 1 + len(said)
            while self._size > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, digest: bytes) -> None:
        gone = self._kept.pop(digest, None)
        if gone is not None:
            self._size -= 1 + len(gone[1])
