"""An owner erases from where those acted who belong to nobody's People page: provisioning programs, operators, strangers."""

import pytest
from flask import Flask

from appliance import audit
from appliance.audit import Event
from appliance.identity import Role, Scope
from appliance.identity.scim.service import get_provisioning, revoke_provisioning_token
from appliance.identity.sso.errors import ConnectionClosed
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.provisioning import provisions
from tests.support.roles import enters, lets_in
from tests.support.sign_on import connects
from tests.support.site import Browser


def addresses(member: Member, *kinds: Event) -> dict[str, set[str | None]]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return {one.value: {entry.actor.address for entry in audit.list_entries(tx, audit.EntryFilter(one))} for one in kinds}


def test_an_owner_erases_from_where_programs_operators_and_strangers_came(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    provider = provisions(site, ada)
    provider.adds("eve@harrow.example")
    with pytest.raises(ConnectionClosed):
        connects(ada, "Another").arrives("nobody")  # a stranger's
    olga = house.operator("olga@ops.example")
    lets_in(ada, olga)
    at_olga = Browser(site)
    at_olga.signs_in(olga)
    enters(at_olga, ada)
    at_olga.gets("/documents")
    kinds = Event.PROVISIONED_USER_CREATED, Event.SIGN_ON_REFUSED, Event.SUPPORT_ACTED, Event.SESSION_OPENED
    before = addresses(ada, *kinds)
    assert all(None not in found for found in before.values()), before

    assert 'action="/audit/log-erasure"' in at_ada.gets("/audit").text
    assert at_ada.posts("/audit/log-erasure").status_code == 303
    after = addresses(ada, *kinds)
    assert after[Event.SIGN_ON_REFUSED] == {None}
    assert after[Event.PROVISIONED_USER_CREATED] == before[Event.PROVISIONED_USER_CREATED], "its token is in use"
    assert after[Event.SUPPORT_ACTED] == before[Event.SUPPORT_ACTED], "who is let in now is no other"
    assert after[Event.SESSION_OPENED] == before[Event.SESSION_OPENED], "who works here is removed first"

    with ada.services.db.tenant(ada.tenant_id) as tx:
        (token,) = get_provisioning(tx, ada.caller, provider.connection_id).tokens
        revoke_provisioning_token(tx, ada.caller, provider.connection_id, token.token_id)
    house.clock.passes(hours=5)  # the operator's hours are over
    at_ada.signs_in(ada)
    assert at_ada.posts("/audit/log-erasure").status_code == 303
    after = addresses(ada, *kinds)
    assert (after[Event.PROVISIONED_USER_CREATED], after[Event.SUPPORT_ACTED]) == ({None}, {None})
    assert "127.0.0.1" in after[Event.SESSION_OPENED]


def test_only_an_owner_with_a_fresh_proof_does(site: Flask, house: House, ada: Member, bo: Member) -> None:
    adam = ada.adds("adam@harrow.example", Role.ADMIN)
    at_adam = Browser(site)
    at_adam.signs_in(adam)
    assert "log-erasure" not in at_adam.gets("/audit").text
    assert at_adam.posts("/audit/log-erasure").status_code == 403
    with pytest.raises(ConnectionClosed):
        connects(ada).arrives("nobody")
    assert Program(site, ada, [Scope.AUDIT_READ]).asks("POST", "/audit/log-erasure").status_code == 403
    assert Program(site, bo).asks("POST", "/audit/log-erasure").get_json() == {"keys": 0}
    assert addresses(ada, Event.SIGN_ON_REFUSED) == {Event.SIGN_ON_REFUSED: {"192.0.2.7"}}
    assert Program(site, ada).asks("POST", "/audit/log-erasure").get_json() == {"keys": 1}
    assert addresses(ada, Event.SIGN_ON_REFUSED) == {Event.SIGN_ON_REFUSED: {None}}


def test_on_the_platform_it_reaches_strangers_and_nobody_of_an_organisation(site: Flask, house: House, ada: Member) -> None:
    olga = house.operator("olga@ops.example")
    Browser(site).signs_in(ada, "a wrong password")
    at_olga = Browser(site)
    at_olga.signs_in(olga)
    kinds = Event.SIGN_IN_FAILED, Event.SESSION_OPENED
    assert addresses(olga, *kinds) == {one.value: {"127.0.0.1"} for one in kinds}
    assert at_olga.posts("/audit/log-erasure").status_code == 303
    assert addresses(olga, *kinds) == {Event.SIGN_IN_FAILED.value: {None}, Event.SESSION_OPENED.value: {"127.0.0.1"}}
