"""How people sign in: the organisation's policy, and the histories of who did."""

from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Permission, UserId
from appliance.identity.entry_errors import NetworksLockOut, NetworksMalformed, PolicyBeyond
from appliance.identity.history import SignIn, list_sign_ins
from appliance.identity.policies import Bounds, SessionPolicy, change_policy, get_policy
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("session_policy", __name__)
_SHOWN = 50
Answer = tuple[str, int] | Response


@blueprint.get("/settings/sessions")
def show() -> Answer:
    """Show what the organisation asks of its people's sessions."""
    return _show(shown=None)


@blueprint.post("/settings/sessions")
def change() -> Answer:
    """Change it."""
    person = caller()
    identity.require(person, Permission.SETTINGS_CHANGE)  # before the form is read
    try:
        policy = SessionPolicy(
            forms.number("idle_minutes"), forms.number("lifetime_minutes"), forms.number("proof_minutes"),
            forms.number("most_sessions"), forms.lines("networks"), bool(forms.field("needs_second_factor")),
        )  # fmt: skip
        with services().db.tenant(person.tenant_id) as tx:
            change_policy(tx, person, policy, bounds=_bounds())
    except (NetworksLockOut, NetworksMalformed, PolicyBeyond, forms.NotANumber) as refusal:
        return _show(shown=refusal)
    return done("session_policy.show", "saved")


@blueprint.get("/sign-ins")
def all_sign_ins() -> Answer:
    """Show who signed in, and who did not get in."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        found = list_sign_ins(tx, person, before=_before(), limit=_SHOWN + 1)
    return _history(found, whose="")


@blueprint.get("/people/<uuid:user_id>/sign-ins")
def sign_ins_of(user_id: UUID) -> Answer:
    """Show when, how and from where a member signed in."""
    person = caller()
    identity.require(person, Permission.PEOPLE_CHANGE)
    with services().db.tenant(person.tenant_id) as tx:
        name = identity.get_person(tx, person, UserId(user_id)).display_name
        found = list_sign_ins(tx, person, UserId(user_id), before=_before(), limit=_SHOWN + 1)
    return _history(found, whose=name, user_id=user_id)


@blueprint.get("/account/sign-ins")
def own_sign_ins() -> Answer:
    """Show when, how and from where one signed in oneself."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        found = list_sign_ins(tx, person, person.user_id, before=_before(), limit=_SHOWN + 1)
    return _history(found, whose=person.display_name)


def _show(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        policy = get_policy(tx, person)
    return page("session_policy/page.html", refusal=shown, policy=policy, bounds=_bounds(), form=request.form)


def _history(found: list[SignIn], *, whose: str, user_id: UUID | None = None) -> Answer:
    rows = found[:_SHOWN]
    earlier = rows[-1].sign_in_id if len(found) > _SHOWN else None
    return page("session_policy/history.html", rows=rows, earlier=earlier, whose=whose, user_id=user_id)


def _before() -> UUID | None:
    return parse_id(request.args.get("before", ""))


def _bounds() -> Bounds:
    settings = services().settings
    return Bounds(idle=settings.session_idle_minutes, lifetime=settings.session_hours * 60)
