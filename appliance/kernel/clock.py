"""The only source of time. Aware, UTC."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What rooms ask for the time, so that tests can move it."""

    def now(self) -> datetime: ...


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
