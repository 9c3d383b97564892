"""Where long computing is done: at once, or, in a process whose requests share one thread, in another beside it.

Whoever computes for more than a moment is given an `Aside` by whoever builds the house. What is handed over computes and does
nothing else: it opens no transaction and waits for nobody.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class Aside(Protocol):
    """Lets others go on meanwhile."""

    def __call__(self, work: Callable[[], Result], /) -> Result:
        """Return what work returns, or raise what it raises."""
        ...


def here(work: Callable[[], Result], /) -> Result:
    """Do it at once: each request of this process has a thread of its own."""
    return work()
