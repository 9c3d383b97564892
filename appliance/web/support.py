from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Permission
from appliance.identity.entry_errors import OperatorNotFound, SupportMalformed
from appliance.identity.errors import EmailMalformed
from appliance.identity.support import MOST_HOURS, SupportForm, SupportLevel, end_support, grant_support, list_grants
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("support", __name__, url_prefix="/support")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """Show which operators of the platform were let in."""
    return _list(shown=None)


@blueprint.post("")
def grant() -> Answer:
    """Let an operator in, for hours."""
    person, house = caller(), services()
    identity.require(person, Permission.SUPPORT_GRANT)  # before the form is read
    try:
        form = SupportForm(
            forms.field("email"), forms.choice(SupportLevel, "level"), forms.whole_number("hours"), forms.field("reason")
        )
        with house.db.tenant(person.tenant_id) as tx:
            grant_support(tx, person, form, clock=house.clock)
    except (EmailMalformed, OperatorNotFound, SupportMalformed, forms.NotAChoice, forms.NotANumber) as refusal:
        return _list(shown=refusal)
    return done("support.show", "support-granted")


@blueprint.post("/<uuid:grant_id>/end")
def end(grant_id: UUID) -> Answer:
    """End a grant at once."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        end_support(tx, person, grant_id, clock=house.clock)
    return done("support.show", "support-ended")


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        grants = list_grants(tx, person)
    return page("support/page.html", refusal=shown, grants=grants, now=house.clock.now(), levels=list(SupportLevel),
                most=MOST_HOURS, form=request.form)  # fmt: skip
