from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import chat, identity
from appliance.audit import Actor, ActorKind
from appliance.identity.errors import SetupLinkClosed
from appliance.identity.setup import Founding
from appliance.identity.signin import Attempt
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.problems import STATUS, problem
from appliance.kernel.sealing import digest
from appliance.web.render import page
from appliance.web.sessions import caller, public, services, session_token, sign_in_cookie, sign_out_cookie

blueprint = Blueprint("signin", __name__)
Answer = tuple[str, int] | Response


class PasswordsDiffer(Invalid):
    """The two passwords are not the same. Type them again."""

    code = "passwords_differ"


@blueprint.get("/setup")
@public("the first owner has no account yet; the single-use link is the proof")
def setup() -> Answer:
    """Show the set-up page to whoever holds an open link."""
    house, link = services(), request.args.get("link", "")
    if not identity.link_is_open(house.db, link, clock=house.clock):
        raise SetupLinkClosed
    return page("signin/setup.html", link=link, form={}, problem=None)


@blueprint.post("/setup")
@public("the first owner has no account yet; the single-use link is the proof")
def found() -> Answer:
    """Create the first organisation and its owner, and sign them in."""
    house, form = services(), request.form
    founding = Founding(
        form.get("organisation", ""), form.get("name", ""), form.get("email", ""), form.get("password", "")
    )
    actor = Actor(ActorKind.USER, address=request.remote_addr, request_id=g.request_id)
    try:
        if founding.password != form.get("again", ""):
            raise PasswordsDiffer
        tenant_id = TenantId(new_id())
        with house.db.tenant(tenant_id) as tx:
            identity.consume_setup_link(tx, form.get("link", ""), clock=house.clock)
            user_id = chat.found(tx, founding, actor=actor, clock=house.clock)
    except Refusal as refusal:
        shown = problem(refusal, request_id=g.request_id)
        return page("signin/setup.html", STATUS[refusal.kind], link=form.get("link", ""), form=form, problem=shown)
    with house.db.tenant(tenant_id) as tx:
        token = identity.open_session(
            tx, user_id, address=request.remote_addr or "", agent=request.user_agent.string, request_id=g.request_id,
            lifetime=_lifetime(), clock=house.clock,
        )  # fmt: skip
    return _signed_in(token, url_for("overview.show"))


@blueprint.get("/sign-in")
@public("nobody is signed in before they sign in")
def sign_in_page() -> Answer:
    """Show the sign-in page."""
    if g.caller is not None:
        return redirect(url_for("overview.show"), 303)
    return page("signin/page.html", form={}, next=own_path(request.args.get("next")), problem=None)


@blueprint.post("/sign-in")
@public("nobody is signed in before they sign in")
def sign_in() -> Answer:
    """Sign in by e-mail address and password."""
    house, form = services(), request.form
    attempt = Attempt(
        form.get("email", ""),
        form.get("password", ""),
        request.remote_addr or "",
        request.user_agent.string,
        g.request_id,
    )
    try:
        token = identity.sign_in(house.db, attempt, lifetime=_lifetime(), clock=house.clock)
    except Refusal as refusal:
        shown = problem(refusal, request_id=g.request_id)
        return page("signin/page.html", STATUS[refusal.kind], form=form, next=own_path(form.get("next")), problem=shown)
    return _signed_in(token, own_path(form.get("next")))


@blueprint.post("/sign-out")
def sign_out() -> Answer:
    """End this session."""
    person, token = caller(), session_token()
    with services().db.tenant(person.tenant_id) as tx:
        identity.close_session(tx, person, session=digest(token or ""))
    response = redirect(url_for("signin.sign_in_page"), 303)
    sign_out_cookie(response)
    return response


def own_path(target: str | None) -> str:
    """Return where to go after signing in: a path of ours, whatever was asked for."""
    parts = urlsplit(target or "/")
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    is_plain = target is not None and target.isprintable() and "\\" not in target and not target.startswith("//")
    return target if target and is_ours and is_plain else "/"


def _signed_in(token: str, target: str) -> Response:
    response = redirect(target, 303)
    sign_in_cookie(response, token)
    return response


def _lifetime() -> timedelta:
    return timedelta(hours=services().settings.session_hours)
