"""What a link from an administrator opens: joining by an invitation, and choosing a new password."""

from datetime import timedelta

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Caller, UserId
from appliance.identity.invitations import Acceptance
from appliance.identity.sso.enforcing import way_by_provider
from appliance.identity.sso.errors import SignOnEnforced
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import public, services, session_token, sign_in_cookie
from appliance.web.signin import PasswordsDiffer, by_provider

blueprint = Blueprint("joining", __name__)
Answer = tuple[str, int] | Response


@blueprint.get("/join")
@public("the single-use link of an invitation is the proof")
def show() -> Answer:
    """Show what an invitation offers."""
    return _show(request.args.get("link", ""), shown=None)


@blueprint.post("/join")
@public("the single-use link of an invitation is the proof")
def accept() -> Answer:
    """Join: as a new person, or as the signed-in one whose address was invited."""
    house, link, person = services(), forms.field("link"), _own_caller()
    try:
        if person is None and forms.field("password") != forms.field("again"):
            raise PasswordsDiffer
        acceptance = Acceptance(forms.field("name"), forms.field("password"), person.user_id if person else None)
        tenant_id, user_id = identity.accept(
            house.db, link, acceptance, address=request.remote_addr or "", request_id=g.request_id, clock=house.clock
        )
    except Refusal as refusal:
        return _show(link, shown=refusal)
    try:
        token = _session(person, tenant_id, user_id)
    except SignOnEnforced:  # they are a member, and their account is linked with the provider before they come in
        return by_provider(way_by_provider(house.db, tenant_id, user_id))
    response = redirect(url_for("overview.show"), 303)
    sign_in_cookie(response, token)
    return response


@blueprint.get("/reset")
@public("the single-use link is the proof")
def new_password() -> Answer:
    """Show the form for a new password."""
    link = request.args.get("link", "")
    email = identity.find_password_reset(services().db, link, clock=services().clock)
    return page("joining/reset.html", link=link, email=email)


@blueprint.post("/reset")
@public("the single-use link is the proof")
def reset() -> Answer:
    """Set the new password; every session of the person ends."""
    house, link = services(), forms.field("link")
    email = identity.find_password_reset(house.db, link, clock=house.clock)
    try:
        if forms.field("new") != forms.field("again"):
            raise PasswordsDiffer
        identity.reset_password(
            house.db, link, new=forms.field("new"), address=request.remote_addr or "", request_id=g.request_id,
            clock=house.clock,
        )  # fmt: skip
    except Refusal as refusal:
        return page("joining/reset.html", refusal=refusal, link=link, email=email)
    return done("signin.sign_in_page", "reset")


def _own_caller() -> Caller | None:
    """Return who is signed in by their own account: what an organisation's provider says joins no other organisation."""
    person: Caller | None = g.caller
    return person if person is not None and person.connection_id is None else None


def _session(person: Caller | None, tenant_id: TenantId, user_id: UserId) -> str:
    house = services()
    if person is not None:
        return identity.enter(house.db, person, tenant_id, token=session_token() or "", clock=house.clock)
    with house.db.tenant(tenant_id) as tx:
        return identity.open_session(
            tx, user_id, address=request.remote_addr or "", agent=request.user_agent.string, request_id=g.request_id,
            lifetime=timedelta(hours=house.settings.session_hours), clock=house.clock,
        )  # fmt: skip


def _show(link: str, *, shown: Refusal | None) -> Answer:
    offer = identity.find_offer(services().db, link, clock=services().clock)
    person = _own_caller()
    return page("joining/page.html", refusal=shown, offer=offer, link=link, form=request.form,
                is_theirs=person is not None and person.user_id == offer.account_id)  # fmt: skip
