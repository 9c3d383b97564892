from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response

import appliance
from appliance import budgets, identity
from appliance.budgets.errors import BudgetMalformed
from appliance.gateway.ledger import month_usage
from appliance.identity import Permission
from appliance.kernel.errors import Refusal
from appliance.kernel.problems import STATUS, problem
from appliance.kernel.sealing import digest
from appliance.web.render import page
from appliance.web.sessions import caller, services, session_token

blueprint = Blueprint("system", __name__)
Answer = tuple[str, int] | Response


@blueprint.get("/settings")
def settings() -> Answer:
    """Show the organisation's settings: models, budget, what may leave this host."""
    return _settings(given=None, shown=None)


@blueprint.post("/settings/budget")
def change_budget() -> Answer:
    """Set, or with an empty field lift, the monthly token budget."""
    person, house = caller(), services()
    given = request.form.get("monthly_tokens", "").replace(",", "").strip()
    try:
        tokens = _whole_number(given) if given else None
        with house.db.tenant(person.tenant_id) as tx:
            budgets.set_budget(tx, person, monthly_tokens=tokens, clock=house.clock)
    except BudgetMalformed as refusal:
        return _settings(given=given, shown=refusal)
    return redirect(url_for("system.settings"), 303)


def _whole_number(given: str) -> int:
    if not (given.isascii() and given.isdigit()):
        raise BudgetMalformed
    return int(given)


def _settings(*, given: str | None, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    identity.require(person, Permission.BUDGET_CHANGE)
    with house.db.tenant(person.tenant_id) as tx:
        budget = budgets.get_budget(tx, clock=house.clock)
        usage = month_usage(tx, clock=house.clock)
    status = STATUS[shown.kind] if shown else 200
    members = problem(shown, request_id=g.request_id) if shown else None
    return page(
        "settings/page.html", status, budget=budget, usage=usage, models=house.gateway.catalogue, given=given,
        problem=members, egress=house.settings.egress_allow, version=appliance.__version__,
    )  # fmt: skip


@blueprint.get("/account")
def account() -> Answer:
    """Show one's own sessions and the form for a new password."""
    return _account(shown=None, done=False)


@blueprint.post("/account/password")
def change_password() -> Answer:
    """Change one's own password."""
    person, form = caller(), request.form
    try:
        with services().db.tenant(person.tenant_id) as tx:
            identity.change_password(
                tx, person, current=form.get("current", ""), new=form.get("new", ""), session=_session()
            )
    except Refusal as refusal:
        return _account(shown=refusal, done=False)
    return _account(shown=None, done=True)


@blueprint.post("/account/sessions/<session>/end")
def end_session(session: str) -> Answer:
    """End one of one's own sessions."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        identity.close_session(tx, person, session=bytes.fromhex(session) if _is_hex(session) else b"")
    return redirect(url_for("system.account"), 303)


def _account(*, shown: Refusal | None, done: bool) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        sessions = identity.list_sessions(tx, person)
    status = STATUS[shown.kind] if shown else 200
    members = problem(shown, request_id=g.request_id) if shown else None
    return page("account/page.html", status, sessions=sessions, this=_session(), problem=members, done=done)


def _session() -> bytes:
    return digest(session_token() or "")


def _is_hex(text: str) -> bool:
    return len(text) == 64 and all(sign in "0123456789abcdef" for sign in text)  # noqa: PLR2004 - a SHA-256
