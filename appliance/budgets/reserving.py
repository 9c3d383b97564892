"""The counters of budgets, on the way of every call: one statement before it, and a part of the one that settles it (migrations/sql/functions/budgets.sql)."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, cast, func, text
from sqlalchemy.orm import InstrumentedAttribute

from appliance import audit
from appliance.audit import Actor, Event
from appliance.budgets.errors import BudgetUnpriced, OverBudget
from appliance.budgets.values import Charge, Period, Reserved, SubjectKind, Warned
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.questions import Question, ask

NOBODY: Final = UUID(int=0)
"""Whom a counter is of where the budget itself says it: an organisation's, a model's."""
Answers = Mapping[int, Sequence[dict[str, Any]]]
"""What the budgets say of calls, by their places."""
_HOLD: Final = text(
    """SELECT FROM budget_counters c WHERE c.tenant_id = :tenant AND EXISTS (
         SELECT FROM budget_reservations r WHERE r.tenant_id = c.tenant_id AND r.budget_id = c.budget_id
           AND r.subject_id = c.subject_id AND r.period_from = c.period_from AND r.call_id = ANY (CAST(:calls AS uuid[])))
       ORDER BY c.budget_id, c.subject_id, c.period_from FOR UPDATE"""
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
    now, found = clock.now(), list[Reserved | OverBudget | BudgetUnpriced]()
    answers: Answers = ask(tx, reserving([charge for _, charge in charges], now, is_hopeful=False))[0]
    for place, (actor, charge) in enumerate(charges):
        rows = answers.get(place, [])
        read = _read(charge, rows, now)
        if isinstance(read, Reserved):
            for row in rows:
                if row["is_first"]:
                    _record_warning(tx, actor, row)
        found.append(read)
    return found


def reserving(charges: Sequence[Charge], now: datetime, *, is_hopeful: bool) -> Question[Answers]:
    """Return the question that reserves for calls, to be asked with others; `reserved_of` reads it.

    Hopeful, it fails where there is anything to be told but that all is held (`is_hope_lost`).
    """
    asked = [_asked(place, charge) for place, charge in enumerate(charges) if charge.tokens or charge.micros]
    values = (json.dumps(asked), Period.DAY.begins(now), Period.MONTH.begins(now), is_hopeful)

    def read(rows: Sequence[dict[str, Any]] | None) -> Answers:
        by_call = defaultdict[int, list[dict[str, Any]]](list)
        for row in rows or ():
            by_call[asked[row["place"] - 1]["place"]].append(row)
        return by_call

    return Question("reserve_all_in_budgets(jsonb, timestamptz, timestamptz, boolean)", values, read)


def reserved_of(answers: Answers, place: int) -> Reserved:
    """Return what is held for the call at this place of those that were reserved for in hope."""
    return _reserved(answers.get(place, ()))


def settle(tx: Tx, call_id: UUID, *, tokens: int | None, micros: int | None) -> None:
    """Put what was used in the place of what was reserved; None leaves the reservation charged. The second changes nothing."""
    settle_all(tx, [Used(call_id, tokens, micros)])


def settle_all(tx: Tx, used: Sequence[Used]) -> None:
    """Settle many calls at once."""
    ask(tx, *settling_all(used))


def settling_all(used: Sequence[Used]) -> list[Question[None]]:
    """Return what settles many calls, to be asked with others; nothing for none."""
    if not used:
        return []
    values = [[one.call_id for one in used], [one.tokens for one in used], [one.micros for one in used]]
    return [Question("settle_all_in_budgets(uuid[], bigint[], bigint[])", values, lambda _: None)]


def settling(call_id: InstrumentedAttribute[UUID], *, tokens: int | None, micros: int | None) -> ColumnElement[int]:
    """Return what does the same for each call that a statement returns as settled, in that statement."""
    return func.settle_in_budgets(call_id, cast(tokens, BigInteger), cast(micros, BigInteger))


def hold_still(tx: Tx, call_ids: Sequence[UUID]) -> None:
    """Lock the counters of several calls, in the order of all, before they are settled together."""
    tx.execute(_HOLD, {"tenant": tx.tenant_id, "calls": list(call_ids)})


def _read(charge: Charge, rows: Sequence[dict[str, Any]], now: datetime) -> Reserved | OverBudget | BudgetUnpriced:
    for row in rows:
        if row["verdict"] == "spent":
            return OverBudget(budget=row["name"], begins=_end(Period(row["period"]), now).date().isoformat())
        if row["verdict"] == "unpriced":
            return BudgetUnpriced(budget=row["name"], model=charge.models[0])
    return _reserved(rows)


def _reserved(rows: Sequence[dict[str, Any]]) -> Reserved:
    above = (row for row in rows if row["soft"] is not None and row["counted"] > row["soft"])
    return Reserved(bool(rows), tuple(map(_warned, above)))


def _asked(place: int, charge: Charge) -> dict[str, Any]:
    payer = charge.payer
    whom: list[tuple[SubjectKind, UUID, str | None]] = [(SubjectKind.ORGANISATION, NOBODY, None)]
    whom += [(SubjectKind.MODEL, NOBODY, name) for name in charge.models]
    whom += [(SubjectKind.GROUP, one, None) for one in payer.group_ids]
    whom += [(SubjectKind.PERSON, payer.user_id, None)] if payer.user_id else []
    whom += [(SubjectKind.KEY, payer.token_id, None)] if payer.token_id else []
    return {
        "place": place, "id": str(charge.call_id), "kinds": [kind.value for kind, _, _ in whom], "ids": [str(one) for _, one, _ in whom],
        "names": [name for _, _, name in whom], "tokens": charge.tokens, "micros": charge.micros,
        "currency": charge.currency,
    }  # fmt: skip


def _end(period: Period, now: datetime) -> datetime:
    began = period.begins(now)
    return began + timedelta(days=1) if period is Period.DAY else (began + timedelta(days=32)).replace(day=1)


def _warned(row: dict[str, Any]) -> Warned:
    limit = row["soft"] if row["hard"] is None else row["hard"]
    return Warned(row["name"], row["counted"] * 100 // max(1, limit))


def _record_warning(tx: Tx, actor: Actor, row: dict[str, Any]) -> None:
    subject = UUID(row["budget_id"])
    audit.record(tx, actor, Event.BUDGET_WARNED, subject=subject, counted=row["counted"], soft_limit=row["soft"])
