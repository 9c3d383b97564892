"""What an audit entry is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
STRANGERS: Final = UUID(int=0)
"""Whom personal values are about that belong to nobody known, as the address of a sign-in that failed."""


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
    session: str | None = None
    """Which of their sessions, by a short digest: enough to tell them apart, not to find one."""

    @property
    def unplaced(self) -> "Actor":
        """The same without the address: for what follows from an act whose own entry says from where it was."""
        return Actor(self.kind, self.id, None, self.request_id, self.session)


class Lack(StrEnum):
    """Why a personal value is not shown."""

    AWAY = "away"
    """The key to it is not available now."""
    ERASED = "erased"
    """The key to it was destroyed on purpose."""
    LOST = "lost"
    """What opens it was never kept, for want of a key, or is not there, or does not fit: somebody may have had a hand in the database."""
    WITHHELD = "withheld"
    """Whoever asked for a package asked for it without."""


@dataclass(frozen=True)
class Entry:
    """One recorded event, as read back. `undisclosed`: personal values that it had, by their names, and why they are not shown."""

    event_id: UUID
    event: str
    at: datetime
    actor: Actor
    outcome: Outcome
    subject: str | None
    facts: Mapping[str, str | int]
    commitments: Mapping[str, str] = field(default_factory=dict)
    undisclosed: Mapping[str, Lack] = field(default_factory=dict)


@dataclass(frozen=True)
class EntryFilter:
    """Which entries. `actors`: who did it; an empty set lets nothing through, None everything. `until` is not included."""

    event: Event | None = None
    actors: frozenset[UUID] | None = None
    since: datetime | None = None
    until: datetime | None = None
    subject: UUID | None = None
    kinds: frozenset[Event] | None = None


class Every(StrEnum):
    MONTH = "month"
    WEEK = "week"


@dataclass(frozen=True)
class Room:
    """What an organisation's packages may take of the disk, and for how long one lies there."""

    most_bytes: int = 10_000_000_000
    days: int = 7


@dataclass(frozen=True)
class RoomUsed:
    """How much of it is taken."""

    used_bytes: int
    most_bytes: int
    days: int


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
    sealed_to: str | None = None
    """A public key of age, or a certificate: the package is sealed to it."""
    with_ocsf: bool = False
    """Whether the entries are in it as events of OCSF, too."""
    is_personal: bool = True
    """Whether personal values are disclosed, as far as they were not erased."""

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
    """A package that somebody asked for. `done` of `total` entries were written. `sealed_to` names who alone can open it."""

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
    sealed_to: str | None
    schedule_id: UUID | None = None
    delivered_at: datetime | None = None
    tries: int = 0
    """How often a place did not take it; `failure` says why it did not the last time."""
    failure: str | None = None
    next_try_at: datetime | None = None

    @property
    def place_name(self) -> str:
        """What it is called where it is put: of which period it is; the id tells two schedules' packages apart."""
        since, until = self.period["since"][:10], self.period["until"][:10]
        return f"audit-log-{since}-{until}-{str(self.export_id)[-12:]}{suffix_of(self.sealed_to)}"

    @property
    def file_name(self) -> str:
        """What the file is called when it is taken away."""
        return f"audit-log-{self.requested_at:%Y-%m-%d}-{self.size}{suffix_of(self.sealed_to)}"


class PlaceKind(StrEnum):
    FOLDER = "folder"
    """The folder of this host that its operator named."""
    S3 = "s3"
    SFTP = "sftp"


@dataclass(frozen=True)
class Place:
    """A place as it is shown: everything but its secret. `public_key` is the line for authorized_keys, where a key was made here."""

    kind: PlaceKind
    url: str | None = None
    account: str | None = None
    host_key: str | None = None
    region: str | None = None
    retain_days: int | None = None
    last_four: str = ""
    public_key: str | None = None


@dataclass(frozen=True)
class Schedule:
    """Packages that are made by themselves, of each period when it is over."""

    schedule_id: UUID
    every: Every
    chosen: Mapping[str, str | list[str]]
    sealed_to: str | None
    created_by: UUID | None
    created_at: datetime
    next_at: datetime
    place: Place = Place(PlaceKind.FOLDER)


def suffix_of(sealed_to: str | None) -> str:
    """Return how the name of a package ends that is sealed to somebody, or to nobody."""
    if sealed_to is None:
        return ".zip"
    return ".zip.age" if sealed_to.startswith("age1") else ".zip.p7m"


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
    short: str
    """The checkpoint as a person can print and type it."""
