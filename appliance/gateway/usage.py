"""What calls used, by day, model, person, key and chatbot. One statement reads it all: what is folded, and what is younger."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import text

from appliance import identity
from appliance.gateway.errors import SpanMalformed
from appliance.identity import Caller, GroupId, Permission, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx

MOST_DAYS: Final = 400
_MOST: Final = 50
# Sums of bigint are of unlimited length, and cost three times as much as these, which are exact below 2^53; money is summed without a limit.
_SUMS: Final = ", ".join(
    [f"sum({name}::float8)::bigint AS {name}" for name in ("calls", "failed_calls", "priced_calls", "prompt_tokens", "answer_tokens")]
    + ["sum(cost_micros)::bigint AS cost_micros"]
)
_NUMBERS: Final = "calls, failed_calls, priced_calls, prompt_tokens, answer_tokens, cost_micros"
_YOUNG: Final = """folded AS (SELECT coalesce((SELECT until FROM usage_folded WHERE tenant_id = :tenant), '-infinity') AS until),
       young AS (
         SELECT (admitted_at AT TIME ZONE 'UTC')::date AS day, model, actor_id, token_id, chatbot_id, currency, 1 AS calls,
                (state IN ('failed', 'unknown', 'abandoned'))::int AS failed_calls, is_priced::int AS priced_calls, prompt_tokens,
                answer_tokens, cost_micros
         FROM model_calls
         WHERE tenant_id = :tenant AND admitted_at >= greatest((SELECT until FROM folded), CAST(:since AS timestamptz))
           AND admitted_at < :until AND state <> 'admitted' AND (CAST(:person AS uuid) IS NULL OR actor_id = :person)
       )"""
_EACH: Final = f"""WITH {_YOUNG}, used AS (
         SELECT day, model, actor_id, token_id, chatbot_id, currency, {_NUMBERS}
         FROM usage_days WHERE tenant_id = :tenant AND day BETWEEN :first AND :last
           AND (CAST(:person AS uuid) IS NULL OR actor_id = :person)
         UNION ALL SELECT * FROM young
       )"""  # noqa: S608 - every part is ours, here and below
_PARTS: Final = """(VALUES ('model', model, NULL::uuid), ('person', NULL, actor_id), ('key', NULL, token_id),
       ('chatbot', NULL, chatbot_id)) AS p (part, model, id)"""
_EVERYBODY: Final = text(
    f"""WITH {_YOUNG}, used AS NOT MATERIALIZED (
         SELECT day, part, model, id, currency, {_NUMBERS} FROM usage_parts
         WHERE tenant_id = :tenant AND day BETWEEN :first AND :last
         UNION ALL SELECT day, p.part, p.model, p.id, currency, {_NUMBERS} FROM young CROSS JOIN LATERAL {_PARTS}
       ) SELECT true AS is_day, day, 'model' AS part, NULL AS model, NULL::uuid AS id, currency, {_SUMS} FROM used
         WHERE part = 'model' GROUP BY day, currency
       UNION ALL SELECT false, NULL, part, model, id, currency, {_SUMS} FROM used GROUP BY part, model, id, currency"""  # noqa: S608 - as above
)
_ONE: Final = text(
    f"""{_EACH}, parted AS (SELECT day, p.part, p.model, p.id, currency, {_NUMBERS} FROM used CROSS JOIN LATERAL {_PARTS})
       SELECT GROUPING(day) = 0 AS is_day, day, part, model, id, currency, {_SUMS} FROM parted
       GROUP BY GROUPING SETS ((part, day, currency), (part, model, id, currency))"""  # noqa: S608 - as above
)
_DAYS: Final = text(
    f"""WITH {_YOUNG}, used AS (
         SELECT day, currency, {_NUMBERS} FROM usage_parts
         WHERE tenant_id = :tenant AND day BETWEEN :first AND :last AND part = 'model'
         UNION ALL SELECT day, currency, {_NUMBERS} FROM young
       ) SELECT day, currency, {_SUMS} FROM used GROUP BY day, currency"""  # noqa: S608 - as above
)
# At the console, too, somebody asks: the person of --as.
_ASKERS: Final = """WITH folded AS (SELECT coalesce((SELECT until FROM usage_folded WHERE tenant_id = :tenant), '-infinity') AS until),
       askers AS (
         SELECT day, actor_id FROM usage_days WHERE tenant_id = :tenant AND day BETWEEN :first AND :last AND kind = 'chat'
           AND actor_kind IN ('user', 'operator')
         UNION SELECT (admitted_at AT TIME ZONE 'UTC')::date, actor_id FROM model_calls
         WHERE tenant_id = :tenant AND admitted_at >= greatest((SELECT until FROM folded), CAST(:since AS timestamptz))
           AND admitted_at < :until AND kind = 'chat' AND actor_kind IN ('user', 'operator')
       )"""
_ASKERS_BY_DAY: Final = text(f"{_ASKERS} SELECT day, count(DISTINCT actor_id) FROM askers GROUP BY day")  # noqa: S608 - as above
_ASKERS_IN_ALL: Final = text(f"{_ASKERS} SELECT count(DISTINCT actor_id) FROM askers")  # noqa: S608 - as above
_ROWS: Final = text(
    f"""{_EACH} SELECT day, model, actor_id, token_id, chatbot_id, currency, {_SUMS} FROM used
       GROUP BY day, model, actor_id, token_id, chatbot_id, currency
       ORDER BY day, model, actor_id, token_id, chatbot_id, currency LIMIT :most"""  # noqa: S608 - as above
)
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

    @classmethod
    def of_all(cls, every: "Iterable[Used]") -> "Used":
        """Return the sum."""
        calls = failed = priced = read = written = 0
        costs: dict[str, int] = {}
        for one in every:
            calls, failed, priced = calls + one.calls, failed + one.failed_calls, priced + one.priced_calls
            read, written = read + one.prompt_tokens, written + one.answer_tokens
            for cost in one.costs:
                costs[cost.currency] = costs.get(cost.currency, 0) + cost.micros
        named = tuple(Cost(currency, micros) for currency, micros in sorted(costs.items()))
        return cls(calls, failed, priced, read, written, named)

    def __add__(self, other: "Used") -> "Used":
        return Used.of_all((self, other))


@dataclass(frozen=True)
class Part(Generic[Of]):
    """What one model, person, group, key or chatbot used. `of` None: those that had none, or all that are not named."""

    of: Of | None
    used: Used


@dataclass(frozen=True)
class Report:
    """What was used in a span; the most used first, in lists of at most fifty and the rest together."""

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
        for one in _ungrouped(tx, caller, clock).by_model if one.of
        for cost in (one.used.costs or (Cost("", 0),))
    ]  # fmt: skip


def usage_by_person(tx: Tx, caller: Caller, *, clock: Clock) -> list[PersonUsage]:
    """Return what this calendar month (UTC) each person used, who used most first."""
    return [
        PersonUsage(one.of, one.used.calls, one.used.prompt_tokens, one.used.answer_tokens)
        for one in _ungrouped(tx, caller, clock).by_person if one.of
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


def by_day(tx: Tx, span: Span) -> tuple[tuple[date, Used], ...]:
    """Return what the organisation used on each day. Asking for permission is the caller's part, here and below."""
    days: dict[date, Used] = {}
    for row in tx.execute(_DAYS, _asked(tx, span, None)):
        days[row.day] = days.get(row.day, Used()) + _used(row)
    return tuple((day, days.get(day, Used())) for day in span.days)


