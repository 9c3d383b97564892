"""The counters of budgets, on the way of every call: one statement before it, and a part of the one that settles it (migrations/sql/functions/budgets.sql)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, cast, func, text
from sqlalchemy.orm import InstrumentedAttribute

from appliance import audit
from appliance.audit import Actor, Event
from appliance.budgets.errors import BudgetUnpriced, OverBudget
from appliance.budgets.values import Charge, Period, Reserved, SubjectKind, Warned
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx

NOBODY: Final = UUID(int=0)
"""Whom a counter is of where the budget itself says it: an organisation's, a model's."""
_RESERVE: Final = text(
    """SELECT r.*, b.period FROM reserve_in_budgets(:call, CAST(:kinds AS text[]), CAST(:ids AS uuid[]), CAST(:names AS text[]),
         :tokens, :micros, :currency, :day, :month) r
       JOIN budget_limits b ON b.tenant_id = :tenant AND b.budget_id = r.budget_id ORDER BY r.name, r.budget_id"""
)
_HOLD: Final = text(
    """SELECT FROM budget_counters c WHERE c.tenant_id = :tenant AND EXISTS (
         SELECT FROM budget_reservations r WHERE r.tenant_id = c.tenant_id AND r.budget_id = c.budget_id
           AND r.subject_id = c.subject_id AND r.period_from = c.period_from AND r.call_id = ANY (CAST(:calls AS uuid[])))
       ORDER BY c.budget_id, c.subject_id, c.period_from FOR UPDATE"""
)
_SETTLE: Final = text("SELECT settle_in_budgets(:call, :tokens, :micros)")


def reserve(tx: Tx, actor: Actor, charge: Charge, *, clock: Clock) -> Reserved:
    """Take what a call may need from every budget that applies. Raises OverBudget, BudgetUnpriced; nothing is taken then.

    What costs nothing is let pass. Ask last: the counters stay locked until the transaction ends.
    """
    if not charge.tokens and not charge.micros:
        return Reserved()
    now = clock.now()
    rows = tx.execute(_RESERVE, _asked(tx, charge, now)).all()
    for row in rows:
        if row.verdict == "spent":
            raise OverBudget(budget=row.name, begins=_end(Period(row.period), now).date().isoformat())
        if row.verdict == "unpriced":
            raise BudgetUnpriced(budget=row.name, model=charge.models[0])
    for row in rows:
        if row.is_first:
            _record_warning(tx, actor, row)
    return Reserved(bool(rows), tuple(_warned(row) for row in rows if row.soft is not None and row.counted > row.soft))


def settle(tx: Tx, call_id: UUID, *, tokens: int | None, micros: int | None) -> None:
    """Put what was used in the place of what was reserved; None leaves the reservation charged. The second changes nothing."""
    tx.execute(_SETTLE, {"call": call_id, "tokens": tokens, "micros": micros})


def settling(call_id: InstrumentedAttribute[UUID], *, tokens: int | None, micros: int | None) -> ColumnElement[int]:
    """Return what does the same for each call that a statement returns as settled, in that statement."""
    return func.settle_in_budgets(call_id, cast(tokens, BigInteger), cast(micros, BigInteger))


def hold_still(tx: Tx, call_ids: Sequence[UUID]) -> None:
    """Lock the counters of several calls, in the order of all, before they are settled together."""
    tx.execute(_HOLD, {"tenant": tx.tenant_id, "calls": list(call_ids)})


def _asked(tx: Tx, charge: Charge, now: datetime) -> dict[str, Any]:
    payer = charge.payer
    whom: list[tuple[SubjectKind, UUID, str | None]] = [(SubjectKind.ORGANISATION, NOBODY, None)]
    whom += [(SubjectKind.MODEL, NOBODY, name) for name in charge.models]
    whom += [(SubjectKind.GROUP, one, None) for one in payer.group_ids]
    whom += [(SubjectKind.PERSON, payer.user_id, None)] if payer.user_id else []
    whom += [(SubjectKind.KEY, payer.token_id, None)] if payer.token_id else []
    return {
        "tenant": tx.tenant_id, "call": charge.call_id, "kinds": [kind.value for kind, _, _ in whom],
        "ids": [one for _, one, _ in whom], "names": [name for _, _, name in whom], "tokens": charge.tokens,
        "micros": charge.micros, "currency": charge.currency, "day": Period.DAY.begins(now),
        "month": Period.MONTH.begins(now),
    }  # fmt: skip


def _end(period: Period, now: datetime) -> datetime:
    began = period.begins(now)
    return began + timedelta(days=1) if period is Period.DAY else (began + timedelta(days=32)).replace(day=1)


def _warned(row: Row[Any]) -> Warned:
    limit = row.soft if row.hard is None else row.hard
    return Warned(row.name, row.counted * 100 // max(1, limit))


def _record_warning(tx: Tx, actor: Actor, row: Row[Any]) -> None:
    audit.record(tx, actor, Event.BUDGET_WARNED, subject=row.budget_id, counted=row.counted, soft_limit=row.soft)
