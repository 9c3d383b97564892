from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from appliance import budgets, identity, knowledge
from appliance.chat.numbers import count_questions, feedback_by_day, questions_by_day
from appliance.gateway.ledger import count_people, month_usage, people_by_day, tokens_by_day
from appliance.identity import Permission, Role
from appliance.identity.permissions import may
from appliance.kernel.db import Tx
from appliance.knowledge.numbers import documents_by_day
from appliance.web.charts import Chart
from appliance.web.language import gettext
from appliance.web.render import page
from appliance.web.sessions import caller, services

_DAYS = 30
blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
def show() -> tuple[str, int] | Response:
    """Show an organisation in a few numbers, and the next step; an operator starts at the list of organisations."""
    person, house = caller(), services()
    if person.role is Role.OPERATOR:
        return redirect(url_for("platform.show"), 303)
    with house.db.tenant(person.tenant_id) as tx:
        identity.require(person, Permission.OVERVIEW_READ)
        return page(
            "overview/page.html",
            documents=knowledge.counts(tx),
            questions=count_questions(tx, clock=house.clock),
            usage=month_usage(tx, clock=house.clock),
            budget=budgets.get_budget(tx, clock=house.clock),
            warned=_warned(tx) if may(person, Permission.USAGE_READ) else (),
            charts=_charts(tx) if may(person, Permission.USAGE_READ) else (),
        )


def _warned(tx: Tx) -> list[str]:
    found = budgets.list_budgets(tx, caller(), clock=services().clock)
    return [one.budget.form.name for one in found if one.is_warned or one.is_spent]


def _charts(tx: Tx) -> tuple[Chart, ...]:
    person, clock = caller(), services().clock
    good, bad = feedback_by_day(tx, person, days=_DAYS, clock=clock)
    people = count_people(tx, days=_DAYS, clock=clock)
    return (
        Chart(gettext("Questions"), questions_by_day(tx, person, days=_DAYS, clock=clock)),
        Chart(gettext("People who asked"), people_by_day(tx, days=_DAYS, clock=clock), people),
        Chart(gettext("Documents uploaded"), documents_by_day(tx, person, days=_DAYS, clock=clock)),
        Chart(gettext("Tokens"), tokens_by_day(tx, days=_DAYS, clock=clock)),
        Chart(gettext("Answers found good"), good),
        Chart(gettext("Answers found bad"), bad),
    )
