"""How a connection provisions people and groups by SCIM: on or off, its address, its tokens."""

from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance.identity.scim.service import (
    TokenWish,
    change_provisioning,
    create_provisioning_token,
    get_provisioning,
    revoke_provisioning_token,
)
from appliance.identity.scim.values import WAY, Service, SubjectOf
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.typed import shown_here

blueprint = Blueprint("provisioning", __name__, url_prefix="/sign-on/<uuid:connection_id>/provisioning")
Answer = tuple[str, int] | Response
_ELSEWHERE = ("forbidden", "connection_not_found", "provisioning_token_not_found")


@blueprint.get("")
def show(connection_id: UUID) -> Answer:
    """Show how a connection provisions."""
    return _show(connection_id, shown=None)


@blueprint.post("")
def change(connection_id: UUID) -> Answer:
    """Switch it on or off, and say how people are known."""
    person, house = caller(), services()
    try:
        subject_of, needs_group = forms.choice(SubjectOf, "subject_of"), bool(forms.field("needs_group"))
        wanted = Service(bool(forms.field("is_on")), subject_of, needs_group)
        with house.db.tenant(person.tenant_id) as tx:
            change_provisioning(tx, person, connection_id, wanted, clock=house.clock)
    except Refusal as refusal:
        return _show(connection_id, shown=_mine(refusal))
    return done("provisioning.show", "saved", connection_id=connection_id)


@blueprint.post("/tokens")
def add_token(connection_id: UUID) -> Answer:
    """Make a token; its secret is on the page that answers, and nowhere after."""
    person, house = caller(), services()
    try:
        wish = TokenWish(forms.whole_number("days"), forms.lines("networks"))
        with house.db.tenant(person.tenant_id) as tx:
            issued = create_provisioning_token(tx, person, connection_id, wish, clock=house.clock)
            found = get_provisioning(tx, person, connection_id)
    except Refusal as refusal:
        return _show(connection_id, shown=_mine(refusal))
    return page("sign_on/provisioning_token.html", issued=issued, found=found, address=_address(connection_id))


@blueprint.post("/tokens/<uuid:token_id>/revocation")
def revoke_token(connection_id: UUID, token_id: UUID) -> Answer:
    """End a token now."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        revoke_provisioning_token(tx, person, connection_id, token_id)
    return done("provisioning.show", "token-revoked", connection_id=connection_id)


def _show(connection_id: UUID, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found = get_provisioning(tx, person, connection_id)
    return page(
        "sign_on/provisioning.html", refusal=shown, found=found, address=_address(connection_id), form=request.form,
        subjects=SubjectOf, now=house.clock.now(),
    )  # fmt: skip


def _address(connection_id: UUID) -> str:
    return f"{services().settings.address.rstrip('/')}{WAY}/{connection_id}"


def _mine(refusal: Refusal) -> Refusal:
    return shown_here(refusal, _ELSEWHERE)
