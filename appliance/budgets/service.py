import re
from dataclasses import replace
from typing import Final
from uuid import UUID

from sqlalchemy import and_, delete, select, true
from sqlalchemy.exc import IntegrityError

from appliance import audit, identity
from appliance.audit import Event
from appliance.budgets.errors import BudgetMalformed, BudgetNotFound, BudgetTwice, SubjectUnknown
from appliance.budgets.history import seed, tokens_since
from appliance.budgets.reserving import NOBODY
from appliance.budgets.tables import BudgetRow, CounterRow
from appliance.budgets.values import (
    Budget,
    BudgetForm,
    Limits,
    MonthlyTokens,
    Period,
    Standing,
    Subject,
    SubjectKind,
    Unit,
    Unpriced,
)
from appliance.identity import Caller, GroupId, Permission, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id

_MOST: Final = 10**15
_LONGEST_NAME, _LONGEST_MODEL, _MOST_SHOWN = 80, 264, 50
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_ORGANISATION: Final = Subject(SubjectKind.ORGANISATION)


def list_budgets(tx: Tx, caller: Caller, *, clock: Clock) -> list[Standing]:
    """Return the budgets by name, and how this period's calls stand to them."""
    identity.require(caller, Permission.USAGE_READ)
    return _standings(tx, clock)


def get_standing(tx: Tx, caller: Caller, budget_id: UUID, *, clock: Clock) -> Standing:
    """Return a budget, and how this period's calls stand to it. Raises BudgetNotFound."""
    identity.require(caller, Permission.USAGE_READ)
    return standing_of(tx, budget_id, clock=clock)


def standing_of(tx: Tx, budget_id: UUID, *, clock: Clock) -> Standing:
    """Return how this period's calls stand to a budget. Asking for permission is the caller's part. Raises BudgetNotFound."""
    found = [one for one in _standings(tx, clock) if one.budget.budget_id == budget_id]
    if not found:
        raise BudgetNotFound
    return found[0]


def counts_of(tx: Tx, caller: Caller, budget: Budget, *, clock: Clock) -> list[Standing]:
    """Return how whoever used most of a budget stands to it, the fullest first."""
    identity.require(caller, Permission.USAGE_READ)
    rows = tx.scalars(
        select(CounterRow)
        .where(
            CounterRow.tenant_id == tx.tenant_id, CounterRow.budget_id == budget.budget_id,
            CounterRow.period_from == budget.form.period.begins(clock.now()),
        )
        .order_by((CounterRow.used + CounterRow.reserved).desc(), CounterRow.subject_id)
        .limit(_MOST_SHOWN)
    )  # fmt: skip
    return [Standing(budget, row.used, row.reserved, _whom(row.subject_id)) for row in rows]


def create_budget(tx: Tx, caller: Caller, form: BudgetForm, *, clock: Clock) -> Budget:
    """Set a budget; what this period used already counts. Raises BudgetMalformed, BudgetTwice, SubjectUnknown."""
    identity.require(caller, Permission.BUDGET_CHANGE)
    form = _checked(form)
    check_subject(tx, form.subject)
    subject = form.subject
    row = BudgetRow(
        tenant_id=tx.tenant_id, budget_id=new_id(), name=form.name, subject_kind=subject.kind, subject_id=subject.id,
        subject_name=subject.name, unit=form.unit, currency=form.currency, period=form.period,
        soft_limit=form.limits.soft, hard_limit=form.limits.hard, unpriced=form.unpriced, set_by=caller.user_id,
        set_at=clock.now(),
    )  # fmt: skip
    try:
        with tx.begin_nested():
            tx.add(row)
            tx.flush()
    except IntegrityError as error:
        raise BudgetTwice from error
    budget = budget_of(row)
    members = identity.group_members(tx).get(GroupId(subject.id), ()) if subject.kind is SubjectKind.GROUP and subject.id else ()
    seed(tx, budget, members, clock=clock)
    _record(tx, caller, budget)
    return budget


def change_budget(
    tx: Tx, caller: Caller, budget_id: UUID, *, name: str, limits: Limits, unpriced: Unpriced, clock: Clock
) -> Budget:
    """Change a budget's name and limits; what was used stays. Raises BudgetNotFound, BudgetMalformed."""
    identity.require(caller, Permission.BUDGET_CHANGE)
    row = tx.get(BudgetRow, (tx.tenant_id, budget_id), with_for_update=True)
    if row is None:
        raise BudgetNotFound
    form = _checked(replace(budget_of(row).form, name=name, limits=limits, unpriced=unpriced))
    row.name, row.soft_limit, row.hard_limit = form.name, form.limits.soft, form.limits.hard
    row.unpriced, row.set_by, row.set_at = form.unpriced, caller.user_id, clock.now()
    tx.flush()
    _record(tx, caller, budget_of(row))
    return budget_of(row)


def remove_budget(tx: Tx, caller: Caller, budget_id: UUID) -> None:
    """Lift a budget, and forget what was counted for it. Raises BudgetNotFound."""
    identity.require(caller, Permission.BUDGET_CHANGE)
    gone = delete(BudgetRow).where(BudgetRow.tenant_id == tx.tenant_id, BudgetRow.budget_id == budget_id)
    if tx.scalar(gone.returning(BudgetRow.budget_id)) is None:
        raise BudgetNotFound
    audit.record(tx, caller.actor, Event.BUDGET_REMOVED, subject=budget_id)


