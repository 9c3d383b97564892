"""When Python looks for cycles of garbage: not while a process loads what it keeps for good.

Measured: looking through what had just been loaded, again and again, was a sixth of what a start took of the processor. And a
full look at all of it, later, held a request up for 80 ms and more, whichever came at that moment; without what was loaded, for 5.
"""

import gc


def pause() -> None:
    """Stop looking, until `settle`. For the beginning of a process."""
    gc.disable()


def settle() -> None:
    """Look once, leave what is there out of sight from now on, and look at what comes as Python does."""
    gc.collect()
    gc.freeze()
    gc.enable()
