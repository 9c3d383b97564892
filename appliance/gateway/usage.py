"""What calls used, by day, model, person, key and chatbot. One statement reads it all: what is folded, and what is younger."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import text

from appliance import identity
from appliance.gateway.errors import SpanMalformed
from appliance.identity import Caller, GroupId, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx

MOST_DAYS: Final = 400
_MOST: Final = 100
_USED: Final = """WITH folded AS (SELECT coalesce((SELECT until FROM usage_folded WHERE tenant_id = :tenant), '-infinity') AS until),
       used AS (
         SELECT day, model, actor_id, token_id, chatbot_id, currency, calls, failed_calls, priced_calls, prompt_tokens,
                answer_tokens, cost_micros
         FROM usage_days WHERE tenant_id = :tenant AND day BETWEEN :first AND :last
           AND (CAST(:person AS uuid) IS NULL OR actor_id = :person)
         UNION ALL
         SELECT (admitted_at AT TIME ZONE 'UTC')::date, model, actor_id, token_id, chatbot_id, currency, 1,
                (state IN ('failed', 'unknown', 'abandoned'))::int, is_priced::int, prompt_tokens, answer_tokens, cost_micros
         FROM model_calls
         WHERE tenant_id = :tenant AND admitted_at >= greatest((SELECT until FROM folded), CAST(:since AS timestamptz))
           AND admitted_at < :until AND state <> 'admitted' AND (CAST(:person AS uuid) IS NULL OR actor_id = :person)
       ) """
_SUMS: Final = """sum(calls)::bigint AS calls, sum(failed_calls)::bigint AS failed_calls, sum(priced_calls)::bigint AS priced_calls,
       sum(prompt_tokens)::bigint AS prompt_tokens, sum(answer_tokens)::bigint AS answer_tokens, sum(cost_micros)::bigint AS cost_micros"""
_REPORT: Final = text(
    f"""{_USED} SELECT GROUPING(day, model, actor_id, token_id, chatbot_id) AS unsaid, day, model, actor_id, token_id, chatbot_id,
       currency, {_SUMS} FROM used
       GROUP BY GROUPING SETS ((day, currency), (model, currency), (actor_id, currency), (token_id, currency), (chatbot_id, currency))"""  # noqa: S608 - both parts are ours
)
_ROWS: Final = text(
    f"""{_USED} SELECT day, model, actor_id, token_id, chatbot_id, currency, {_SUMS} FROM used
       GROUP BY day, model, actor_id, token_id, chatbot_id, currency
       ORDER BY day, model, actor_id, token_id, chatbot_id, currency LIMIT :most"""  # noqa: S608 - both parts are ours
)
_DAY, _MODEL, _PERSON, _KEY, _BOT = 0b01111, 0b10111, 0b11011, 0b11101, 0b11110
MOST_ROWS: Final = 200_000
Of = TypeVar("Of")


@dataclass(frozen=True)
class Span:
    """Days (UTC), both ends among them."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Check it. Raises SpanMalformed."""
        if not timedelta(0) <= self.last - self.first < timedelta(days=MOST_DAYS):
            raise SpanMalformed(most=MOST_DAYS)

    @classmethod
    def of_last(cls, days: int, *, clock: Clock) -> "Span":
        """Return the last days, today among them."""
        today = clock.now().date()
        return cls(today - timedelta(days=days - 1), today)

    @classmethod
    def of_month(cls, clock: Clock) -> "Span":
        """Return this calendar month, up to today."""
        today = clock.now().date()
        return cls(today.replace(day=1), today)

    @property
    def days(self) -> Iterator[date]:
        """Every day of it."""
        return (self.first + timedelta(days=at) for at in range((self.last - self.first).days + 1))


@dataclass(frozen=True)
class Cost:
    """Millionths of a currency."""

    currency: str
    micros: int


@dataclass(frozen=True)
class Used:
    """What calls used. `costs` is of the priced calls alone, by currency."""

    calls: int = 0
    failed_calls: int = 0
    priced_calls: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    costs: tuple[Cost, ...] = ()

    @property
    def tokens(self) -> int:
        """Read and written together."""
        return self.prompt_tokens + self.answer_tokens

    def cost_in(self, currency: str) -> int:
        """Return the millionths of a currency."""
        return sum(one.micros for one in self.costs if one.currency == currency)

    def __add__(self, other: "Used") -> "Used":
        costs: dict[str, int] = {}
        for one in (*self.costs, *other.costs):
            costs[one.currency] = costs.get(one.currency, 0) + one.micros
        return Used(
            self.calls + other.calls, self.failed_calls + other.failed_calls, self.priced_calls + other.priced_calls,
            self.prompt_tokens + other.prompt_tokens, self.answer_tokens + other.answer_tokens,
            tuple(Cost(currency, micros) for currency, micros in sorted(costs.items())),
        )  # fmt: skip


@dataclass(frozen=True)
class Part(Generic[Of]):
    """What one model, person, group, key or chatbot used. `of` None: those that had none, or all that are not named."""

    of: Of | None
    used: Used


