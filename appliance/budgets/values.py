from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from appliance.identity import Caller, GroupId


class SubjectKind(StrEnum):
    """Whose calls count."""

    ORGANISATION = "organisation"
    GROUP = "group"
    PERSON = "person"
    KEY = "key"
    MODEL = "model"


class Unit(StrEnum):
    """What is counted: tokens, or money in millionths of a currency."""

    TOKENS = "tokens"
    MONEY = "money"


class Period(StrEnum):
    """When a budget begins anew (UTC)."""

    DAY = "day"
    MONTH = "month"

    def begins(self, now: datetime) -> datetime:
        """Return when the period that this moment is in began."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return day if self is Period.DAY else day.replace(day=1)


class Unpriced(StrEnum):
    """What a budget of money does with calls to a model that has no price in its currency."""

    REFUSED = "refused"
    PASSED = "passed"


@dataclass(frozen=True)
class Subject:
    """Whose calls count. A person or a key without an id is each of them by itself, unless one has its own; a model goes by its name."""

    kind: SubjectKind
    id: UUID | None = None
    name: str | None = None


@dataclass(frozen=True)
class Limits:
    """Above `soft`, people are warned; nothing goes above `hard`. At least one of the two is set."""

    soft: int | None
    hard: int | None


@dataclass(frozen=True)
class BudgetForm:
    """A budget as somebody wants it."""

    name: str
    subject: Subject
    unit: Unit
    period: Period
    limits: Limits
    currency: str | None = None
    unpriced: Unpriced = Unpriced.REFUSED


@dataclass(frozen=True)
class Budget:
    """A budget, and who set it."""

    budget_id: UUID
    form: BudgetForm
    set_by: UUID
    set_at: datetime


@dataclass(frozen=True)
class Standing:
    """What this period used of a budget. Of one for each person or key: of whoever used most of it, whom `id` names."""

    budget: Budget
    used: int = 0
    reserved: int = 0
    id: UUID | None = None

    @property
    def counted(self) -> int:
        """What calls used, and what those under way may use."""
        return self.used + self.reserved

    @property
    def is_warned(self) -> bool:
        """Say whether it stands above its soft limit."""
        soft = self.budget.form.limits.soft
        return soft is not None and self.counted > soft

    @property
    def is_spent(self) -> bool:
        """Say whether nothing is left."""
        hard = self.budget.form.limits.hard
        return hard is not None and self.counted >= hard


@dataclass(frozen=True)
class MonthlyTokens:
    """Tokens a calendar month (UTC) of the whole organisation; `limit` None means no limit."""

    limit: int | None
    used: int


@dataclass(frozen=True)
class Payer:
    """On whom a call counts, beside the organisation."""

    user_id: UUID | None = None
    token_id: UUID | None = None
    group_ids: frozenset[GroupId] = frozenset()

    @classmethod
    def of(cls, caller: Caller) -> "Payer":
        """Return a caller as a payer."""
        return cls(caller.user_id, caller.token_id, frozenset(caller.groups))


@dataclass(frozen=True)
class Charge:
    """What a call may need at most. `micros` None: its model has no price. `models` are the names that stand for it."""

    call_id: UUID
    payer: Payer
    models: tuple[str, ...]
    tokens: int
    micros: int | None
    currency: str | None = None


@dataclass(frozen=True)
class Warned:
    """A budget above its soft limit, by how much of its hard one, or of the soft one if it has no other."""

    name: str
    percent: int


@dataclass(frozen=True)
class Reserved:
    """What was taken. `is_held`: there is something to settle."""

    is_held: bool = False
    warned: tuple[Warned, ...] = ()
