from datetime import date

from pydantic import Field

from appliance import budgets, knowledge
from appliance.api.framework import Call, operation
from appliance.api.rooms.organisation import BudgetOut, UsageOut
from appliance.api.schemas import Input, Output
from appliance.assembly import anchors_of
from appliance.audit.anchors import is_contradicted
from appliance.chat.numbers import count_questions, feedback_by_day, questions_by_day
from appliance.gateway.ledger import count_people, month_usage, people_by_day, tokens_by_day
from appliance.identity import Permission
from appliance.identity.permissions import require_granted
from appliance.knowledge.numbers import documents_by_day


class DocumentCountsOut(Output):
    """`ready` ones can be searched."""

    total: int
    ready: int


class OverviewOut(Output):
    """The organisation in a few numbers; `questions`, `usage` and `budget` are of this calendar month (UTC).

    `log_contradicted`: a witness knows the audit log to be another one, and nothing more is sealed.
    """

    documents: DocumentCountsOut
    questions: int
    usage: UsageOut
    budget: BudgetOut
    log_contradicted: bool


class DaysAsked(Input):
    days: int = Field(30, ge=1, le=366, description="How many days, up to today.")


class DayOut(Output):
    """A day (UTC): questions asked, people who asked, documents uploaded that are still here, tokens used, and the
    answers that people found good or bad on it.
    """

    day: date
    questions: int
    people: int
    documents: int
    tokens: int
    good_answers: int
    bad_answers: int


class DaysOut(Output):
    """The days, and in `people` how many different people asked in all of them: fewer than the sum of the days."""

    people: int
    items: list[DayOut]


@operation("GET", "/overview", permission=Permission.OVERVIEW_READ, answer=OverviewOut)
def get_overview(call: Call) -> OverviewOut:
    """Return the organisation in a few numbers."""
    require_granted(call.caller, Permission.OVERVIEW_READ)
    clock = call.services.clock
    with call.tenant() as tx:
        return OverviewOut(
            documents=DocumentCountsOut.model_validate(knowledge.counts(tx)),
            questions=count_questions(tx, clock=clock),
            usage=UsageOut.model_validate(month_usage(tx, clock=clock)),
            budget=BudgetOut.model_validate(budgets.get_budget(tx, clock=clock)),
            log_contradicted=is_contradicted(tx, anchors_of(call.services.settings)),
        )


@operation("GET", "/overview/days", permission=Permission.USAGE_READ, query=DaysAsked, answer=DaysOut)
def list_days(call: Call) -> DaysOut:
    """Return what the charts show: numbers for each of the last days, the oldest first."""
    days, clock = call.query.days, call.services.clock
    with call.tenant() as tx:
        columns = (
            questions_by_day(tx, call.caller, days=days, clock=clock),
            people_by_day(tx, days=days, clock=clock),
            documents_by_day(tx, call.caller, days=days, clock=clock),
            tokens_by_day(tx, days=days, clock=clock),
            *feedback_by_day(tx, call.caller, days=days, clock=clock),
        )
        people = count_people(tx, days=days, clock=clock)
    return DaysOut(people=people, items=[_day(cells) for cells in zip(*columns, strict=True)])


def _day(cells: tuple[tuple[date, int], ...]) -> DayOut:
    questions, people, documents, tokens, good, bad = (number for _, number in cells)
    return DayOut(
        day=cells[0][0], questions=questions, people=people, documents=documents, tokens=tokens, good_answers=good,
        bad_answers=bad,
    )  # fmt: skip
