"""Where tests write: in memory, where the host has enough of it.

A database of a test's own is 700 files. On a disk's file system making and removing them costs 0.4 s of processor, in
memory 0.04. TMPDIR decides for whoever has set it.
"""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest and tempfile make directories of our own in it
ENOUGH = 6 << 30


def writes_in_memory() -> None:
    """Let this process, and every one that it starts, have its temporary files in memory."""
    if "TMPDIR" not in os.environ and _is_fit():
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def opens_to_all(directory: Path) -> None:
    """Let every account come to a directory of a test, which is made for one alone."""
    for path in (directory, *directory.parents):
        if path.is_relative_to(tempfile.gettempdir()) and path != Path(tempfile.gettempdir()):
            path.chmod(0o755)


def _is_fit() -> bool:
    if not os.access(MEMORY, os.W_OK):
        return False
    found = os.statvfs(MEMORY)  # whose size is a limit, and no promise that the host has as much left
    return not found.f_flag & os.ST_NOEXEC and min(found.f_bavail * found.f_frsize, _available()) >= ENOUGH


def _available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
