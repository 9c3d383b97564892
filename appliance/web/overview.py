from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from appliance import budgets, identity, knowledge
from appliance.assembly import anchors_of
from appliance.audit.anchors import is_contradicted
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
_OWN_STARTS = (  # where somebody begins whose role does not show the overview
    (Permission.CHAT, "conversations.show"), (Permission.DOCUMENT_READ, "documents.show"), (Permission.AUDIT_READ, "evidence.show"),
    (Permission.PEOPLE_READ, "people.show"),
)  # fmt: skip
_STARTS = {Role.AUDITOR: "evidence.show", Role.OPERATOR: "platform.show"}
blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
def show() -> tuple[str, int] | Response:
    """Show an organisation in a few numbers, and the next step; operators and auditors start at what is theirs."""
    person, house = caller(), services()
    if person.role in _STARTS:
        return redirect(url_for(_STARTS[person.role]), 303)
    if person.role is Role.CUSTOM and not may(person, Permission.OVERVIEW_READ):
        return redirect(url_for(next((page for one, page in _OWN_STARTS if may(person, one)), "account.show")), 303)
    with house.db.tenant(person.tenant_id) as tx:
        identity.require(person, Permission.OVERVIEW_READ)
        return page(
            "overview/page.html",
            documents=knowledge.counts(tx),
            questions=count_questions(tx, clock=house.clock),
            usage=month_usage(tx, clock=house.clock),
            budget=budgets.get_budget(tx, clock=house.clock),
            is_contradicted=is_contradicted(tx, anchors_of(house.settings)),
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
