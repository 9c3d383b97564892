"""Where long computing is done: at once, or, in a process whose requests share one thread, in another beside it.

Whoever computes for more than a moment is given an `Aside` by whoever builds the house. What is handed over computes and does
nothing else: it opens no transaction and waits for nobody, but for a `native_lock` over what is loaded once.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Final, Protocol, TypeVar, cast

Result = TypeVar("Result")
_OF_IMPORTS: Final = ("allocate_lock", "get_ident", "RLock")


class Aside(Protocol):
    """Lets others go on meanwhile."""

    def __call__(self, work: Callable[[], Result], /) -> Result:
        """Return what work returns, or raise what it raises."""
        ...


def here(work: Callable[[], Result], /) -> Result:
    """Do it at once: each request of this process has a thread of its own."""
    return work()


def native_lock() -> AbstractContextManager[bool]:
    """Return a lock that work aside may take: one of the system's threads, whatever stands for threads in this process.

    gevent's own, which `threading.Lock` is in its process, does not always wake a thread that is not the loop's
    (https://github.com/gevent/gevent/issues/1744): whoever waited for it aside waited for ever. Hold it to load or to build,
    never over anything that waits for the loop.
    """
    patched = sys.modules.get("gevent.monkey")
    lock = patched.get_original("threading", "Lock")() if patched else threading.Lock()
    return cast("AbstractContextManager[bool]", lock)


def import_by_native_locks() -> None:
    """Let the imports of gevent's process take such locks, too: work aside may be the first to import something. Not while importing.

    A module that waits for the loop while it is imported would be seen half made by the loop's others; ours do not.
    """
    if patched := sys.modules.get("gevent.monkey"):
        own = {name: patched.get_original("_thread", name) for name in _OF_IMPORTS}
        vars(sys.modules["_frozen_importlib"])["_thread"] = SimpleNamespace(**own)
