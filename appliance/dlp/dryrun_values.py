"""What a policy would change, tried over stored documents, or recent conversations and calls: in numbers, and never what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from appliance.dlp.decisions import Action, Circumstances, Direction
from appliance.dlp.engine import Engine
from appliance.dlp.own.values import NOTHING, OwnRules
from appliance.dlp.values import Category, Finding
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId

FEWEST: Final = 5
"""The least number that is told to somebody who may not read all that was looked at."""


class RunState(StrEnum):
    """How far a dry run is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class DryRunForm:
    """Over how many of the newest documents (None: all), and on which way they are thought to be.

    With `days` over the conversations and kept calls of so many days, as prompts and answers: calls with the contracts and the region
    that they are on record with, conversations as if they went where this says.
    """

    most: int | None = None
    direction: Direction = Direction.UPLOAD
    is_local: bool = True
    terms: frozenset[str] = frozenset()
    region: str | None = None
    days: int | None = None

    def on(self, direction: Direction, groups: frozenset[UUID]) -> Circumstances:
        """Return those of what somebody of these groups asked, or was answered, in a conversation."""
        return Circumstances(direction, frozenset(), groups, self.is_local, self.terms, self.region)

    def circumstances(self, labels: frozenset[str], groups: frozenset[UUID]) -> Circumstances:
        """Return those of a document with these labels, uploaded by somebody of these groups."""
        if self.direction is Direction.UPLOAD:
            return Circumstances(self.direction, labels, groups)
        return Circumstances(self.direction, labels, frozenset(), self.is_local, self.terms, self.region)


@dataclass(frozen=True)
class RuleCount:
    """What a rule decides in all documents together, by the policy in force and by the draft.

    `rule_id` None and `is_floor`: the floor; None and not: what no rule fits, and passes. A number that is None is below `FEWEST`.
    """

    rule_id: UUID | None
    name: str
    is_floor: bool
    documents_before: int | None
    documents_after: int | None
    findings_before: int | None
    findings_after: int | None


@dataclass(frozen=True)
class Move:
    """How many documents would be treated otherwise, from the strictest that was done to the strictest that would be."""

    before: Action
    after: Action
    documents: int


@dataclass(frozen=True)
class Change:
    """How many findings of a category get another action on a way, or the same."""

    direction: Direction
    category: Category
    before: Action
    after: Action
    findings: int


@dataclass(frozen=True)
class DryRun:
    """A dry run of a draft's revision against the version that was in force.

    `call_days`: for how many days the organisation kept what calls say as it began, 0 for not at all; None of a run over documents.
    Unless `is_exact`, `changed` and the numbers of rules, moves and changes are `coarse`.
    """

    run_id: UUID
    revision: int
    against: int
    form: DryRunForm
    requested_by: UUID
    requested_at: datetime
    state: RunState
    looked: int
    unread: int
    changed: int | None
    ended_at: datetime | None
    rules: tuple[RuleCount, ...]
    moves: tuple[Move, ...]
    changes: tuple[Change, ...] = ()
    call_days: int | None = None
    is_exact: bool = True


def coarse(run: DryRun) -> DryRun:
    """Return a run as it is told to somebody who may not read all that was looked at.

    Numbers below five are left out, and others are rounded down to steps of five: exact ones would tell what a single document
    holds. While the run goes on there are no numbers, as each step would tell what the document just looked at adds.
    """
    if run.state is RunState.WAITING:
        return replace(run, changed=None, rules=(), moves=(), changes=(), is_exact=False)
    rules = tuple(
        replace(one, documents_before=_step(one.documents_before), documents_after=_step(one.documents_after),
                findings_before=_step(one.findings_before), findings_after=_step(one.findings_after))
        for one in run.rules
        if max(one.findings_before or 0, one.findings_after or 0) >= FEWEST
    )  # fmt: skip
    moves = tuple(replace(one, documents=many) for one in run.moves if (many := _step(one.documents)))
    changes = tuple(replace(one, findings=many) for one in run.changes if (many := _step(one.findings)))
    return replace(run, changed=_step(run.changed), rules=rules, moves=moves, changes=changes, is_exact=False)


def _step(many: int | None) -> int | None:
    return many // FEWEST * FEWEST or None if many is not None else None


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


class PlaceKind(StrEnum):
    """Where something was said."""

    CONVERSATION = "conversation"
    CALL = "call"


@dataclass(frozen=True)
class DryRunPlace:
    """A conversation or a call that would be treated otherwise, as `DryRunDocument`."""

    place_id: UUID
    kind: PlaceKind
    before: Action
    after: Action
    counts_before: Mapping[str, int]
    counts_after: Mapping[str, int]


@dataclass(frozen=True)
class Heard:
    """A conversation or a kept call, as a dry run needs it. `said` is None where it is not there whole: it may have said anything.

    `sent_along` are a call's documents, None for a part that nobody here reads. `terms` and `region` are those of its provider; of a
    conversation `terms` is None, and neither is looked at.
    """

    place_id: UUID
    kind: PlaceKind
    said: tuple[tuple[Direction, str], ...] | None = field(repr=False)
    groups: frozenset[UUID]
    labels: frozenset[str] = frozenset()
    terms: frozenset[str] | None = None
    region: str | None = None
    own: OwnRules = field(default=NOTHING, repr=False)
    sent_along: tuple[bytes | None, ...] = field(default=(), repr=False)

    def on(self, direction: Direction, form: DryRunForm) -> Circumstances:
        """Return the circumstances of what was said on this way."""
        if self.terms is None:
            return form.on(direction, self.groups)
        return Circumstances(direction, self.labels, self.groups, is_local=False, terms=self.terms, region=self.region)


class Traffic(Protocol):
    """Where conversations and calls are: a step above this room."""

    def following(self, tx: Tx, since: datetime, kind: PlaceKind | None, after: UUID | None) -> Heard | None:
        """Return what comes after this conversation or call: conversations first, the newest first, and nothing from before `since`."""

    def read(self, sent_along: Sequence[bytes | None]) -> Sequence[tuple[str, bool]]:
        """Return what each part says, the same document once, and whether that is all of it. Takes seconds."""