def total(tx: Tx, span: Span) -> Used:
    """Return what the organisation used."""
    return Used.of_all(used for _, used in by_day(tx, span))


def askers_by_day(tx: Tx, span: Span) -> list[tuple[date, int]]:
    """Return how many different people asked a model on each day on which somebody did."""
    return [(row[0], row[1]) for row in tx.execute(_ASKERS_BY_DAY, _asked(tx, span, None))]


def count_askers(tx: Tx, span: Span) -> int:
    """Return how many different people asked a model."""
    return int(tx.scalar(_ASKERS_IN_ALL, _asked(tx, span, None)) or 0)


def _ungrouped(tx: Tx, caller: Caller, clock: Clock) -> Report:
    identity.require(caller, Permission.USAGE_READ)
    return _report(tx, Span.of_month(clock), None, {})


def _report(tx: Tx, span: Span, person: UUID | None, groups: dict[GroupId, tuple[UserId, ...]]) -> Report:
    days: dict[date, Used] = {}
    found: dict[str, dict[Any, Used]] = {"model": {}, "person": {}, "key": {}, "chatbot": {}}
    for row in tx.execute(_EVERYBODY if person is None else _ONE, _asked(tx, span, person)):
        if row.is_day and row.part != "model":
            continue
        sums, of = (days, row.day) if row.is_day else (found[row.part], row.model or row.id)
        used = _used(row)
        sums[of] = sums[of] + used if of in sums else used
    people = found["person"]
    by_group = {group_id: Used.of_all(filter(None, map(people.get, members))) for group_id, members in groups.items()}
    return Report(
        span, Used.of_all(days.values()), tuple((day, days.get(day, Used())) for day in span.days),
        _parts(found["model"].items()), _parts(people.items()),
        _parts((of, used) for of, used in by_group.items() if used.calls), _parts(found["key"].items()),
        _parts(found["chatbot"].items()),
    )  # fmt: skip


def _parts(sums: Iterable[tuple[Of | None, Used]]) -> tuple[Part[Of], ...]:
    """Return the most used first: by cost, then by tokens. What is of nobody, and what is beyond the first fifty, comes last."""
    named = [Part(of, used) for of, used in sums if of is not None]
    rest = [used for of, used in sums if of is None]
    named.sort(key=lambda one: (-sum(cost.micros for cost in one.used.costs), -one.used.tokens, str(one.of)))
    rest += [one.used for one in named[_MOST:]]
    left = Used.of_all(rest)
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
