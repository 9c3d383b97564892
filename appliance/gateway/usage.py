"""What this month's calls used, by model and by person."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from appliance import identity
from appliance.gateway.tables import CallRow
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx

_MOST = 100


@dataclass(frozen=True)
class ModelUsage:
    """What was used of a model. `cost_micros` is of the priced calls alone; `currency` None where none was priced."""

    model: str
    calls: int
    prompt_tokens: int
    answer_tokens: int
    priced_calls: int
    cost_micros: int
    currency: str | None


@dataclass(frozen=True)
class PersonUsage:
    """What somebody used, by themselves or by a program of theirs."""

    user_id: UUID
    calls: int
    prompt_tokens: int
    answer_tokens: int


def usage_by_model(tx: Tx, caller: Caller, *, clock: Clock) -> list[ModelUsage]:
    """Return what this calendar month (UTC) used of each model, the most used first."""
    identity.require(caller, Permission.USAGE_READ)
    rows = tx.execute(
        select(
            CallRow.model, func.count(), *_TOKENS, func.count().filter(CallRow.is_priced),
            func.coalesce(func.sum(CallRow.cost_micros), 0), CallRow.currency,
        )
        .where(CallRow.tenant_id == tx.tenant_id, _is_of_month(clock))
        .group_by(CallRow.model, CallRow.currency)
        .order_by(func.count().desc(), CallRow.model)
        .limit(_MOST)
    )  # fmt: skip
    return [ModelUsage(row[0], row[1], int(row[2]), int(row[3]), row[4], int(row[5]), row[6]) for row in rows]


def usage_by_person(tx: Tx, caller: Caller, *, clock: Clock) -> list[PersonUsage]:
    """Return what this calendar month (UTC) each person used, who used most first."""
    identity.require(caller, Permission.USAGE_READ)
    rows = tx.execute(
        select(CallRow.actor_id, func.count(), *_TOKENS)
        .where(CallRow.tenant_id == tx.tenant_id, _is_of_month(clock), CallRow.actor_id.is_not(None))
        .group_by(CallRow.actor_id)
        .order_by(func.sum(CallRow.prompt_tokens + CallRow.answer_tokens).desc(), CallRow.actor_id)
        .limit(_MOST)
    )
    return [PersonUsage(row[0], row[1], int(row[2]), int(row[3])) for row in rows if row[0]]


_TOKENS = (
    func.coalesce(func.sum(CallRow.prompt_tokens), 0),
    func.coalesce(func.sum(CallRow.answer_tokens), 0),
)


def _is_of_month(clock: Clock) -> ColumnElement[bool]:
    return CallRow.admitted_at >= func.date_trunc("month", clock.now(), "UTC")
