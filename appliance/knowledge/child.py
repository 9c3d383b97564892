"""One parser: a confined process for one file. It takes bytes, and gives an answer that nobody has checked yet."""

import json
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from appliance.knowledge.unreadable import UnreadableDocument

_ROOM = Path(__file__).parent
# `-I` ignores the environment and the working directory; the parser is the only package that is added.
_START = "import sys, runpy; sys.path.append(sys.argv.pop(1)); sys.argv[0] = 'parser'; runpy.run_module('parser', run_name='__main__', alter_sys=True)"
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Answer:
    """What a parser said, and the file behind it that holds what it found inside; open as long as the context is.

    Files come first in it, then pictures.
    """

    said: dict[str, Any]
    cpu_seconds: float
    _descriptor: int
    _start: int
    _end: int

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files that were inside, one in memory at a time. Raises ValueError where the sizes are a lie."""
        for entry, place, size in self._places("attached"):
            yield str(entry["name"]), _read(self._descriptor, size, place)

    def pictures(self) -> list["Picture"]:
        """Return the pictures that stand in the document. Raises ValueError where their sizes are a lie."""
        return [
            Picture(str(entry["name"]), str(entry["kind"]), entry["is_large"] is not False, place, size)
            for entry, place, size in self._places("pictures")
        ]

    def content_of(self, picture: "Picture") -> bytes:
        """Return a picture's bytes."""
        return _read(self._descriptor, picture.size, picture.place)

    def _places(self, wanted: str) -> Iterator[tuple[dict[str, Any], int, int]]:
        place = self._start
        for kind in ("attached", "pictures"):
            for entry in self.said.get(kind, ()):
                size = entry["size"]
                if not isinstance(size, int) or not 0 <= size <= self._end - place:
                    raise ValueError("not a file that is there")
                if kind == wanted:
                    yield entry, place, size
                place += size


@dataclass(frozen=True)
class Picture:
    """A picture that a parser found, and where its bytes are. `is_large`: it may be a page, a card or a passport."""

    name: str
    kind: str
    is_large: bool
    place: int
    size: int


@contextmanager
def ask(
    kind: str,
    content: bytes,
    *,
    cpu_seconds: int,
    memory_bytes: int,
    wall_seconds: float,
    options: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[Answer]:
    """Let a new parser read the content. Raises UnreadableDocument when it ends in any other way than by answering."""
    # Memory files instead of pipes: nothing to deadlock on, and the child's output is bounded by RLIMIT_FSIZE.
    with _memory_file("text") as taken:
        with _memory_file("content") as given:
            _write(given, content)
            os.lseek(given, 0, os.SEEK_SET)
            child = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-c",
                    _START,
                    str(_ROOM),
                    kind,
                    str(cpu_seconds),
                    str(memory_bytes),
                    str(os.getpid()),
                    json.dumps(dict(options)),
                ],
                stdin=given,
                stdout=taken,
                stderr=subprocess.DEVNULL,
                env={"OMP_THREAD_LIMIT": "1"},  # text recognition would start threads, which the filter refuses
                cwd="/",
                start_new_session=True,
            )
            status, spent = _wait(child, wall_seconds)
        if status != 0:
            raise UnreadableDocument(_code_of(status), cpu_seconds=spent)
        end = os.fstat(taken).st_size
        length = _LENGTH.unpack(_read(taken, 8, 0))[0] if end >= _LENGTH.size else end
        try:
            said = json.loads(_read(taken, min(length, end), _LENGTH.size))
        except (ValueError, RecursionError) as error:
            raise UnreadableDocument("damaged", cpu_seconds=spent) from error
        yield Answer(said if isinstance(said, dict) else {}, spent, taken, _LENGTH.size + length, end)


def _wait(child: "subprocess.Popen[bytes]", seconds: float) -> tuple[int, float]:
    """Wait for the end, and make one after the time; return the exit code and the processor seconds."""
    is_late = True
    try:
        watched = os.pidfd_open(child.pid)
        try:
            poll = select.poll()
            poll.register(watched, select.POLLIN)
            is_late = not poll.poll(max(0.0, seconds) * 1000)
        finally:
            os.close(watched)
    finally:
        if is_late:
            child.kill()
        spent = _end_of(child)
    return -signal.SIGXCPU if is_late else child.returncode, spent


def _end_of(child: "subprocess.Popen[bytes]") -> float:
    """Take its exit code; return its processor seconds, 0 where the server of greenlets that this runs in took them first."""
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except ChildProcessError:
        child.wait()
        return 0.0
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _code_of(status: int) -> str:
    if status == -signal.SIGXCPU:
        return "time_limit"
    if status == -signal.SIGXFSZ:
        return "too_much_text"
    # pdfium ends the process when an allocation fails: abort, trap or illegal instruction. SIGKILL is the kernel's own
    # answer when the host's memory is spent; our time limit ends as SIGXCPU.
    out_of_memory = {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL, -signal.SIGKILL}
    return "memory_limit" if status in out_of_memory else "damaged"


@contextmanager
def _memory_file(name: str) -> Iterator[int]:
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read(descriptor: int, size: int, place: int) -> bytes:
    parts = []
    while size > 0 and (part := os.pread(descriptor, size, place)):
        parts.append(part)
        size, place = size - len(part), place + len(part)
    return b"".join(parts)
