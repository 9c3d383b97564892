"""What models used and cost, by day, model, person, group, key and chatbot."""

import datetime as dt
from collections.abc import Iterator
from uuid import UUID

from pydantic import Field

from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.gateway import usage
from appliance.gateway.errors import SpanMalformed
from appliance.gateway.sheet import lines
from appliance.gateway.usage import Report, Span
from appliance.identity import Permission


class SpanAsked(Input):
    """Days (UTC). Without `since`, the thirty up to `until`; without `until`, up to today."""

    since: dt.date | None = Field(None, description="The first day.", examples=["2026-11-01"])
    until: dt.date | None = Field(None, description="The last day.", examples=["2026-11-30"])


class CostOut(Output):
    """Millionths of the currency."""

    currency: str
    micros: int


class UsedOut(Output):
    """`costs` are of the priced calls alone: a call without a price is not free, its price is not known."""

    calls: int
    failed_calls: int
    priced_calls: int
    prompt_tokens: int
    answer_tokens: int
    costs: list[CostOut]


class DayUsedOut(Output):
    day: dt.date
    used: UsedOut


class ModelUsedOut(Output):
    """`model` null: all those that are not named."""

    model: str | None
    used: UsedOut


class PartUsedOut(Output):
    """`id` null: what was used without one, and all those that are not named."""

    id: UUID | None
    used: UsedOut


class ReportOut(Output):
    """The most used first, at most a hundred of each. A person counts in each group that they are in today."""

    first: dt.date
    last: dt.date
    total: UsedOut
    by_day: list[DayUsedOut]
    by_model: list[ModelUsedOut]
    by_person: list[PartUsedOut]
    by_group: list[PartUsedOut]
    by_key: list[PartUsedOut]
    by_chatbot: list[PartUsedOut]


@operation(
    "GET", "/usage", permission=Permission.USAGE_READ, query=SpanAsked, answer=ReportOut, refusals=(SpanMalformed,)
)
def report_usage(call: Call) -> ReportOut:
    """Return what the organisation used."""
    with call.tenant() as tx:
        return _report(usage.report(tx, call.caller, _span(call)))


@operation("GET", "/usage/mine", permission=None, query=SpanAsked, answer=ReportOut, refusals=(SpanMalformed,))
def report_own_usage(call: Call) -> ReportOut:
    """Return what the token's owner used, by themselves and by programs."""
    with call.tenant() as tx:
        return _report(usage.own_report(tx, call.caller, _span(call)))


@operation(
    "GET", "/usage/export", permission=Permission.USAGE_READ, query=SpanAsked, refusals=(SpanMalformed,), streams=True,
    media="text/csv",
)  # fmt: skip
def export_usage(call: Call) -> Iterator[str]:
    """Return what the organisation used as CSV: a line for each day, model, person, key and chatbot."""
    with call.tenant() as tx:
        return lines(usage.rows(tx, call.caller, _span(call)))


def _span(call: Call) -> Span:
    last = call.query.until or call.services.clock.now().date()
    if last < dt.date.min + dt.timedelta(days=usage.MOST_DAYS):
        raise SpanMalformed(most=usage.MOST_DAYS)
    return Span(call.query.since or last - dt.timedelta(days=29), last)


def _report(found: Report) -> ReportOut:
    def parts(some: tuple[usage.Part[UUID], ...]) -> list[PartUsedOut]:
        return [PartUsedOut(id=one.of, used=UsedOut.model_validate(one.used)) for one in some]

    return ReportOut(
        first=found.span.first, last=found.span.last, total=UsedOut.model_validate(found.total),
        by_day=[DayUsedOut(day=day, used=UsedOut.model_validate(used)) for day, used in found.by_day],
        by_model=[ModelUsedOut(model=one.of, used=UsedOut.model_validate(one.used)) for one in found.by_model],
        by_person=parts(found.by_person), by_group=parts(found.by_group), by_key=parts(found.by_key),
        by_chatbot=parts(found.by_chatbot),
    )  # fmt: skip
