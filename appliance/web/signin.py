from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import chat, identity
from appliance.audit import Actor, ActorKind
from appliance.identity.errors import SecondStepFailed, SetupLinkClosed
from appliance.identity.operators import add_founding_operator, count_operators
from appliance.identity.setup import Founding
from appliance.identity.signin import Proof, SecondStep
from appliance.identity.sso.errors import BreakGlassUnshown, SignOnEnforced
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.sealing import digest
from appliance.web import forms
from appliance.web.language import translated
from appliance.web.render import page
from appliance.web.sessions import (
    caller,
    enrolling,
    passkey_site,
    public,
    services,
    session_token,
    sign_in_cookie,
    sign_out_cookie,
)

blueprint = Blueprint("signin", __name__)
_STEP_COOKIE = "cloister_step"
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
    return page("signin/setup.html", link=link, form={}, asks=_asks())


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
            user_id = chat.found(tx, founding, actor=actor, clock=house.clock, words=translated(chat.FirstWords()))
        if form.get("operator") and _asks():
            add_founding_operator(house.db, user_id, actor, clock=house.clock)
    except Refusal as refusal:
        return page("signin/setup.html", refusal=refusal, link=form.get("link", ""), form=form, asks=_asks())
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
    return page("signin/page.html", form={}, next=own_path(request.args.get("next")))


@blueprint.post("/sign-in")
@public("nobody is signed in before they sign in")
def sign_in() -> Answer:
    """Sign in by e-mail address and password."""
    house, form = services(), request.form
    attempt = forms.attempt(form.get("email", ""), form.get("password", ""))
    try:
        signed_in = identity.sign_in(house.db, attempt, lifetime=_lifetime(), clock=house.clock)
    except SignOnEnforced as refusal:
        return by_provider(refusal)
    except Refusal as refusal:
        return page("signin/page.html", refusal=refusal, form=form, next=own_path(form.get("next")))
    if isinstance(signed_in, SecondStep):
        response = redirect(url_for("signin.second_step", next=own_path(form.get("next"))), 303)
        return _keep_step(response, signed_in.token)
    return _signed_in(signed_in.token, own_path(form.get("next")))


@blueprint.get("/sign-in/second-step")
@public("nobody is signed in before they sign in")
def second_step() -> Answer:
    """Ask for the second factor."""
    return _second_step(shown=None)


@blueprint.post("/sign-in/second-step")
@public("nobody is signed in before they sign in")
def finish_sign_in() -> Answer:
    """Sign in by the second factor."""
    house, form = services(), request.form
    attempt = forms.attempt("", "")
    try:
        token = identity.finish_sign_in(
            house.db, request.cookies.get(_STEP_COOKIE, ""), Proof(form.get("code", ""), form.get("passkey", "")),
            attempt, site=passkey_site(), sealer=house.vault.platform, lifetime=_lifetime(), clock=house.clock,
        )  # fmt: skip
    except SecondStepFailed as refusal:
        return _second_step(shown=refusal)
    except BreakGlassUnshown as refusal:
        return _keep_step(make_response(*_second_step(shown=refusal, token=refusal.step)), refusal.step)
    except SignOnEnforced as refusal:
        return by_provider(refusal)
    response = _signed_in(token, own_path(form.get("next")))
    response.delete_cookie(_STEP_COOKIE, path="/sign-in", secure=house.settings.is_https, httponly=True)
    return response


@blueprint.post("/sign-out")
@enrolling
def sign_out() -> Answer:
    """End this session."""
    person, token = caller(), session_token()
    goodbye = services().sign_on.goodbye(person, token or "")
    with services().db.tenant(person.tenant_id) as tx:
        identity.close_session(tx, person, session=digest(token or ""))
    response: Response
    if goodbye is not None:
        body, _ = page("sso/signed_out.html", connection=goodbye[0], farewell=goodbye[1])
        response = make_response(body)
    elif person.connection_id is None:
        response = redirect(url_for("signin.sign_in_page"), 303)
    else:
        response = redirect(url_for("sso.signed_out", connection_id=person.connection_id), 303)
    sign_out_cookie(response)
    return response


def own_path(target: str | None) -> str:
    """Return where to go after signing in: a path of ours, whatever was asked for."""
    parts = urlsplit(target or "/")
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    is_plain = target is not None and target.isprintable() and "\\" not in target and not target.startswith("//")
    return target if target and is_ours and is_plain else "/"


def _keep_step(response: Response, token: str) -> Response:
    """Give a browser the cookie by which its second step is known."""
    response.set_cookie(
        _STEP_COOKIE, token, max_age=300, secure=services().settings.is_https, httponly=True, samesite="Strict", path="/sign-in",
    )  # fmt: skip
    return response


def _second_step(*, shown: Refusal | None, token: str = "") -> tuple[str, int]:
    house = services()
    token = token or request.cookies.get(_STEP_COOKIE, "")
    options = identity.second_step_options(house.db, token, passkey_site(), clock=house.clock)
    target = own_path(request.form.get("next") or request.args.get("next"))
    return page("signin/second_step.html", refusal=shown, options=options, next=target)


def by_provider(refusal: SignOnEnforced) -> Answer:
    """Send somebody to their provider whose password was right, where that is not enough."""
    from appliance.web.ways import leaves

    if refusal.connection is None or refusal.wish is None:
        raise refusal
    return leaves(refusal.connection, replace(refusal.wish, target=own_path(forms.field("next"))), by_form=True)


def _asks() -> bool:
    """Whether set-up offers to run the host as well: only while nobody does."""
    return count_operators(services().db) == 0


def _signed_in(token: str, target: str) -> Response:
    response = redirect(target, 303)
    sign_in_cookie(response, token)
    return response


def _lifetime() -> timedelta:
    return timedelta(hours=services().settings.session_hours)
