"""One parent for web and worker, and for what they need below them.

Each child has a session of its own, so that Ctrl-C reaches this parent alone and the stop is orderly; each gets
SIGTERM when this parent is killed (PR_SET_PDEATHSIG), so that nothing outlives it. What dies is started again, slower
each time. While the house starts, a child that dies five times within seconds ends it with a message; once it was
ready it is tried for as long as it takes, and what still stands goes on: people keep their pages while the worker or
a full disk is mended.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.ops.errors import CannotStart

STOP_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
_HASTY_SECONDS = 10.0
_HASTY_DEATHS = 5
_LONGEST_WAIT = 30.0
_PULSE = 0.2


@dataclass
class Child:
    """A program of ours, and its life so far."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    hasty_deaths: int = 0
    start_after: float = 0.0


class Supervisor:
    """Starts, watches, restarts and stops."""

    def __init__(
        self, children: Sequence[Child], *, postgres: EmbeddedPostgres | None, say: Callable[[str], None]
    ) -> None:
        self._children, self._postgres, self._say = children, postgres, say
        self._is_stopping, self._was_ready = False, False
        self._database_failures, self._database_after = 0, 0.0

    def start(self) -> None:
        """Start every child, and take over the signals that stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for child in self._children:
            _spawn(child)

    def await_ready(self, is_ready: Callable[[], bool], *, seconds: float) -> None:
        """Keep everything running until it is ready, a stop is asked for, or the time is over. Raises CannotStart."""
        limit = time.monotonic() + seconds
        while not self._is_stopping and not is_ready():
            if time.monotonic() >= limit:
                raise CannotStart(
                    f"Web and worker did not become ready within {seconds:.0f} seconds. Their reasons are above; "
                    "`appliance doctor` looks for more."
                )
            self._look_after_all()
        self._was_ready = True

    def watch(self) -> None:
        """Keep everything running until a stop is asked for."""
        while not self._is_stopping:
            self._look_after_all()

    @property
    def is_stopping(self) -> bool:
        return self._is_stopping

    def stop(self) -> None:
        """Stop the children in order, then the database."""
        self._is_stopping = True
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        limit = time.monotonic() + STOP_SECONDS
        for child in self._children:
            if child.process is not None:
                _await_end(child.process, limit - time.monotonic())
        if self._postgres is not None:
            self._postgres.stop()

    def _look_after_all(self) -> None:
        if self._postgres is not None:
            self._look_after_database(self._postgres)
        for child in self._children:
            self._look_after(child)
        time.sleep(_PULSE)

    def _look_after_database(self, postgres: EmbeddedPostgres) -> None:
        if postgres.is_running:
            self._database_failures = 0
        elif time.monotonic() >= self._database_after:
            self._say("The database stopped; starting it again.")
            try:
                postgres.start()
            except CannotStart as refused:
                if not self._was_ready:
                    raise
                self._database_failures += 1
                self._database_after = time.monotonic() + _wait(self._database_failures)
                self._say(str(refused))

    def _look_after(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.start_after:
                _spawn(child)
            return
        status = child.process.poll()
        if status is None:
            return
        lived = time.monotonic() - child.started
        child.hasty_deaths = child.hasty_deaths + 1 if lived < _HASTY_SECONDS else 0
        if child.hasty_deaths >= _HASTY_DEATHS and not self._was_ready:
            raise CannotStart(
                f"The {child.name} process ends as soon as it starts (status {status}). Its reason is above."
            )
        child.process = None
        child.start_after = time.monotonic() + _wait(child.hasty_deaths)
        self._say(f"The {child.name} process ended (status {status}); starting it again.")

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_stopping:  # a second Ctrl-C: no more patience
            for child in self._children:
                if child.process is not None and child.process.poll() is None:
                    child.process.kill()
        self._is_stopping = True


def stop_with_parent() -> None:
    """Ask the kernel for SIGTERM when the process that started this one ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _spawn(child: Child) -> None:
    parent = os.getpid()
    libc = ctypes.CDLL(None)

    def before_program() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    child.process = subprocess.Popen(
        child.argv,
        env=dict(child.environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=before_program,  # noqa: PLW1509 - this process has one thread
    )
    child.started = time.monotonic()


def _wait(failures: int) -> float:
    return float(min(0.2 * 2**failures, _LONGEST_WAIT))


def _await_end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        process.wait(max(seconds, 0.1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
