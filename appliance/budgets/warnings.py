"""Budgets that stand above their soft limit: people are told once in a period."""

from sqlalchemy import update

from appliance.budgets.service import budget_of
from appliance.budgets.tables import BudgetRow, CounterRow
from appliance.budgets.values import Standing
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx


def untold(tx: Tx, *, clock: Clock) -> list[Standing]:
    """Return the budgets that went above their soft limit and that nobody was told of yet; they count as told now."""
    rows = tx.execute(
        update(CounterRow)
        .where(
            CounterRow.tenant_id == tx.tenant_id, CounterRow.warned_by.is_not(None), CounterRow.told_at.is_(None),
            BudgetRow.tenant_id == CounterRow.tenant_id, BudgetRow.budget_id == CounterRow.budget_id,
        )
        .values(told_at=clock.now())
        .returning(BudgetRow, CounterRow.used, CounterRow.reserved, CounterRow.subject_id)
    ).all()  # fmt: skip
    return sorted((Standing(budget_of(row[0]), row[1], row[2], row[3]) for row in rows), key=lambda one: one.budget.form.name)
