from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import MemberKind, PeopleFilter, Role, UserId
from appliance.identity.breakglass import MOST, designate, list_break_glass, withdraw
from appliance.identity.entry_errors import BreakGlassFull, BreakGlassUnfit
from appliance.kernel.errors import Refusal
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("break_glass", __name__, url_prefix="/break-glass")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """Show the break-glass accounts, and who could be one."""
    return _list(shown=None)


@blueprint.post("/<uuid:user_id>/designation")
def create(user_id: UUID) -> Answer:
    """Make an owner's account one."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            designate(tx, person, UserId(user_id), clock=house.clock)
    except (BreakGlassFull, BreakGlassUnfit) as refusal:
        return _list(shown=refusal)
    return done("break_glass.show", "saved")


@blueprint.post("/<uuid:user_id>/removal")
def create_removal(user_id: UUID) -> Answer:
    """Make it an account like any other."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        withdraw(tx, person, UserId(user_id))
    return done("break_glass.show", "saved")


def _list(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        accounts = list_break_glass(tx, person)
        owners = identity.list_people(tx, person, PeopleFilter(role=Role.OWNER, kind=MemberKind.PERSON))
    named = {one.user_id for one in accounts}
    others = [one for one in owners if one.user_id not in named]
    return page("break_glass/page.html", refusal=shown, accounts=accounts, others=others, most=MOST)
