"""What a policy would change, tried over stored documents: in numbers, and never what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from appliance.dlp.decisions import Action, Circumstances, Direction
from appliance.dlp.engine import Engine
from appliance.dlp.own.values import NOTHING, OwnRules
from appliance.dlp.values import Finding
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId


class RunState(StrEnum):
    """How far a dry run is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class DryRunForm:
    """Over how many of the newest documents (None: all), and on which way they are thought to be."""

    most: int | None = None
    direction: Direction = Direction.UPLOAD
    is_local: bool = True
    terms: frozenset[str] = frozenset()
    region: str | None = None

    def circumstances(self, labels: frozenset[str], groups: frozenset[UUID]) -> Circumstances:
        """Return those of a document with these labels, uploaded by somebody of these groups."""
        if self.direction is Direction.UPLOAD:
            return Circumstances(self.direction, labels, groups)
        return Circumstances(self.direction, labels, frozenset(), self.is_local, self.terms, self.region)


@dataclass(frozen=True)
class RuleCount:
    """What a rule decides in all documents together, by the policy in force and by the draft.

    `rule_id` None and `is_floor`: the floor; None and not: what no rule fits, and passes.
    """

    rule_id: UUID | None
    name: str
    is_floor: bool
    documents_before: int
    documents_after: int
    findings_before: int
    findings_after: int


@dataclass(frozen=True)
class Move:
    """How many documents would be treated otherwise, from the strictest that was done to the strictest that would be."""

    before: Action
    after: Action
    documents: int


@dataclass(frozen=True)
class DryRun:
    """A dry run of a draft's revision against the version that was in force."""

    run_id: UUID
    revision: int
    against: int
    form: DryRunForm
    requested_by: UUID
    requested_at: datetime
    state: RunState
    looked: int
    unread: int
    changed: int
    ended_at: datetime | None
    rules: tuple[RuleCount, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class DryRunDocument:
    """A document that would be treated otherwise: the strictest that is done, and how many findings get which action."""

    document_id: UUID
    before: Action
    after: Action
    counts_before: Mapping[str, int]
    counts_after: Mapping[str, int]


@dataclass(frozen=True)
class Kept:
    """A stored document, as a dry run needs it."""

    document_id: UUID
    file_id: UUID
    file_name: str
    labels: frozenset[str]
    groups: frozenset[UUID]
    own: OwnRules = NOTHING


class Library(Protocol):
    """Where documents are: a step above this room."""

    def following(self, tx: Tx, after: UUID | None) -> Kept | None:
        """Return the newest document before this one, or None."""

    def findings(self, tenant_id: TenantId, kept: Kept, engine: Engine, least: float) -> Sequence[Finding] | None:
        """Return what is found in it with at least this confidence, hidden texts and names, too, as at an upload; None if it cannot be read whole. Raises ModelMissing."""
