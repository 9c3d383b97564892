from uuid import UUID

from pydantic import Field

from appliance import identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Name, Output, Page, part
from appliance.identity import GroupId, Permission, UserId
from appliance.identity.errors import GroupMalformed, GroupNameTaken, PersonNotFound
from appliance.kernel.db import Tx


class GroupIn(Input):
    name: Name
    member_ids: list[UUID] = Field(default_factory=list, max_length=10_000)


class GroupOut(Output):
    group_id: UUID
    name: str
    member_ids: list[UUID]


@operation("GET", "/groups", permission=Permission.PEOPLE_READ, query=Page, answer=Listed[GroupOut])
def list_groups(call: Call) -> Listed[GroupOut]:
    """Return the groups with their members."""
    with call.tenant() as tx:
        groups = identity.list_groups_after(tx, call.caller, call.query.cursor, limit=call.query.limit + 1)
    rows, cursor = part(groups, call.query, key=lambda one: one.group_id)
    return Listed[GroupOut](items=[GroupOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST",
    "/groups",
    permission=Permission.GROUP_CHANGE,
    body=GroupIn,
    answer=GroupOut,
    status=201,
    refusals=(GroupNameTaken, GroupMalformed, PersonNotFound),
)
def create_group(call: Call) -> GroupOut:
    """Create a group."""
    with call.tenant() as tx:
        group = identity.create_group(tx, call.caller, name=call.body.name, clock=call.services.clock)
        return _with_members(call, tx, group.group_id)


@operation("GET", "/groups/{group_id}", permission=Permission.PEOPLE_READ, answer=GroupOut)
def get_group(call: Call) -> GroupOut:
    """Return a group with its members."""
    with call.tenant() as tx:
        return GroupOut.model_validate(identity.get_group(tx, call.caller, GroupId(call.ids["group_id"])))


@operation(
    "PUT",
    "/groups/{group_id}",
    permission=Permission.GROUP_CHANGE,
    body=GroupIn,
    answer=GroupOut,
    refusals=(GroupNameTaken, GroupMalformed, PersonNotFound),
)
def change_group(call: Call) -> GroupOut:
    """Change a group's name and members; what is open to it changes with the next query."""
    with call.tenant() as tx:
        group_id = GroupId(call.ids["group_id"])
        identity.rename_group(tx, call.caller, group_id, name=call.body.name)
        return _with_members(call, tx, group_id)


@operation("DELETE", "/groups/{group_id}", permission=Permission.GROUP_CHANGE)
def delete_group(call: Call) -> None:
    """Delete a group. What was open to it alone is open to nobody but administrators."""
    with call.tenant() as tx:
        identity.delete_group(tx, call.caller, GroupId(call.ids["group_id"]))


def _with_members(call: Call, tx: Tx, group_id: GroupId) -> GroupOut:
    members = [UserId(one) for one in call.body.member_ids]
    return GroupOut.model_validate(identity.set_group_members(tx, call.caller, group_id, members))
