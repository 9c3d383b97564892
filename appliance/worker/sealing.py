"""The audit log's sequencer in the worker: a thread of its own, with a role and a connection of its own.

It goes on while documents are read and while the queue is stopped; what fails is tried again a second later.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.assembly import Services, sealing
from appliance.audit import Sealer
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger

_SECONDS = 1.0
_STOP_SECONDS = 10.0
log = logger("sealer")


@contextmanager
def sealed_beside(services: Services) -> Iterator[None]:
    """Seal what is recorded until the block ends; its last entries too."""
    ended = threading.Event()
    with sealing(services) as sealer:
        thread = threading.Thread(target=_seal, args=(sealer, ended), name="sealer", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(_STOP_SECONDS)


def _seal(sealer: Sealer, ended: threading.Event) -> None:
    while not ended.is_set():
        if not _sealed_more(sealer):
            ended.wait(_SECONDS)
    _sealed_more(sealer)


def _sealed_more(sealer: Sealer) -> bool:
    """Do one round; say whether the next should follow at once."""
    try:
        return sealer.round().is_full
    except Refusal as refusal:
        log.warning("sealing_waits", code=refusal.code)
    except Exception:
        log.exception("sealing_failed")
    return False
