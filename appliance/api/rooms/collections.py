from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import knowledge
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Name, Output, Page, cut
from appliance.identity import GroupId, Permission
from appliance.identity.errors import GroupNotFound
from appliance.knowledge import Audience, CollectionForm, CollectionId
from appliance.knowledge.errors import CollectionMalformed, CollectionNameTaken, CollectionNotEmpty


class CollectionIn(Input):
    """Without a choice it is open to the named groups only, so to nobody but administrators."""

    name: Name
    description: Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")] = ""
    audience: Audience = Audience.GROUPS
    group_ids: list[UUID] = Field(default_factory=list, max_length=100)


class CollectionOut(Output):
    collection_id: UUID
    name: str
    description: str
    audience: Audience
    group_ids: list[UUID]
    document_count: int


@operation("GET", "/collections", permission=Permission.DOCUMENT_READ, query=Page, answer=Listed[CollectionOut])
def list_collections(call: Call) -> Listed[CollectionOut]:
    """Return the collections that you may read."""
    with call.tenant() as tx:
        found = knowledge.list_collections(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.collection_id)
    return Listed[CollectionOut](items=[CollectionOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST",
    "/collections",
    permission=Permission.COLLECTION_CHANGE,
    body=CollectionIn,
    answer=CollectionOut,
    status=201,
    refusals=(CollectionMalformed, CollectionNameTaken, GroupNotFound),
)
def create_collection(call: Call) -> CollectionOut:
    """Create a collection."""
    with call.tenant() as tx:
        made = knowledge.create_collection(tx, call.caller, _form(call), clock=call.services.clock)
        return CollectionOut.model_validate(made)


@operation("GET", "/collections/{collection_id}", permission=Permission.DOCUMENT_READ, answer=CollectionOut)
def get_collection(call: Call) -> CollectionOut:
    """Return a collection that you may read."""
    with call.tenant() as tx:
        return CollectionOut.model_validate(knowledge.get_collection(tx, call.caller, _id(call)))


@operation(
    "PUT",
    "/collections/{collection_id}",
    permission=Permission.COLLECTION_CHANGE,
    body=CollectionIn,
    answer=CollectionOut,
    refusals=(CollectionMalformed, CollectionNameTaken, GroupNotFound),
)
def change_collection(call: Call) -> CollectionOut:
    """Change a collection's name, description and readers; readers change with the next query."""
    with call.tenant() as tx:
        changed = knowledge.change_collection(tx, call.caller, _id(call), _form(call))
        return CollectionOut.model_validate(changed)


@operation(
    "DELETE",
    "/collections/{collection_id}",
    permission=Permission.COLLECTION_CHANGE,
    refusals=(CollectionNotEmpty,),
)
def delete_collection(call: Call) -> None:
    """Delete an empty collection."""
    with call.tenant() as tx:
        knowledge.delete_collection(tx, call.caller, _id(call))


def _id(call: Call) -> CollectionId:
    return CollectionId(call.ids["collection_id"])


def _form(call: Call) -> CollectionForm:
    body = call.body
    return CollectionForm(body.name, body.description, body.audience, tuple(GroupId(one) for one in body.group_ids))
