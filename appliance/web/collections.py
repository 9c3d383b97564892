from typing import Any
from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from appliance import identity, knowledge
from appliance.identity import Forbidden, GroupId, Permission
from appliance.identity.permissions import may
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.knowledge import Audience, Collection, CollectionForm, CollectionId
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import table_of

blueprint = Blueprint("collections", __name__, url_prefix="/collections")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the collections that the reader may read."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Create a collection."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            made = knowledge.create_collection(tx, person, _form(), clock=house.clock)
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("collections.read", "saved", collection_id=made.collection_id)


@blueprint.get("/<uuid:collection_id>")
def read(collection_id: UUID) -> Answer:
    """Show a collection."""
    return _show(CollectionId(collection_id), shown=None)


@blueprint.post("/<uuid:collection_id>")
def change(collection_id: UUID) -> Answer:
    """Change a collection's name, description and readers."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            knowledge.change_collection(tx, person, CollectionId(collection_id), _form())
    except Forbidden:
        raise  # said before whether there is such a thing
    except Refusal as refusal:
        return _show(CollectionId(collection_id), shown=refusal)
    return done("collections.read", "saved", collection_id=collection_id)


@blueprint.post("/<uuid:collection_id>/deletion")
def create_deletion(collection_id: UUID) -> Answer:
    """Delete an empty collection."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        knowledge.delete_collection(tx, person, CollectionId(collection_id))
    return done("collections.show", "collection-deleted")


def _form() -> CollectionForm:
    return CollectionForm(
        forms.field("name"), forms.field("description"), forms.choice(Audience, "audience"), forms.groups()
    )


def _list(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        collections, groups = knowledge.list_collections(tx, person), _groups(tx)
    keys = {"name": lambda one: one.name.casefold(), "documents": lambda one: one.document_count}
    table = table_of(collections, keys=keys, text=lambda one: f"{one.name} {one.description}", default="name")
    return page("collections/page.html", refusal=shown, table=table, groups=groups, form=_typed(shown))


def _show(collection_id: CollectionId, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        collection, groups = knowledge.get_collection(tx, person, collection_id), _groups(tx)
    form = _typed(shown) if shown else _fields(collection)
    return page("collections/collection.html", refusal=shown, collection=collection, groups=groups, form=form)


def _groups(tx: Tx) -> dict[GroupId, str]:
    person = caller()
    return identity.list_group_names(tx, person) if may(person, Permission.PEOPLE_READ) else {}


def _fields(collection: Collection) -> dict[str, Any]:
    return {
        "name": collection.name,
        "description": collection.description,
        "audience": collection.audience.value,
        "groups": collection.group_ids,
    }


def _typed(shown: Refusal | None) -> dict[str, Any]:
    ticked = forms.ids("groups") if not isinstance(shown, forms.NotAChoice) else ()
    audience = forms.field("audience") or Audience.GROUPS.value  # denied by default
    return {
        "name": forms.field("name"),
        "description": forms.field("description"),
        "audience": audience,
        "groups": ticked,
    }
