"""The counters of budgets, on the way of every call: one statement before it, and a part of the one that settles it (migrations/sql/functions/budgets.sql)."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
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
from appliance.kernel.errors import Refusal

NOBODY: Final = UUID(int=0)
"""Whom a counter is of where the budget itself says it: an organisation's, a model's."""
# One statement for all calls of a lot: the function is asked for each in order, and sees what it took for those before.
_RESERVE: Final = text(
    """SELECT asked.place, r.*, b.period
       FROM jsonb_array_elements(CAST(:asked AS jsonb)) WITH ORDINALITY AS asked (call, place)
       CROSS JOIN LATERAL reserve_in_budgets(
         CAST(asked.call ->> 'id' AS uuid), ARRAY(SELECT jsonb_array_elements_text(asked.call -> 'kinds')),
         ARRAY(SELECT CAST(one AS uuid) FROM jsonb_array_elements_text(asked.call -> 'ids') AS one),
         ARRAY(SELECT jsonb_array_elements_text(asked.call -> 'names')), CAST(asked.call ->> 'tokens' AS bigint),
         CAST(asked.call ->> 'micros' AS bigint), asked.call ->> 'currency', :day, :month) AS r
       JOIN budget_limits b ON b.tenant_id = :tenant AND b.budget_id = r.budget_id
       ORDER BY asked.place, r.name, r.budget_id"""
)
_HOLD: Final = text(
    """SELECT FROM budget_counters c WHERE c.tenant_id = :tenant AND EXISTS (
         SELECT FROM budget_reservations r WHERE r.tenant_id = c.tenant_id AND r.budget_id = c.budget_id
           AND r.subject_id = c.subject_id AND r.period_from = c.period_from AND r.call_id = ANY (CAST(:calls AS uuid[])))
       ORDER BY c.budget_id, c.subject_id, c.period_from FOR UPDATE"""
)
_SETTLE: Final = text(
    """SELECT settle_in_budgets(used.call, used.tokens, used.micros)
       FROM unnest(CAST(:calls AS uuid[]), CAST(:tokens AS bigint[]), CAST(:micros AS bigint[])) AS used (call, tokens, micros)"""
)
_TURN: Final = text(
    """SELECT pg_advisory_xact_lock(hashtextextended(:tenant || '/budgets', 0))
       WHERE EXISTS (SELECT FROM budget_limits WHERE tenant_id = CAST(:tenant AS uuid))"""
)


@dataclass(frozen=True)
class Used:
    """What a call used. None leaves what was reserved of that unit charged."""

    call_id: UUID
    tokens: int | None
    micros: int | None


def reserve(tx: Tx, actor: Actor, charge: Charge, *, clock: Clock) -> Reserved:
    """Take what a call may need from every budget that applies. Raises OverBudget, BudgetUnpriced; nothing is taken then.

    What costs nothing is let pass. Ask last: the counters stay locked until the transaction ends.
    """
    (found,) = reserve_all(tx, [(actor, charge)], clock=clock)
    if isinstance(found, Refusal):
        raise found
    return found


def reserve_all(tx: Tx, charges: Sequence[tuple[Actor, Charge]], *, clock: Clock) -> list[Reserved | OverBudget | BudgetUnpriced]:
    """Return for each call what `reserve` returns or raises, asked in one trip, in their order."""
    found: list[Reserved | OverBudget | BudgetUnpriced] = [Reserved()] * len(charges)
    places = [place for place, (_, charge) in enumerate(charges) if charge.tokens or charge.micros]
    if not places or not _take_turn(tx):
        return found
    now = clock.now()
    asked = json.dumps([_asked(charges[place][1]) for place in places])
    begins = {"day": Period.DAY.begins(now), "month": Period.MONTH.begins(now)}
    rows = defaultdict[int, list[Row[Any]]](list)
    for row in tx.execute(_RESERVE, {"tenant": tx.tenant_id, "asked": asked} | begins):
        rows[places[row.place - 1]].append(row)
    for place, answers in rows.items():
        found[place] = _read(tx, *charges[place], answers, now)
    return found


def settle(tx: Tx, call_id: UUID, *, tokens: int | None, micros: int | None) -> None:
    """Put what was used in the place of what was reserved; None leaves the reservation charged. The second changes nothing."""
    settle_all(tx, [Used(call_id, tokens, micros)])


def settle_all(tx: Tx, used: Sequence[Used]) -> None:
    """Settle many calls at once."""
    if used:
        _take_turn(tx)
        columns = {"calls": [one.call_id for one in used], "tokens": [one.tokens for one in used], "micros": [one.micros for one in used]}
        tx.execute(_SETTLE, columns)


def settling(call_id: InstrumentedAttribute[UUID], *, tokens: int | None, micros: int | None) -> ColumnElement[int]:
    """Return what does the same for each call that a statement returns as settled, in that statement."""
    return func.settle_in_budgets(call_id, cast(tokens, BigInteger), cast(micros, BigInteger))


def hold_still(tx: Tx, call_ids: Sequence[UUID]) -> None:
    """Lock the counters of several calls, in the order of all, before they are settled together."""
    tx.execute(_HOLD, {"tenant": tx.tenant_id, "calls": list(call_ids)})


def _take_turn(tx: Tx) -> bool:
    """Say whether there are budgets; if so, other lots of the organisation wait, as theirs lock counters in another order."""
    return tx.execute(_TURN, {"tenant": str(tx.tenant_id)}).first() is not None


def _read(tx: Tx, actor: Actor, charge: Charge, rows: Sequence[Row[Any]], now: datetime) -> Reserved | OverBudget | BudgetUnpriced:
    for row in rows:
        if row.verdict == "spent":
            return OverBudget(budget=row.name, begins=_end(Period(row.period), now).date().isoformat())
        if row.verdict == "unpriced":
            return BudgetUnpriced(budget=row.name, model=charge.models[0])
    for row in rows:
        if row.is_first:
            _record_warning(tx, actor, row)
    return Reserved(bool(rows), tuple(_warned(row) for row in rows if row.soft is not None and row.counted > row.soft))


def _asked(charge: Charge) -> dict[str, Any]:
    payer = charge.payer
    whom: list[tuple[SubjectKind, UUID, str | None]] = [(SubjectKind.ORGANISATION, NOBODY, None)]
    whom += [(SubjectKind.MODEL, NOBODY, name) for name in charge.models]
    whom += [(SubjectKind.GROUP, one, None) for one in payer.group_ids]
    whom += [(SubjectKind.PERSON, payer.user_id, None)] if payer.user_id else []
    whom += [(SubjectKind.KEY, payer.token_id, None)] if payer.token_id else []
    return {
        "id": str(charge.call_id), "kinds": [kind.value for kind, _, _ in whom], "ids": [str(one) for _, one, _ in whom],
        "names": [name for _, _, name in whom], "tokens": charge.tokens, "micros": charge.micros,
        "currency": charge.currency,
    }  # fmt: skip


def _end(period: Period, now: datetime) -> datetime:
    began = period.begins(now)
    return began + timedelta(days=1) if period is Period.DAY else (began + timedelta(days=32)).replace(day=1)


def _warned(row: Row[Any]) -> Warned:
    limit = row.soft if row.hard is None else row.hard
    return Warned(row.name, row.counted * 100 // max(1, limit))


def _record_warning(tx: Tx, actor: Actor, row: Row[Any]) -> None:
    audit.record(tx, actor, Event.BUDGET_WARNED, subject=row.budget_id, counted=row.counted, soft_limit=row.soft)
