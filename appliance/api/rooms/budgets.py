"""Budgets of tokens and money, and how fast programs may call."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import budgets
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.budgets import BudgetForm, Limits, Period, Standing, Subject, SubjectKind, Unit, Unpriced
from appliance.budgets.errors import (
    BudgetMalformed,
    BudgetNotFound,
    BudgetTwice,
    LimitMalformed,
    LimitNotFound,
    SubjectUnknown,
)
from appliance.budgets.limits import CallLimit, Pace, list_call_limits, remove_call_limit, set_call_limit
from appliance.identity import Permission

_Plain = r"^[^\x00]*$"
_Name = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=_Plain), Field(examples=["Marketing"])]
_Model = Annotated[str, StringConstraints(min_length=1, max_length=264, pattern=_Plain), Field(examples=["openai/*"])]
_Currency = Annotated[str, StringConstraints(min_length=3, max_length=3, pattern=r"^[A-Z]{3}$"), Field(examples=["EUR"])]
_Amount = Annotated[int, Field(ge=0, le=10**15, examples=[250_000_000])]
_OF = "Whose calls count. A person or key without `subject_id` is each of them by itself."
_WARNED = "Above it, answers carry a warning and administrators are told. Tokens, or millionths of the currency."
_REFUSED = "Nothing goes above it. Tokens, or millionths of the currency."
_PRICE = "What becomes of calls to models without a price in the currency."


class BudgetNew(Input):
    """Of money, it has a currency; of a model, `subject_name` is `provider/model`, `provider/*` or a name of your own."""

    name: _Name
    subject_kind: SubjectKind = Field(description=_OF, examples=[SubjectKind.PERSON])
    subject_id: UUID | None = Field(None, description="Which group, person or key.")
    subject_name: _Model | None = Field(None, description="Which model.")
    unit: Unit = Field(examples=[Unit.TOKENS])
    currency: _Currency | None = None
    period: Period = Field(description="When it begins anew (UTC).", examples=[Period.MONTH])
    soft_limit: _Amount | None = Field(None, description=_WARNED)
    hard_limit: _Amount | None = Field(description=_REFUSED)
    unpriced: Unpriced = Field(Unpriced.REFUSED, description=_PRICE)


class BudgetChange(Input):
    """What was used stays; whose it is, its unit and its period cannot change."""

    name: _Name
    soft_limit: _Amount | None = Field(None, description=_WARNED)
    hard_limit: _Amount | None = Field(description=_REFUSED)
    unpriced: Unpriced = Field(Unpriced.REFUSED, description=_PRICE)


class StandingOut(Output):
    """`used` and `reserved` are of this period; of a budget for each, of whoever (`fullest_id`) used most of it."""

    budget_id: UUID
    name: str
    subject_kind: SubjectKind
    subject_id: UUID | None
    subject_name: str | None
    unit: Unit
    currency: str | None
    period: Period
    soft_limit: int | None
    hard_limit: int | None
    unpriced: Unpriced
    used: int
    reserved: int
    fullest_id: UUID | None
    is_warned: bool
    is_spent: bool
    set_by: UUID
    set_at: datetime


class StandingsOut(Output):
    items: list[StandingOut]


class CountOut(Output):
    """What one person, key, or whoever the budget is for, used of it in this period. `id` null: the budget says whom."""

    id: UUID | None
    used: int
    reserved: int


class CountsOut(Output):
    items: list[CountOut]


class LimitIn(Input):
    """At least one number. It takes the place of the limit that was there for the same."""

    subject_kind: SubjectKind = Field(description=f"{_OF} The organisation, a person or a key.", examples=[SubjectKind.KEY])
    subject_id: UUID | None = Field(None, description="Which person or key.")
    requests_per_minute: int | None = Field(ge=0, le=10**6, examples=[60])
    tokens_per_minute: int | None = Field(None, ge=0, le=10**12, description="Those a call may need.", examples=[100_000])
    at_once: int | None = Field(None, ge=0, le=10**5, description="Calls under way at the same time.", examples=[8])


class LimitOut(Output):
    limit_id: UUID
    subject_kind: SubjectKind
    subject_id: UUID | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    at_once: int | None
    set_by: UUID
    set_at: datetime


class LimitsOut(Output):
    items: list[LimitOut]


@operation("GET", "/budgets", permission=Permission.USAGE_READ, answer=StandingsOut)
def list_budgets(call: Call) -> StandingsOut:
    """Return the budgets, and how this period's calls stand to them."""
    with call.tenant() as tx:
        found = budgets.list_budgets(tx, call.caller, clock=call.services.clock)
    return StandingsOut(items=[_standing(one) for one in found])


@operation(
    "POST", "/budgets", permission=Permission.BUDGET_CHANGE, body=BudgetNew, answer=StandingOut, status=201,
    refusals=(BudgetMalformed, BudgetTwice, SubjectUnknown),
)  # fmt: skip
def create_budget(call: Call) -> StandingOut:
    """Set a budget; what this period used already counts."""
    wanted = call.body
    subject = Subject(wanted.subject_kind, wanted.subject_id, wanted.subject_name)
    limits = Limits(wanted.soft_limit, wanted.hard_limit)
    form = BudgetForm(wanted.name, subject, wanted.unit, wanted.period, limits, wanted.currency, wanted.unpriced)
    with call.tenant() as tx:
        made = budgets.create_budget(tx, call.caller, form, clock=call.services.clock)
        return _standing(budgets.standing_of(tx, made.budget_id, clock=call.services.clock))


