from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance.identity import Permission, StepUpRequired
from appliance.identity.custom_roles import (
    CustomRole,
    RoleForm,
    change_role_form,
    create_role,
    delete_role,
    get_role,
    list_roles,
)
from appliance.identity.entry_errors import CustomRoleInUse, CustomRoleMalformed, CustomRoleTaken
from appliance.identity.permissions import GIVABLE, held
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("roles", __name__, url_prefix="/roles")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the roles, and offer to make one."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Make a role of the organisation's own."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            made = create_role(tx, person, _form(), clock=house.clock)
    except (CustomRoleMalformed, CustomRoleTaken, forms.NotAChoice) as refusal:
        return _list(shown=refusal)
    return done("roles.read", "saved", role_id=made.role_id)


@blueprint.get("/<uuid:role_id>")
def read(role_id: UUID) -> Answer:
    """Show a role, and what it grants."""
    return _show(role_id, shown=None)


@blueprint.post("/<uuid:role_id>")
def change(role_id: UUID) -> Answer:
    """Write a role anew."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            change_role_form(tx, person, role_id, _form(), clock=house.clock)
    except (CustomRoleMalformed, CustomRoleTaken, forms.NotAChoice) as refusal:
        return _show(role_id, shown=refusal)
    return done("roles.read", "saved", role_id=role_id)


@blueprint.post("/<uuid:role_id>/deletion")
def create_deletion(role_id: UUID) -> Answer:
    """Delete a role that nobody has."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            delete_role(tx, person, role_id)
    except StepUpRequired:
        raise
    except CustomRoleInUse as refusal:
        return _show(role_id, shown=refusal)
    return done("roles.show", "deleted")


def _form() -> RoleForm:
    try:
        permissions = frozenset(map(Permission, request.form.getlist("permissions")))
    except ValueError as error:
        raise forms.NotAChoice from error
    return RoleForm(forms.field("name"), forms.field("description"), permissions)


def _list(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        own = list_roles(tx, person)
    return page("roles/page.html", refusal=shown, own=own, form=request.form, offered=_offered(), chosen=_chosen(None))


def _show(role_id: UUID, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        role = get_role(tx, person, role_id)
    is_theirs = role.permissions <= held(person)
    return page("roles/role.html", refusal=shown, role=role, form=request.form if shown else {}, offered=_offered(),
                chosen=_chosen(None if shown else role), is_theirs=is_theirs)  # fmt: skip


def _offered() -> list[Permission]:
    """Return the permissions that the caller may put into a role: those that they hold."""
    return [one for one in Permission if one in GIVABLE & held(caller())]


def _chosen(role: CustomRole | None) -> set[str]:
    return {one.value for one in role.permissions} if role else set(request.form.getlist("permissions"))
