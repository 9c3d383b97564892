"""Roles of an organisation's own."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.identity import Permission
from appliance.identity.custom_roles import (
    RoleForm,
    change_role_form,
    list_roles,
)
from appliance.identity.custom_roles import create_role as make_role
from appliance.identity.custom_roles import delete_role as end_role
from appliance.identity.custom_roles import get_role as find_role
from appliance.identity.entry_errors import CustomRoleInUse, CustomRoleMalformed, CustomRoleTaken


class CustomRoleBoth(Input):
    """`permissions`: out of those of an administrator, and of those one has oneself. Some bring others along."""

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]*$"), Field(examples=["Archive"])
    ]
    description: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""
    permissions: list[Permission] = Field(
        min_length=1, max_length=100, examples=[[Permission.DOCUMENT_READ, Permission.DOCUMENT_ADD]]
    )


class CustomRoleOut(Output):
    """A role of the organisation's own; `members`: how many have it."""

    role_id: UUID
    name: str
    description: str
    permissions: list[Permission]
    members: int


class CustomRolesOut(Output):
    items: list[CustomRoleOut]


@operation("GET", "/roles", permission=Permission.PEOPLE_READ, answer=CustomRolesOut)
def list_custom_roles(call: Call) -> CustomRolesOut:
    """Return the organisation's own roles; owner, admin, auditor and member are there beside them."""
    with call.tenant() as tx:
        return CustomRolesOut(items=[CustomRoleOut.model_validate(one) for one in list_roles(tx, call.caller)])


@operation("GET", "/roles/{role_id}", permission=Permission.PEOPLE_READ, answer=CustomRoleOut)
def get_custom_role(call: Call) -> CustomRoleOut:
    """Return a role of the organisation's own."""
    with call.tenant() as tx:
        return CustomRoleOut.model_validate(find_role(tx, call.caller, call.ids["role_id"]))


@operation(
    "POST", "/roles", permission=Permission.ROLE_CHANGE, body=CustomRoleBoth, answer=CustomRoleOut, status=201,
    refusals=(CustomRoleMalformed, CustomRoleTaken),
)  # fmt: skip
def create_custom_role(call: Call) -> CustomRoleOut:
    """Make a role; whoever makes it must hold every permission in it."""
    with call.tenant() as tx:
        return CustomRoleOut.model_validate(make_role(tx, call.caller, _form(call), clock=call.services.clock))


@operation(
    "PUT", "/roles/{role_id}", permission=Permission.ROLE_CHANGE, body=CustomRoleBoth, answer=CustomRoleOut,
    refusals=(CustomRoleMalformed, CustomRoleTaken),
)  # fmt: skip
def change_custom_role(call: Call) -> CustomRoleOut:
    """Write a role anew; it counts at once for all who have it."""
    with call.tenant() as tx:
        changed = change_role_form(tx, call.caller, call.ids["role_id"], _form(call), clock=call.services.clock)
        return CustomRoleOut.model_validate(changed)


@operation("DELETE", "/roles/{role_id}", permission=Permission.ROLE_CHANGE, refusals=(CustomRoleInUse,))
def delete_custom_role(call: Call) -> None:
    """Delete a role that nobody has."""
    with call.tenant() as tx:
        end_role(tx, call.caller, call.ids["role_id"])


def _form(call: Call) -> RoleForm:
    return RoleForm(call.body.name, call.body.description, frozenset(call.body.permissions))
