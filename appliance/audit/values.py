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
