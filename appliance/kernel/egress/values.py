"""What is asked, of whom, and for how long."""

import time
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.kernel.egress.errors import AnswerTimedOut


@dataclass(frozen=True)
class Timeouts:
    """Seconds for each stage. Connecting includes the look-up, the proxy and TLS; the first byte, the answer's whole head."""

    connect: float = 10.0
    write: float = 60.0
    first_byte: float = 120.0
    between: float = 60.0
    whole: float | None = 900.0


@dataclass(frozen=True)
class Outgoing:
    """One request. Host, Content-Length and what else frames a message are written by egress and may not be given.

    `answer_limit` is in bytes of the answer's body. `is_repeatable`: doing it twice is as good as once, though its method does
    not say so; it is sent again where a kept connection ended as it was sent. Headers are shown nowhere: they carry keys.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    timeouts: Timeouts = Timeouts()
    answer_limit: int | None = None
    is_repeatable: bool = False


@dataclass(frozen=True)
class Peer:
    """Whom a connection leads to: the host, and the address and port connected to, which are the proxy's if there is one."""

    host: str
    address: str
    port: int
    is_proxy: bool = False


class Stage(StrEnum):
    """What a call is at."""

    CONNECT = "connecting"
    WRITE = "sending"
    FIRST_BYTE = "waiting for the answer"
    BETWEEN = "in the middle of the answer"
    WHOLE = "all in all"


class Pace:
    """The time that one call has: for its stage, and in all."""

    def __init__(self, host: str, timeouts: Timeouts) -> None:
        self._host = host
        self._seconds = {
            Stage.CONNECT: timeouts.connect,
            Stage.WRITE: timeouts.write,
            Stage.FIRST_BYTE: timeouts.first_byte,
            Stage.BETWEEN: timeouts.between,
        }
        self._whole = timeouts.whole
        self._end = None if timeouts.whole is None else time.monotonic() + timeouts.whole
        self._stage, self._until = Stage.CONNECT, 0.0
        self.begin(Stage.CONNECT)

    def begin(self, stage: Stage) -> None:
        """Start a stage's time."""
        self._stage, self._until = stage, time.monotonic() + self._seconds[stage]

    def left(self) -> float:
        """Return the seconds left. Raises AnswerTimedOut if there are none."""
        until = self._until if self._end is None else min(self._until, self._end)
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise self.late()
        return seconds

    def late(self) -> AnswerTimedOut:
        """Return what to raise when the time is over."""
        stage, seconds = self._stage, self._seconds[self._stage]
        if self._end is not None and self._whole is not None and self._end <= self._until:
            stage, seconds = Stage.WHOLE, self._whole
        return AnswerTimedOut(host=self._host, seconds=f"{seconds:g}", stage=stage.value)
