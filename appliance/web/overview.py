from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from appliance import budgets, chat, identity, knowledge
from appliance.gateway.ledger import month_usage
from appliance.identity import Permission, Role
from appliance.web.render import page
from appliance.web.sessions import caller, services

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
            questions=chat.count_questions(tx),
            usage=month_usage(tx, clock=house.clock),
            budget=budgets.get_budget(tx, clock=house.clock),
        )
