"""The authorisation matrix, generated from the permission catalogue: role × verb × own, foreign, closed, ended."""

import json
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from appliance.api.framework import OPERATIONS, Call, Operation
from appliance.identity import Forbidden, Role, Scope
from appliance.identity.errors import ScopeMissing
from appliance.identity.operators import set_suspended
from appliance.identity.permissions import GRANTS, SCOPES, Permission, held
from appliance.identity.support import SupportLevel
from appliance.identity.values import SUPPORT_ROLES
from appliance.tenancy import Review
from tests.support.furnish import lets_review
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.roles import FEW, inside, lets_in, makes_role, with_role

NOBODY = "01900000-0000-7000-8000-000000000000"


def member_as(house: House, ada: Member, role: Role) -> Member:
    if role is Role.OPERATOR:
        return house.operator("olga@host.example")
    if role is Role.CUSTOM:
        return with_role(ada, "own@harrow.example", makes_role(ada, "Own", FEW))
    if role in SUPPORT_ROLES:
        olga = house.operator("olga@host.example")
        lets_in(ada, olga, SupportLevel.READ if role is Role.SUPPORT else SupportLevel.ADMIN)
        return inside(ada, olga)
    return ada if role is Role.OWNER else ada.adds(f"{role.value}@harrow.example", role)


def asks(program: Program, one: Operation) -> int:
    path = one.path
    for name in one.parameters:
        path = path.replace("{" + name + "}", NOBODY)
    return program.asks(one.method, path, body_of(one)).status_code


def body_of(one: Operation) -> Any:
    return json.loads(one.example) if one.body else None


def harmless(one: Operation) -> bool:
    """Whether asking changes nothing that the next one needs."""
    return one.name not in {"rename_organisation", "change_profile"}


@pytest.mark.parametrize("role", [one for one in Role if one not in SUPPORT_ROLES])  # who was let in has no tokens
def test_each_role_may_by_the_api_what_the_catalogue_grants_and_no_more(
    site: Flask, house: House, ada: Member, role: Role
) -> None:
    lets_review(ada, Review.TWO_PERSON)  # where it is off, nobody reviews
    member = member_as(house, ada, role)
    program = Program(site, member)
    for one in filter(harmless, OPERATIONS):
        is_granted = one.permission is None or one.permission in held(member.caller)
        assert (asks(program, one) != 403) == is_granted, (role, one.name)


@pytest.mark.parametrize("scope", list(Scope))
def test_each_scope_allows_what_the_catalogue_says_and_no_more(
    site: Flask, house: House, ada: Member, scope: Scope
) -> None:
    role = Role.OPERATOR if scope is Scope.PLATFORM else Role.OWNER
    lets_review(ada, Review.TWO_PERSON)  # where it is off, nobody reviews
    program = Program(site, member_as(house, ada, role), [scope])
    for one in filter(harmless, OPERATIONS):
        is_granted = one.permission is None or one.permission in SCOPES[scope] & GRANTS[role]
        assert (asks(program, one) != 403) == is_granted, (scope, one.name)


@pytest.mark.parametrize("role", list(Role))
def test_each_verb_asks_by_itself(site: Flask, house: House, ada: Member, role: Role) -> None:
    """What the door checks before it reads a body, the verb checks too: other doors lead to it."""
    caller = member_as(house, ada, role).caller
    for one in OPERATIONS:
        if one.permission is None or one.permission in held(caller) or one.takes_files or one.streams:
            continue
        ids = {name: UUID(NOBODY) for name in one.parameters}
        body = one.body.model_validate(body_of(one)) if one.body else None
        query = one.query.model_validate(one.asked) if one.query else None
        with pytest.raises((Forbidden, ScopeMissing)):
            one.view(Call(house.app, caller, ids, query, body))


def test_a_closed_organisation_and_an_ended_token_may_nothing(site: Flask, house: House, ada: Member) -> None:
    olga = house.operator("olga@host.example")
    program = Program(site, ada, days=1)
    with house.app.db.tenant(olga.tenant_id) as tx:
        set_suspended(tx, olga.caller, ada.tenant_id, is_suspended=True, clock=house.clock)
    assert {asks(program, one) for one in OPERATIONS} == {403}
    with house.app.db.tenant(olga.tenant_id) as tx:
        set_suspended(tx, olga.caller, ada.tenant_id, is_suspended=False, clock=house.clock)
    house.clock.passes(days=2)
    assert {asks(program, one) for one in OPERATIONS} == {401}


def test_every_permission_is_reachable_by_some_scope_and_granted_to_some_role() -> None:
    for permission in Permission:
        assert any(permission in granted for granted in SCOPES.values()), permission
        assert any(permission in granted for granted in GRANTS.values()), permission
