"""Streams: where a log is sent to as it is sealed, and how far each is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from appliance.audit.ocsf import Place
from appliance.audit.sinks.choosing import EVERYTHING, Choice
from appliance.audit.values import Entry
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import SealedColumn

SEALED: Final = SealedColumn("audit_sinks", "sealed", ("sink_id",), ("uuid",))


class SinkKind(StrEnum):
    """What is spoken there."""

    SYSLOG = "syslog"
    """RFC 5424 over TLS (RFC 5425), the message is OCSF."""
    CEF = "cef"
    """The same, the message is in ArcSight's Common Event Format."""
    WEBHOOK = "webhook"
    """HTTP POST, signed as Standard Webhooks has it."""
    SPLUNK = "splunk"
    """Splunk's HTTP Event Collector."""
    ELASTIC = "elastic"
    """The bulk interface of Elasticsearch and OpenSearch."""
    S3 = "s3"
    """Objects in a bucket, locked against change."""
    FOLDER = "folder"
    """Files of JSON lines on this host. The operator's alone."""


class Scope(StrEnum):
    """Whose entries are sent."""

    OWN = "own"
    """The log of whom the stream belongs to."""
    ALL = "all"
    """Every organisation's, and the platform's own. The operator's alone."""


@dataclass(frozen=True)
class SinkForm:
    """A new stream. `secret` is None where the kind knows none; `is_whole`: from the log's beginning, else from now."""

    name: str
    kind: SinkKind
    url: str
    secret: str | None = field(default=None, repr=False)
    region: str | None = None
    retain_days: int | None = None
    scope: Scope = Scope.OWN
    is_whole: bool = False
    choice: Choice = EVERYTHING


@dataclass(frozen=True)
class Sink:
    """A stream as it is shown: everything but its secret. `waiting` entries are not there yet, the oldest since `behind_since`."""

    sink_id: UUID
    name: str
    kind: SinkKind
    url: str
    region: str | None
    retain_days: int | None
    scope: Scope
    since: datetime | None
    last_four: str
    is_paused: bool
    created_by: UUID | None
    created_at: datetime
    sent: int
    sent_at: datetime | None
    failures: int
    failed_at: datetime | None
    failure: str | None
    next_try_at: datetime
    waiting: int = 0
    behind_since: datetime | None = None
    letters: int = 0
    choice: Choice = EVERYTHING


@dataclass(frozen=True)
class Letter:
    """An entry that a peer did not take, and why. It lies in the log as before; only the stream left it out."""

    letter_id: UUID
    log_id: UUID
    position: int
    event_id: UUID
    event: str
    reason: str
    kept_at: datetime
    is_again: bool


@dataclass(frozen=True)
class Destination:
    """What a peer needs to know of its stream. `secret` is the plain text, or empty."""

    sink_id: UUID
    kind: SinkKind
    url: str
    region: str | None = None
    retain_days: int | None = None


@dataclass(frozen=True)
class Sealed:
    """An entry with its place in the log and its exact bytes. `entry` is None where those cannot be read.

    `position` is None for what is sent to try a stream: it lies in no log.
    """

    position: int | None
    event_id: UUID
    event: str
    at: datetime
    body: bytes
    entry: Entry | None


@dataclass(frozen=True)
class Batch:
    """Entries of one log that are sent together, in the log's order."""

    place: Place
    entries: Sequence[Sealed]


@dataclass(frozen=True)
class Refused:
    """An entry that the peer will not take, and its reason, which is shown. `is_certain`: we know it without the peer."""

    entry: Sealed
    reason: str
    is_certain: bool = False


@dataclass(frozen=True)
class Stream:
    """One log as one stream sends it."""

    tenant_id: TenantId
    sink_id: UUID
    log_id: TenantId
