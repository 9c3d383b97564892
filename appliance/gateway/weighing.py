"""In which order the models behind a name are tried: those with a weight share the calls, the others come after them, in turn.

The order is drawn anew for each call, without putting back (Efraimidis and Spirakis, 2006). So where the first of them does not
answer, or its key is left alone for a while, its share goes to the others as they are weighed.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

One = TypeVar("One")


def drawn(weighed: Sequence[tuple[One, int | None]], *, chance: Callable[[], float] | None = None) -> tuple[One, ...]:
    """Return them in the order in which they are tried."""
    if all(weight is None for _, weight in weighed):
        return tuple(one for one, _ in weighed)
    turn = chance or random.random
    found = [(_late(weight, turn()), one) for one, weight in weighed]
    return tuple(one for _, one in sorted(found, key=lambda drawn: drawn[0]))


def _late(weight: int | None, chance: float) -> float:
    return math.inf if weight is None else -math.log(1 - chance) / weight
