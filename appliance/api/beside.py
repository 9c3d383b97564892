"""Long computing beside gevent's loop, so that greenlets go on meanwhile (kernel.computing.Aside)."""

import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from appliance.kernel.computing import import_by_native_locks

Result = TypeVar("Result")
_COMPUTING: Final = 4
"""How much is computed at a time beside the loop."""


class Beside:
    """Built in the loop's thread. Its threads are its own: gevent's common ones look names up, and would wait."""

    def __init__(self) -> None:
        from gevent.threadpool import ThreadPool  # type: ignore[import-untyped]  # it has no types; and only where it is the server

        import_by_native_locks()
        self._loop, self._threads = threading.get_native_id(), cast("Any", ThreadPool(_COMPUTING))

    def __call__(self, work: Callable[[], Result], /) -> Result:
        """Return what work returns, or raise what it raises. Within such work it is done at once."""
        if threading.get_native_id() != self._loop:
            return work()
        return cast("Result", self._threads.apply(work))