@operation(
    "GET", "/budgets/{budget_id}", permission=Permission.USAGE_READ, answer=StandingOut, refusals=(BudgetNotFound,)
)
def show_budget(call: Call) -> StandingOut:
    """Return a budget, and how this period's calls stand to it."""
    with call.tenant() as tx:
        return _standing(budgets.get_standing(tx, call.caller, call.ids["budget_id"], clock=call.services.clock))


@operation(
    "GET", "/budgets/{budget_id}/counts", permission=Permission.USAGE_READ, answer=CountsOut,
    refusals=(BudgetNotFound,),
)  # fmt: skip
def list_budget_counts(call: Call) -> CountsOut:
    """Return who used most of a budget in this period, at most fifty."""
    clock = call.services.clock
    with call.tenant() as tx:
        budget = budgets.get_standing(tx, call.caller, call.ids["budget_id"], clock=clock).budget
        found = budgets.counts_of(tx, call.caller, budget, clock=clock)
    return CountsOut(items=[CountOut(id=one.id, used=one.used, reserved=one.reserved) for one in found])


@operation(
    "PUT", "/budgets/{budget_id}", permission=Permission.BUDGET_CHANGE, body=BudgetChange, answer=StandingOut,
    refusals=(BudgetMalformed, BudgetNotFound),
)  # fmt: skip
def adjust_budget(call: Call) -> StandingOut:
    """Change a budget's name and limits."""
    wanted, budget_id, clock = call.body, call.ids["budget_id"], call.services.clock
    limits = Limits(wanted.soft_limit, wanted.hard_limit)
    with call.tenant() as tx:
        budgets.change_budget(
            tx, call.caller, budget_id, name=wanted.name, limits=limits, unpriced=wanted.unpriced, clock=clock
        )
        return _standing(budgets.standing_of(tx, budget_id, clock=clock))


@operation("DELETE", "/budgets/{budget_id}", permission=Permission.BUDGET_CHANGE, refusals=(BudgetNotFound,))
def remove_budget(call: Call) -> None:
    """Lift a budget, and forget what was counted for it."""
    with call.tenant() as tx:
        budgets.remove_budget(tx, call.caller, call.ids["budget_id"])


@operation("GET", "/call-limits", permission=Permission.USAGE_READ, answer=LimitsOut)
def list_limits(call: Call) -> LimitsOut:
    """Return how fast programs may call: the organisation's, each person or key, and single ones, which go before."""
    with call.tenant() as tx:
        return LimitsOut(items=[_limit(one) for one in list_call_limits(tx, call.caller)])


@operation(
    "PUT", "/call-limits", permission=Permission.BUDGET_CHANGE, body=LimitIn, answer=LimitOut,
    refusals=(LimitMalformed, SubjectUnknown),
)  # fmt: skip
def set_limit(call: Call) -> LimitOut:
    """Set how fast programs may call; it holds within a second."""
    wanted = call.body
    pace = Pace(wanted.requests_per_minute, wanted.tokens_per_minute, wanted.at_once)
    subject = Subject(wanted.subject_kind, wanted.subject_id)
    with call.tenant() as tx:
        return _limit(set_call_limit(tx, call.caller, subject, pace, clock=call.services.clock))


@operation("DELETE", "/call-limits/{limit_id}", permission=Permission.BUDGET_CHANGE, refusals=(LimitNotFound,))
def remove_limit(call: Call) -> None:
    """Lift a limit."""
    with call.tenant() as tx:
        remove_call_limit(tx, call.caller, call.ids["limit_id"])


def _standing(one: Standing) -> StandingOut:
    form, limits = one.budget.form, one.budget.form.limits
    return StandingOut(
        budget_id=one.budget.budget_id, name=form.name, unit=form.unit, currency=form.currency, period=form.period,
        soft_limit=limits.soft, hard_limit=limits.hard, unpriced=form.unpriced, used=one.used, reserved=one.reserved,
        fullest_id=one.id, is_warned=one.is_warned, is_spent=one.is_spent, set_by=one.budget.set_by,
        set_at=one.budget.set_at, **_subject(form.subject),
    )  # fmt: skip


def _limit(one: CallLimit) -> LimitOut:
    of = _subject(one.subject)
    return LimitOut(
        limit_id=one.limit_id, subject_kind=of["subject_kind"], subject_id=of["subject_id"], set_by=one.set_by,
        requests_per_minute=one.pace.requests_per_minute, tokens_per_minute=one.pace.tokens_per_minute,
        at_once=one.pace.at_once, set_at=one.set_at,
    )  # fmt: skip


def _subject(subject: Subject) -> dict[str, Any]:
    return {"subject_kind": subject.kind, "subject_id": subject.id, "subject_name": subject.name}