@dataclass(frozen=True)
class Report:
    """What was used in a span; the most used first, in lists of at most a hundred and the rest together."""

    span: Span
    total: Used
    by_day: tuple[tuple[date, Used], ...]
    by_model: tuple[Part[str], ...]
    by_person: tuple[Part[UUID], ...]
    by_group: tuple[Part[UUID], ...]
    by_key: tuple[Part[UUID], ...]
    by_chatbot: tuple[Part[UUID], ...]

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those in which something was paid."""
        return tuple(one.currency for one in self.total.costs)


@dataclass(frozen=True)
class Row:
    """What one person used of one model on one day by one key or chatbot."""

    day: date
    model: str
    user_id: UUID | None
    token_id: UUID | None
    chatbot_id: UUID | None
    used: Used


@dataclass(frozen=True)
class ModelUsage:
    """What this month used of a model. `cost_micros` is of the priced calls alone; `currency` None where none was priced."""

    model: str
    calls: int
    prompt_tokens: int
    answer_tokens: int
    priced_calls: int
    cost_micros: int
    currency: str | None


@dataclass(frozen=True)
class PersonUsage:
    """What somebody used this month, by themselves or by a program of theirs."""

    user_id: UUID
    calls: int
    prompt_tokens: int
    answer_tokens: int


def usage_by_model(tx: Tx, caller: Caller, *, clock: Clock) -> list[ModelUsage]:
    """Return what this calendar month (UTC) used of each model, the most used first."""
    return [
        ModelUsage(
            one.of, one.used.calls, one.used.prompt_tokens, one.used.answer_tokens, one.used.priced_calls, cost.micros,
            cost.currency or None,
        )
        for one in report(tx, caller, Span.of_month(clock)).by_model if one.of
        for cost in (one.used.costs or (Cost("", 0),))
    ]  # fmt: skip


def usage_by_person(tx: Tx, caller: Caller, *, clock: Clock) -> list[PersonUsage]:
    """Return what this calendar month (UTC) each person used, who used most first."""
    return [
        PersonUsage(one.of, one.used.calls, one.used.prompt_tokens, one.used.answer_tokens)
        for one in report(tx, caller, Span.of_month(clock)).by_person if one.of
    ]  # fmt: skip


def report(tx: Tx, caller: Caller, span: Span) -> Report:
    """Return what the organisation used. A person counts in each group that they are in today."""
    identity.require(caller, Permission.USAGE_READ)
    return _report(tx, span, None, identity.group_members(tx))


def own_report(tx: Tx, caller: Caller, span: Span) -> Report:
    """Return what the caller used, by themselves and by programs."""
    return _report(tx, span, caller.user_id, {})


def rows(tx: Tx, caller: Caller, span: Span) -> list[Row]:
    """Return what the organisation used in single rows, in the order of days, for other programs."""
    identity.require(caller, Permission.USAGE_READ)
    found = tx.execute(_ROWS, _asked(tx, span, None) | {"most": MOST_ROWS})
    return [Row(one.day, one.model, one.actor_id, one.token_id, one.chatbot_id, _used(one)) for one in found]


def _report(tx: Tx, span: Span, person: UUID | None, groups: dict[GroupId, frozenset[Any]]) -> Report:
    found: dict[int, dict[Any, Used]] = {_DAY: {}, _MODEL: {}, _PERSON: {}, _KEY: {}, _BOT: {}}
    for row in tx.execute(_REPORT, _asked(tx, span, person)):
        of = {_DAY: row.day, _MODEL: row.model, _PERSON: row.actor_id, _KEY: row.token_id, _BOT: row.chatbot_id}
        sums, key = found[row.unsaid], of[row.unsaid]
        sums[key] = sums.get(key, Used()) + _used(row)
    people = found[_PERSON]
    by_group = {
        group_id: sum((people[one] for one in members if one in people), start=Used())
        for group_id, members in groups.items()
    }
    return Report(
        span, sum(found[_DAY].values(), start=Used()), tuple((day, found[_DAY].get(day, Used())) for day in span.days),
        _parts(found[_MODEL].items()), _parts(people.items()),
        _parts((of, used) for of, used in by_group.items() if used.calls), _parts(found[_KEY].items()),
        _parts(found[_BOT].items()),
    )  # fmt: skip


def _parts(sums: Iterable[tuple[Of | None, Used]]) -> tuple[Part[Of], ...]:
    """Return the most used first: by cost, then by tokens. What is of nobody, and what is beyond a hundred, comes last."""
    named = [Part(of, used) for of, used in sums if of is not None]
    rest = [used for of, used in sums if of is None]
    named.sort(key=lambda one: (-sum(cost.micros for cost in one.used.costs), -one.used.tokens, str(one.of)))
    rest += [one.used for one in named[_MOST:]]
    left = sum(rest, start=Used())
    return (*named[:_MOST], *([Part[Of](None, left)] if left.calls else []))


def _asked(tx: Tx, span: Span, person: UUID | None) -> dict[str, Any]:
    since = datetime.combine(span.first, time.min, UTC)
    until = datetime.combine(span.last, time.min, UTC) + timedelta(days=1)
    return {
        "tenant": tx.tenant_id, "first": span.first, "last": span.last, "since": since, "until": until, "person": person,
    }  # fmt: skip


def _used(row: Any) -> Used:
    costs = (Cost(row.currency, row.cost_micros),) if row.currency and row.priced_calls else ()
    return Used(row.calls, row.failed_calls, row.priced_calls, row.prompt_tokens, row.answer_tokens, costs)
