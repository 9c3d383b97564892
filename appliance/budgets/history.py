"""What was used of a period before a budget was set: its counters begin there, and not at nothing."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from appliance.budgets.reserving import NOBODY
from appliance.budgets.values import Budget, SubjectKind, Unit
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx

_MONTH: Final = text(
    """SELECT coalesce(sum(CASE WHEN state = 'admitted' THEN reserved_tokens ELSE prompt_tokens + answer_tokens END), 0)
       FROM model_calls WHERE tenant_id = :tenant AND admitted_at >= :since"""
)
# Whoever settles one of these waits until the budget is there, and finds what to settle in it.
_STOP: Final = text(
    """SELECT call_id FROM model_calls WHERE tenant_id = :tenant AND state = 'admitted' AND admitted_at >= :since
       ORDER BY call_id FOR UPDATE"""
)
_SEED: Final = text(
    """WITH calls AS (
         SELECT call_id, state = 'admitted' AS is_open,
           CASE :kind WHEN 'person' THEN actor_id WHEN 'key' THEN token_id ELSE coalesce(CAST(:id AS uuid), :nobody) END AS whom,
           CASE WHEN :is_money THEN CASE WHEN provider = 'local' THEN 0 WHEN currency IS DISTINCT FROM :currency THEN NULL
                                         WHEN state = 'admitted' THEN reserved_micros ELSE cost_micros END
                WHEN state = 'admitted' THEN reserved_tokens ELSE prompt_tokens + answer_tokens END AS amount
         FROM model_calls
         WHERE tenant_id = :tenant AND admitted_at >= :since AND CASE :kind
           WHEN 'person' THEN actor_id IS NOT NULL AND (CAST(:id AS uuid) IS NULL OR actor_id = :id)
           WHEN 'key' THEN token_id IS NOT NULL AND (CAST(:id AS uuid) IS NULL OR token_id = :id)
           WHEN 'group' THEN actor_id = ANY (CAST(:members AS uuid[]))
           WHEN 'model' THEN :name IN (model, alias) OR (:name LIKE '%/*' AND starts_with(model, rtrim(:name, '*')))
           ELSE true END
       ), held AS (
         INSERT INTO budget_reservations (tenant_id, call_id, budget_id, subject_id, period_from, amount)
         SELECT :tenant, call_id, :budget, whom, :since, amount FROM calls WHERE is_open AND amount IS NOT NULL
       )
       INSERT INTO budget_counters (tenant_id, budget_id, subject_id, period_from, used, reserved)
       SELECT :tenant, :budget, whom, :since, coalesce(sum(amount) FILTER (WHERE NOT is_open), 0),
              coalesce(sum(amount) FILTER (WHERE is_open), 0)
       FROM calls WHERE amount IS NOT NULL GROUP BY whom"""
)


def seed(tx: Tx, budget: Budget, members: Iterable[UUID], *, clock: Clock) -> None:
    """Count what this period used already. A call that is admitted in this very moment may be missed."""
    form = budget.form
    given = {
        "tenant": tx.tenant_id, "budget": budget.budget_id, "kind": form.subject.kind.value, "id": form.subject.id,
        "name": form.subject.name, "nobody": NOBODY, "is_money": form.unit is Unit.MONEY, "currency": form.currency,
        "members": list(members) if form.subject.kind is SubjectKind.GROUP else [],
        "since": form.period.begins(clock.now()),
    }  # fmt: skip
    tx.execute(_STOP, {"tenant": tx.tenant_id, "since": given["since"]})
    tx.execute(_SEED, given)


def tokens_since(tx: Tx, since: datetime) -> int:
    """Return how many tokens were used, or are reserved, since a moment."""
    return int(tx.scalar(_MONTH, {"tenant": tx.tenant_id, "since": since}) or 0)