def get_budget(tx: Tx, *, clock: Clock) -> MonthlyTokens:
    """Return the organisation's tokens a month, open reservations counted in full. Asking is the caller's part."""
    found = next((one for one in _standings(tx, clock) if _is_of_month(one.budget.form)), None)
    if found is not None:
        return MonthlyTokens(found.budget.form.limits.hard, found.counted)
    return MonthlyTokens(None, tokens_since(tx, Period.MONTH.begins(clock.now())))


def set_budget(tx: Tx, caller: Caller, *, monthly_tokens: int | None, clock: Clock) -> None:
    """Set, or with None lift, the hard limit of the organisation's tokens a month. Raises BudgetMalformed."""
    identity.require(caller, Permission.BUDGET_CHANGE)
    found = next((one.budget for one in _standings(tx, clock) if _is_of_month(one.budget.form)), None)
    if found is None:
        if monthly_tokens is not None:
            limits = Limits(None, monthly_tokens)
            form = BudgetForm(caller.organisation[:_LONGEST_NAME], _ORGANISATION, Unit.TOKENS, Period.MONTH, limits)
            create_budget(tx, caller, form, clock=clock)
        return
    soft = found.form.limits.soft
    if monthly_tokens is None and soft is None:
        remove_budget(tx, caller, found.budget_id)
        return
    soft = soft if soft is None or monthly_tokens is None else min(soft, monthly_tokens)
    change_budget(tx, caller, found.budget_id, name=found.form.name, limits=Limits(soft, monthly_tokens),
                  unpriced=found.form.unpriced, clock=clock)  # fmt: skip


def check_subject(tx: Tx, subject: Subject) -> None:
    """Raise SubjectUnknown unless whom it names is of this organisation."""
    kind, one = subject.kind, subject.id
    is_good = {
        SubjectKind.ORGANISATION: one is None,
        SubjectKind.MODEL: one is None and bool(subject.name) and len(subject.name or "") <= _LONGEST_MODEL,
    }.get(kind, True) and (kind is SubjectKind.MODEL or subject.name is None)
    if is_good and one is not None:
        is_good = {
            SubjectKind.GROUP: lambda: one in identity.group_names(tx),
            SubjectKind.PERSON: lambda: bool(identity.names_of(tx, [UserId(one)])),
            SubjectKind.KEY: lambda: bool(identity.token_names(tx, [one])),
        }[kind]()
    if not is_good or (kind is SubjectKind.GROUP and one is None):
        raise SubjectUnknown


def _standings(tx: Tx, clock: Clock) -> list[Standing]:
    now = clock.now()
    begun = [(one, one.begins(now)) for one in Period]
    fullest = (
        select(CounterRow)
        .where(
            CounterRow.tenant_id == BudgetRow.tenant_id, CounterRow.budget_id == BudgetRow.budget_id,
            CounterRow.period_from.in_([began for _, began in begun]),
            ~and_(BudgetRow.period == Period.MONTH, CounterRow.period_from != begun[1][1]),
            ~and_(BudgetRow.period == Period.DAY, CounterRow.period_from != begun[0][1]),
        )
        .order_by((CounterRow.used + CounterRow.reserved).desc(), CounterRow.subject_id)
        .limit(1)
        .lateral()
    )  # fmt: skip
    rows = tx.execute(
        select(BudgetRow, fullest.c.used, fullest.c.reserved, fullest.c.subject_id)
        .outerjoin(fullest, true())
        .where(BudgetRow.tenant_id == tx.tenant_id)
        .order_by(BudgetRow.name, BudgetRow.budget_id)
    )
    return [Standing(budget_of(row[0]), row[1] or 0, row[2] or 0, _whom(row[3])) for row in rows]


def _whom(subject_id: UUID | None) -> UUID | None:
    return None if subject_id == NOBODY else subject_id


def _checked(form: BudgetForm) -> BudgetForm:
    name, soft, hard = form.name.strip(), form.limits.soft, form.limits.hard
    limits = [one for one in (soft, hard) if one is not None]
    is_money = form.unit is Unit.MONEY
    is_good = (
        0 < len(name) <= _LONGEST_NAME and limits and all(0 <= one <= _MOST for one in limits)
        and limits == sorted(limits) and bool(form.currency) is is_money
        and (not is_money or bool(_CURRENCY.fullmatch(form.currency or "")))
    )  # fmt: skip
    if not is_good:
        raise BudgetMalformed
    return replace(form, name=name, currency=form.currency or None)


def _is_of_month(form: BudgetForm) -> bool:
    return (form.subject, form.unit, form.period) == (_ORGANISATION, Unit.TOKENS, Period.MONTH)


def budget_of(row: BudgetRow) -> Budget:
    """Return a row as what it stands for."""
    form = BudgetForm(
        row.name, Subject(SubjectKind(row.subject_kind), row.subject_id, row.subject_name), Unit(row.unit),
        Period(row.period), Limits(row.soft_limit, row.hard_limit), row.currency, Unpriced(row.unpriced),
    )  # fmt: skip
    return Budget(row.budget_id, form, row.set_by, row.set_at)


def _record(tx: Tx, caller: Caller, budget: Budget) -> None:
    form = budget.form
    audit.record(
        tx, caller.actor, Event.BUDGET_CHANGED, subject=budget.budget_id, of=form.subject.kind.value,
        id=str(form.subject.id or ""), model=form.subject.name or "", unit=form.unit.value,
        currency=form.currency or "", period=form.period.value, unpriced=form.unpriced.value,
        soft_limit=-1 if form.limits.soft is None else form.limits.soft,
        hard_limit=-1 if form.limits.hard is None else form.limits.hard,
    )  # fmt: skip
