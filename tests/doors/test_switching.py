"""Going over to another of one's organisations is a sign-in there: its history says so."""

from flask import Flask

from appliance import identity
from appliance.identity import Role
from appliance.identity.history import list_sign_ins
from appliance.identity.invitations import Acceptance, InvitationForm
from tests.support.house import House, Member
from tests.support.site import Browser


def joins(house: House, owner: Member, member: Member) -> None:
    with owner.services.db.tenant(owner.tenant_id) as tx:
        invited = identity.invite(tx, owner.caller, InvitationForm(member.caller.email, Role.MEMBER), clock=house.clock)
    acceptance = Acceptance("Eve", user_id=member.caller.user_id)
    identity.accept(house.app.db, invited.token, acceptance, address="a", request_id="r", clock=house.clock)


def test_it_is_in_the_history_of_where_one_goes(site: Flask, house: House, ada: Member, bo: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    joins(house, bo, eve)
    browser = Browser(site)
    browser.signs_in(eve)
    assert browser.posts(f"/account/places/{bo.tenant_id}").status_code == 303
    with house.app.db.tenant(bo.tenant_id) as tx:
        found = [one for one in list_sign_ins(tx, bo.caller) if one.user_id == eve.caller.user_id]
    assert [(one.method, one.succeeded, one.address) for one in found] == [("password switched", True, "127.0.0.1")]
    assert "password, from another organisation" in browser.gets("/account/sign-ins").text
