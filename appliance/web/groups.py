from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Forbidden, GroupId, GroupSize, UserId
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import table_of

blueprint = Blueprint("groups", __name__, url_prefix="/groups")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the groups."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Create a group."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            group = identity.create_group(tx, person, name=forms.field("name"), clock=house.clock)
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("groups.read", "saved", group_id=group.group_id)


@blueprint.get("/<uuid:group_id>")
def read(group_id: UUID) -> Answer:
    """Show a group with its members."""
    return _show(GroupId(group_id), shown=None)


@blueprint.post("/<uuid:group_id>")
def change(group_id: UUID) -> Answer:
    """Change a group's name and members."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            identity.rename_group(tx, person, GroupId(group_id), name=forms.field("name"))
            identity.set_group_members(tx, person, GroupId(group_id), [UserId(one) for one in forms.ids("members")])
    except Forbidden:
        raise  # said before whether there is such a thing
    except Refusal as refusal:
        return _show(GroupId(group_id), shown=refusal)
    return done("groups.read", "saved", group_id=group_id)


@blueprint.post("/<uuid:group_id>/deletion")
def create_deletion(group_id: UUID) -> Answer:
    """Delete a group."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        identity.delete_group(tx, person, GroupId(group_id))
    return done("groups.show", "group-deleted")


def _list(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        groups = identity.list_group_sizes(tx, person)
    keys = {"name": lambda one: one.name.casefold(), "members": lambda one: one.members}
    table = table_of(groups, keys=keys, text=_text, default="name")
    return page("groups/page.html", refusal=shown, table=table, name=forms.field("name"))


def _text(one: GroupSize) -> str:
    return one.name


def _show(group_id: GroupId, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        group = identity.get_group(tx, person, group_id)
        people = identity.list_candidates(tx, person)
    chosen = set(forms.ids("members")) if shown else set(group.member_ids)
    name = forms.field("name") if shown else group.name
    return page("groups/group.html", refusal=shown, group=group, people=people, chosen=chosen, name=name)
