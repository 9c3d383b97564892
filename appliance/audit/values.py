"""What an audit entry is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from appliance.audit.events import Event
from appliance.kernel.ids import TenantId

PLATFORM: Final = TenantId(UUID(int=0))
"""The platform's own log: what happens before, or outside, any organisation."""
LOGS: Final = TenantId(UUID(int=1))
"""The log of logs: its entries are the checkpoints of all other logs. It is no organisation."""


class ActorKind(StrEnum):
    OPERATOR = "operator"
    SYSTEM = "system"
    USER = "user"


class Outcome(StrEnum):
    FAILURE = "failure"
    REFUSED = "refused"
    SUCCESS = "success"


@dataclass(frozen=True)
class Actor:
    """Who did it, and from where."""

    kind: ActorKind
    id: UUID | None = None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Entry:
    """One recorded event, as read back."""

    event_id: UUID
    event: str
    at: datetime
    actor: Actor
    outcome: Outcome
    subject: str | None
    facts: Mapping[str, str | int]


@dataclass(frozen=True)
class EntryFilter:
    """Which entries. `actors`: who did it; an empty set lets nothing through, None everything. `until` is not included."""

    event: Event | None = None
    actors: frozenset[UUID] | None = None
    since: datetime | None = None
    until: datetime | None = None
    subject: UUID | None = None
    kinds: frozenset[Event] | None = None


class ExportState(StrEnum):
    EXPIRED = "expired"
    FAILED = "failed"
    READY = "ready"
    WAITING = "waiting"
    WRITING = "writing"


@dataclass(frozen=True)
class Wanted:
    """What a package shall hold. The period chooses a range; what the rest does not choose is withheld, and counted."""

    since: datetime | None = None
    until: datetime | None = None
    kinds: frozenset[Event] | None = None
    actors: frozenset[UUID] | None = None
    subject: UUID | None = None
    earlier: str | None = None
    """A checkpoint that the reader has from before; the package links it to the log."""

    def chosen(self) -> dict[str, str | list[str]]:
        """Return what is asked of the entries, as the manifest says it; empty where nothing is withheld."""
        found: dict[str, str | list[str]] = {}
        if self.kinds is not None:
            found["events"] = sorted(one.value for one in self.kinds)
        if self.actors is not None:
            found["actors"] = sorted(map(str, self.actors))
        if self.subject is not None:
            found["subject"] = str(self.subject)
        return found

    def period(self) -> dict[str, str]:
        """Return the period as the manifest says it; an end that is not there is open."""
        ends = {"since": self.since, "until": self.until}
        return {name: moment.isoformat() for name, moment in ends.items() if moment is not None}


@dataclass(frozen=True)
class Export:
    """A package that somebody asked for. `done` of `total` entries were written."""

    export_id: UUID
    requested_by: UUID | None
    requested_at: datetime
    state: ExportState
    chosen: Mapping[str, str | list[str]]
    period: Mapping[str, str]
    done: int
    total: int
    size: int | None
    digest: str | None
    byte_count: int | None
    ready_at: datetime | None


@dataclass(frozen=True)
class LogState:
    """An organisation's log as it was signed last; `waiting` entries are not sealed yet."""

    origin: str
    size: int
    root: str
    checkpoint: str
    sealed_at: datetime
    keys: tuple[str, ...]
    waiting: int
