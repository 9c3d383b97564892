from uuid import UUID

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Role, UserId
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.problems import STATUS, problem
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("people", __name__, url_prefix="/people")
Answer = tuple[str, int] | Response


class UnknownRole(Invalid):
    """Choose one of the roles: owner, admin, auditor or member."""

    code = "unknown_role"


@blueprint.get("")
def show() -> Answer:
    """List the members."""
    return _list(form={}, shown=None)


@blueprint.post("")
def add() -> Answer:
    """Add a person with a first password, which they are told to change."""
    person, house, form = caller(), services(), request.form
    try:
        with house.db.tenant(person.tenant_id) as tx:
            identity.add_member(
                tx,
                person,
                email=form.get("email", ""),
                display_name=form.get("name", ""),
                password=form.get("password", ""),
                role=_role(form.get("role", "")),
                clock=house.clock,
            )
    except Refusal as refusal:
        return _list(form=form, shown=refusal)
    return redirect(url_for("people.show"), 303)


@blueprint.post("/<uuid:user_id>/role")
def change_role(user_id: UUID) -> Answer:
    """Give a member another role."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        identity.change_role(tx, person, UserId(user_id), role=_role(request.form.get("role", "")))
    return redirect(url_for("people.show"), 303)


@blueprint.post("/<uuid:user_id>/removal")
def create_removal(user_id: UUID) -> Answer:
    """Remove a member; their sessions end now."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        identity.remove_member(tx, person, UserId(user_id), clock=house.clock)
    return redirect(url_for("people.show"), 303)


def _list(*, form: object, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        people = identity.list_people(tx, person)
    status = STATUS[shown.kind] if shown else 200
    members = problem(shown, request_id=g.request_id) if shown else None
    return page("people/page.html", status, people=people, roles=list(Role), form=form, problem=members)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise UnknownRole from error
