"""What people see of policies: versions, the draft, what differs between two."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from appliance.dlp.wording import WrittenRule


class DraftState(StrEnum):
    """Being written, or awaiting a second person."""

    DRAFT = "draft"
    AWAITING = "awaiting"


class PolicyState(StrEnum):
    """The newest version is in force; those before it are past."""

    IN_FORCE = "in force"
    PAST = "past"


@dataclass(frozen=True)
class PolicyForm:
    """What a policy says: its rules in order, whether the next one takes two people, and a note for whoever reads the history."""

    rules: tuple[WrittenRule, ...]
    needs_second: bool = False
    note: str = ""


@dataclass(frozen=True)
class Draft:
    """The one policy that is being written. `revision` counts what was saved; `template` is what it was begun from."""

    form: PolicyForm
    revision: int
    template: str
    based_on: int
    drafted_by: UUID
    drafted_at: datetime
    changed_by: UUID
    changed_at: datetime
    asked_by: UUID | None
    asked_at: datetime | None

    @property
    def state(self) -> DraftState:
        """Whether it awaits a second person."""
        return DraftState.AWAITING if self.asked_at else DraftState.DRAFT


@dataclass(frozen=True)
class PolicyVersion:
    """A policy that is or was in force. Version 0 is that of who has said nothing: the floor alone."""

    version: int
    form: PolicyForm
    state: PolicyState
    template: str = ""
    based_on: int = 0
    drafted_by: UUID | None = None
    drafted_at: datetime | None = None
    asked_by: UUID | None = None
    approved_by: UUID | None = None
    in_force_at: datetime | None = None
    past_at: datetime | None = None


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True)
class FieldChange:
    """A field of a rule, and what it said before and says after."""

    field: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class RuleChange:
    """What became of a rule; `before` and `after` are its places in order, from 1."""

    kind: ChangeKind
    rule: WrittenRule
    before: int | None
    after: int | None
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class PolicyChanges:
    """What differs between two policies."""

    rules: tuple[RuleChange, ...]
    needs_second: tuple[bool, bool] | None = None

    def __bool__(self) -> bool:
        return bool(self.rules) or self.needs_second is not None
