from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from appliance import dlp
from appliance.dlp import Action, Category, Family
from appliance.knowledge.values import CollectionId, DocumentId


class Spot(StrEnum):
    """Where in a document a finding stands. `rest` stands for all of one rule that are more than are listed."""

    NAME = "name"
    TITLE = "title"
    PART = "part"
    TEXT = "text"
    HIDDEN = "hidden"
    REST = "rest"


class Resolution(StrEnum):
    """What a reviewer decides on a finding: it may stay, it is removed, or the whole file is."""

    RELEASE = "release"
    REDACT = "redact"
    REJECT = "reject"


class Attestation(StrEnum):
    """Whether whoever uploads is asked to say that they would post it on the organisation's internal wiki."""

    OFF = "off"
    ASKED = "asked"
    REQUIRED = "required"


STATEMENT = "I would post this on our internal wiki."


@dataclass(frozen=True)
class ScreeningSettings:
    """What an organisation demands of uploads, and of who reviews what was found in them.

    `needs_second`: what is released takes a second person's word.
    """

    attestation: Attestation = Attestation.OFF
    needs_second: bool = False


@dataclass(frozen=True)
class Place:
    """Characters start to end of one of a document's texts; of `text` and `hidden`, of all of it one block after the other."""

    spot: Spot
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True)
class Sighting:
    """A finding at its place, masked with what is around it, and what is to become of it."""

    place: Place
    category: Category
    rule: str
    confidence: float
    through: str
    excerpt: str
    action: Action
    policy_rule: UUID | None = None
    times: int = 1


@dataclass(frozen=True)
class Past:
    """What a reviewer decided on an earlier finding of the same file, for good."""

    place: Place
    category: Category
    rule: str
    resolution: Resolution


@dataclass(frozen=True)
class Terms:
    """By what a file is judged: the policy and the own rules in force, the circumstances, and what was decided on it before."""

    policy: dlp.Policy
    now: dlp.Circumstances
    own: dlp.OwnRules = dlp.NOTHING
    past: tuple[Past, ...] = ()
    is_waived: bool = False
    """Whether somebody released it before findings were on record: then, without a policy, nothing holds it."""


@dataclass(frozen=True)
class Finding:
    """A finding as people see it. `excerpt` is None for whoever may not review: it shows, masked, what is around it."""

    finding_id: UUID
    document_id: DocumentId
    category: Category
    family: Family
    rule: str
    place: Spot
    page: int | None
    times: int
    confidence: float
    through: str
    action: Action
    policy_version: int
    engine_version: str
    found_at: datetime
    excerpt: str | None
    resolution: Resolution | None
    resolved_by: UUID | None
    resolved_by_name: str
    resolved_at: datetime | None
    confirmed_by_name: str
    confirmed_at: datetime | None
    reason: str | None
    is_mistaken: bool
    is_open: bool


@dataclass(frozen=True)
class Waiting:
    """A document that waits for a reviewer, with its findings that are open."""

    document_id: DocumentId
    collection_id: CollectionId
    title: str
    version: int
    uploaded_by_name: str
    uploaded_at: datetime
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """What was found in a document's newest file, what was done about it, by whom, and with which versions.

    `scanned_at` is None of what was read before findings were kept, or is not read yet.
    """

    document_id: DocumentId
    version: int
    policy_version: int | None
    own_version: int | None
    engine_version: str | None
    action: Action | None
    found: int
    removed: int
    is_checked: bool
    scanned_at: datetime | None
    attested_by_name: str
    attested_at: datetime | None
    statement: str | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Covered:
    """How many searchable documents were looked at with these versions; None: before findings were kept."""

    policy_version: int | None
    own_version: int | None
    engine_version: str | None
    documents: int
    is_current: bool


@dataclass(frozen=True)
class Coverage:
    """With what documents were looked at, and with what they would be looked at now."""

    policy_version: int
    own_version: int
    engine_version: str
    current: int
    total: int
    is_running: bool
    by_version: tuple[Covered, ...]
