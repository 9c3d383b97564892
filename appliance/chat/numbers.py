"""An organisation's conversations in numbers, and never in words."""

from sqlalchemy import ColumnElement, func, select

from appliance import identity
from appliance.chat.tables import FeedbackRow, MessageRow
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.days import Days, first_moment, last_days
from appliance.kernel.db import Tx


def count_questions(tx: Tx, *, clock: Clock) -> int:
    """Return how many questions were asked in the organisation in this calendar month (UTC)."""
    month = func.date_trunc("month", clock.now(), "UTC")
    return int(tx.scalar(select(func.count()).where(_is_question(tx), MessageRow.created_at >= month)) or 0)


def questions_by_day(tx: Tx, caller: Caller, *, days: int, clock: Clock) -> Days:
    """Return how many questions were asked on each of the last days."""
    identity.require(caller, Permission.USAGE_READ)
    day = func.date_trunc("day", MessageRow.created_at, "UTC")
    rows = tx.execute(
        select(day, func.count())
        .where(_is_question(tx), MessageRow.created_at >= first_moment(clock.now(), days))
        .group_by(day)
    )
    return last_days([(row[0], row[1]) for row in rows], until=clock.now(), days=days)


def feedback_by_day(tx: Tx, caller: Caller, *, days: int, clock: Clock) -> tuple[Days, Days]:
    """Return how many answers were found good, and how many bad, on each of the last days."""
    identity.require(caller, Permission.USAGE_READ)
    day = func.date_trunc("day", FeedbackRow.given_at, "UTC")
    rows = tx.execute(
        select(day, FeedbackRow.is_good, func.count())
        .where(FeedbackRow.tenant_id == tx.tenant_id, FeedbackRow.given_at >= first_moment(clock.now(), days))
        .group_by(day, FeedbackRow.is_good)
    ).all()
    good, bad = [[(row[0], row[2]) for row in rows if row[1] is verdict] for verdict in (True, False)]
    return last_days(good, until=clock.now(), days=days), last_days(bad, until=clock.now(), days=days)


def _is_question(tx: Tx) -> ColumnElement[bool]:
    return (MessageRow.tenant_id == tx.tenant_id) & (MessageRow.role == "user")
