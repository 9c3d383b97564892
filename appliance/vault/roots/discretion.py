"""What all roots share: they show their spec and nothing else, and are not copied out of the process."""

import hashlib
import os
import stat
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from appliance.kernel.sealing import KeyUnavailable

T = TypeVar("T")
_OPEN_TO_OTHERS = 0o077
_MOST_BYTES = 16_384


class Discreet:
    """A root's manners: its repr is its spec, and it has no pickle."""

    def __init__(self, spec: str) -> None:
        self.spec = spec

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec!r})"

    def __reduce__(self) -> str:
        raise TypeError("a root key is not copied")


class PerProcess(Generic[T]):
    """Something that must not be used across a fork, such as connections: made at first use, and anew in a child.

    A child keeps the parent's one alive, untouched: a finaliser that ran there would close what the parent still uses.
    """

    def __init__(self, make: Callable[[], T], *, end: Callable[[T], None] | None = None) -> None:
        self._make, self._end = make, end
        self._abandoned: list[T] = []
        self._made: T | None = None
        self._lock = threading.Lock()
        _EVERY.add(self)

    def get(self) -> T:
        """Return this process's one."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def __del__(self) -> None:
        if self._made is not None and self._end is not None:
            self._end(self._made)

    def forget(self) -> None:
        """Begin anew in a child, whatever the parent's threads held."""
        self._lock = threading.Lock()
        if self._made is not None:
            self._abandoned.append(self._made)
        self._made = None


_EVERY: "weakref.WeakSet[PerProcess[Any]]" = weakref.WeakSet()


def _forget_all() -> None:
    for one in list(_EVERY):
        one.forget()


os.register_at_fork(after_in_child=_forget_all)


def is_closed(status: os.stat_result) -> bool:
    """Return whether nobody but the owner has any right to the file."""
    return not stat.S_IMODE(status.st_mode) & _OPEN_TO_OTHERS


def read_credential(path: Path) -> str:
    """Return what a credential's file holds, without the line's end. Raises KeyUnavailable."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_MOST_BYTES)
    except OSError as error:
        raise KeyUnavailable(f"the credentials' file {path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode) or not is_closed(status):
        raise KeyUnavailable(f"the credentials' file {path} can be read by others; it must be 0400")
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise KeyUnavailable(f"the credentials' file {path} is empty, or not text")
    return text


def identity(kind: str, *parts: bytes) -> bytes:
    """Return the fingerprint of a root that is told by these parts: SHA-256, each part with its length before it."""
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in (b"cloister root", kind.encode(), *parts))
    return hashlib.sha256(framed).digest()
