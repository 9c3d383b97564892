from flask import Blueprint

from appliance import budgets, chat, identity, knowledge
from appliance.gateway.ledger import month_usage
from appliance.identity import Permission
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
def show() -> tuple[str, int]:
    """Show an organisation in a few numbers, and the next step."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        identity.require(person, Permission.OVERVIEW_READ)
        return page(
            "overview/page.html",
            documents=knowledge.counts(tx),
            questions=chat.count_questions(tx),
            usage=month_usage(tx, clock=house.clock),
            budget=budgets.get_budget(tx, clock=house.clock),
        )
