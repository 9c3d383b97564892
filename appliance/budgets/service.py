from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from appliance import audit, identity
from appliance.audit import Event
from appliance.budgets.errors import BudgetMalformed, OverBudget
from appliance.budgets.tables import BudgetRow
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.questions import Question, ask

_MOST = 10**15
_LOCKED = "SELECT monthly_tokens FROM budgets WHERE tenant_id = %(tenant)s FOR UPDATE"
_USED_IF_LIMITED = """
    SELECT CASE WHEN EXISTS (SELECT FROM budgets WHERE tenant_id = %(tenant)s) THEN
      (SELECT sum(CASE WHEN state = 'admitted' THEN reserved_tokens ELSE prompt_tokens + answer_tokens END)
       FROM model_calls
       WHERE tenant_id = %(tenant)s AND admitted_at >= date_trunc('month', CAST(%(now)s AS timestamptz), 'UTC')) END AS used"""
_USED = text(
    """SELECT coalesce(sum(CASE WHEN state = 'admitted' THEN reserved_tokens ELSE prompt_tokens + answer_tokens END), 0)
       FROM model_calls WHERE tenant_id = :tenant AND admitted_at >= date_trunc('month', CAST(:now AS timestamptz), 'UTC')"""
)


@dataclass(frozen=True)
class Budget:
    """Tokens a calendar month (UTC); `limit` None means no limit."""

    limit: int | None
    used: int


def get_budget(tx: Tx, *, clock: Clock) -> Budget:
    """Return the organisation's budget and what this month used, open reservations counted in full."""
    limit = tx.scalar(select(BudgetRow.monthly_tokens).where(BudgetRow.tenant_id == tx.tenant_id))
    used = tx.scalar(_USED, {"tenant": tx.tenant_id, "now": clock.now()})
    return Budget(limit, int(used or 0))


class Purse:
    """What is left of this month, for the calls of one transaction, which reserve in turn.

    The budget's row is locked until the transaction ends, so that two at once cannot both take what is left.
    """

    def __init__(self, limit: int | None, used: int) -> None:
        self._limit, self._used = limit, used

    @staticmethod
    def asked(tenant_id: TenantId, now: datetime) -> tuple[Question[int | None], Question[int]]:
        """Return the questions whose answers it is made of, in this order: what was used is seen once the row is locked."""
        values = {"tenant": tenant_id, "now": now}
        return (
            Question(_LOCKED, values, lambda rows: rows[0].monthly_tokens if rows else None),
            Question(_USED_IF_LIMITED, values, lambda rows: int(rows[0].used or 0)),
        )

    def take(self, tokens: int) -> int:
        """Return the tokens reserved, which the caller records with its call. Raises OverBudget. Nothing costs nothing."""
        if tokens and self._limit is not None:
            if self._used + tokens > self._limit:
                raise OverBudget
            self._used += tokens
        return tokens

    def give_back(self, tokens: int) -> None:
        """Put back what a call took that was refused after all."""
        self._used -= tokens


def reserve(tx: Tx, *, tokens: int, clock: Clock) -> int:
    """Return the tokens reserved for one call, which the caller records with it. Raises OverBudget."""
    return Purse(*ask(tx, *Purse.asked(tx.tenant_id, clock.now()))).take(tokens)


def set_budget(tx: Tx, caller: Caller, *, monthly_tokens: int | None, clock: Clock) -> None:
    """Set, or with None lift, the monthly limit."""
    identity.require(caller, Permission.BUDGET_CHANGE)
    if monthly_tokens is None:
        tx.execute(delete(BudgetRow).where(BudgetRow.tenant_id == tx.tenant_id))
    elif 0 <= monthly_tokens <= _MOST:
        values = {"monthly_tokens": monthly_tokens, "set_by": caller.user_id, "set_at": clock.now()}
        statement = insert(BudgetRow).values(tenant_id=tx.tenant_id, **values)
        tx.execute(statement.on_conflict_do_update(index_elements=["tenant_id"], set_=values))
    else:
        raise BudgetMalformed
    audit.record(
        tx, caller.actor, Event.BUDGET_CHANGED, monthly_tokens=-1 if monthly_tokens is None else monthly_tokens
    )
