"""Files of JSON lines on this host, one a log and day: FOLDER/LOG/2026-11-27.jsonl, for a collector that reads files."""

import os
from collections.abc import Sequence
from typing import Final

from appliance.audit.sinks.errors import PeerFailed
from appliance.audit.sinks.peers.kit import Kit, line, ocsf
from appliance.audit.sinks.values import Batch, Destination, Refused
from appliance.kernel.secret import Secret

_SPARE_BYTES: Final = 1024 * 1024 * 1024
_END: Final = b"\n"


def send(kit: Kit, to: Destination, _secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Append a batch, and return once the disk has it. It stops before the disk is full: the house needs the rest."""
    directory = kit.folder / to.url / str(batch.place.tenant_id)
    path = directory / f"{kit.clock.now():%Y-%m-%d}.jsonl"
    content = "".join(line(ocsf(one, batch.place)) + "\n" for one in batch.entries).encode()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        room = os.statvfs(directory)
        if room.f_bavail * room.f_frsize < _SPARE_BYTES + len(content):
            raise PeerFailed(reason="less than 1 GB is free on that disk")
        _append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640), content)
        _keep_names(os.open(directory, os.O_RDONLY))
    except OSError as error:
        raise PeerFailed(reason=(error.strerror or type(error).__name__).lower()) from None
    return ()


def _append(file: int, content: bytes) -> None:
    try:
        end = os.lseek(file, 0, os.SEEK_END)
        if end and os.pread(file, 1, end - 1) != _END:
            end = _end_of_lines(file, end)  # a write that was cut off: its entries come again, whole
            os.ftruncate(file, end)
        view = memoryview(content)
        while view:
            written = os.pwrite(file, view, end)
            view, end = view[written:], end + written
        os.fsync(file)
    finally:
        os.close(file)


def _end_of_lines(file: int, end: int) -> int:
    """Return where the last whole line ends."""
    while end:
        start = max(0, end - 65_536)
        found = os.pread(file, end - start, start).rfind(_END)
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _keep_names(directory: int) -> None:
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
