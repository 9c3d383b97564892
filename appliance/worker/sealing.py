"""The audit log's sequencer in the worker, and who goes to its anchors: a thread each, with a role and connections of their own.

Both go on while documents are read and while the queue is stopped; what fails is tried again a moment later. An anchor that
is slow holds up no sealing.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from appliance.assembly import Services, sealing
from appliance.audit import Sealer
from appliance.audit.anchors import Attendant
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger

_SECONDS = 1.0
_ANCHOR_SECONDS = 2.0
_STOP_SECONDS = 10.0
log = logger("sealer")


@contextmanager
def sealed_beside(services: Services) -> Iterator[None]:
    """Seal what is recorded until the block ends; its last entries too."""
    ended = threading.Event()
    with sealing(services) as (sealer, attendant):
        threads = [
            threading.Thread(target=_repeat, args=(partial(_sealed_more, sealer), _SECONDS, ended), name="sealer", daemon=True),
            threading.Thread(target=_repeat, args=(partial(_attended, attendant), _ANCHOR_SECONDS, ended), name="anchors", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join(_STOP_SECONDS)


def _repeat(do: Callable[[], bool], seconds: float, ended: threading.Event) -> None:
    while not ended.is_set():
        if not do():
            ended.wait(seconds)
    do()


def _sealed_more(sealer: Sealer) -> bool:
    """Do one round; say whether the next should follow at once."""
    try:
        return sealer.round().is_full
    except Refusal as refusal:
        log.warning("sealing_waits", code=refusal.code)
    except Exception:
        log.exception("sealing_failed")
    return False


def _attended(attendant: Attendant) -> bool:
    """Go to the anchors once; the next round comes a moment later in any case."""
    try:
        attendant.round()
    except Refusal as refusal:
        log.warning("anchors_wait", code=refusal.code)
    except Exception:
        log.exception("anchors_failed")
    return False
