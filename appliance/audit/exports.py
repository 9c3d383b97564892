"""The whole log as a file that `python -m appliance.proof` checks offline. Asking for permission is the caller's part."""

import tempfile
from collections.abc import Iterator
from typing import IO

from appliance.audit.events import Event
from appliance.audit.inbox import record
from appliance.audit.queries import iterate_bodies
from appliance.audit.values import Actor
from appliance.kernel.db import Tx
from appliance.proof.export import lines

_IN_MEMORY = 8_000_000


def export_lines(tx: Tx, actor: Actor) -> Iterator[str]:
    """Yield the lines of an export, the oldest entry first; it is an event in the log and in the export."""
    record(tx, actor, Event.LOG_EXPORTED)
    for line in lines(iterate_bodies(tx)):
        yield line + "\n"


def export_file(tx: Tx, actor: Actor) -> Iterator[str]:
    """Write an export whole, and return its lines to be sent: a slow reader must not hold the transaction."""
    # The file has no name to open.
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, mode="w+", encoding="utf-8")  # noqa: SIM115 - _sent closes it
    try:
        kept.writelines(export_lines(tx, actor))
    except BaseException:
        kept.close()
        raise
    return _sent(kept)


def _sent(kept: IO[str]) -> Iterator[str]:
    with kept:
        kept.seek(0)
        yield from kept
