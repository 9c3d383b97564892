"""From another organisation to one that lets people in by its provider alone: an account is linked on a fresh proof, as everywhere."""

import html
import re
from typing import TYPE_CHECKING

import pyotp
import pytest
from flask import Flask

from appliance import identity
from appliance.identity import Role
from appliance.identity.breakglass import designate
from appliance.identity.factors import replace_recovery_codes
from appliance.identity.sso.errors import BreakGlassUnshown, LinkUnproven, TransactionClosed
from tests.doors.test_break_glass import comes
from tests.doors.test_proxied_sign_on import ALICE, PROXY, vouches
from tests.doors.test_switching import joins
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.roles import has_factor
from tests.support.site import Browser

if TYPE_CHECKING:
    from uuid import UUID

    from werkzeug.test import TestResponse


def test_an_open_browser_links_nobody(site: Flask, house: House, ada: Member, bo: Member) -> None:
    """Whoever finds it would have their own person of the provider linked with its owner's account, for good."""
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    joins(house, bo, eve)
    connection_id = enforces(ada)
    browser = Browser(site)
    browser.signs_in(eve)
    house.clock.passes(minutes=50)
    asked = browser.posts(f"/account/places/{ada.tenant_id}")
    assert asked.status_code == 403
    assert "confirm_password" in asked.text
    assert f"/sso/{connection_id}/proxied" not in asked.text
    step = browser_step(asked.text)
    target = f"/account/places/{ada.tenant_id}"
    proved = browser.posts("/confirm", confirm_password=PASSWORD, confirm_step=step, confirm_target=target)
    assert proved.status_code == 307
    assert f"/sso/{connection_id}/proxied" in browser.posts(target).text


@pytest.fixture
def mallory(house: House, ada: Member, bo: Member) -> tuple[Member, str, str, str]:
    """Return Eve, her app, and that and a recovery code of whoever had her password alone, and was first, where that sufficed."""
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    joins(house, bo, eve)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        there = Member(house, identity.sessions.caller_of(tx, eve.caller.user_id))
    theirs = has_factor(there)
    hers = has_factor(eve)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        paper = replace_recovery_codes(tx, there.caller)[0]
    return eve, hers, theirs, paper


def test_the_factor_that_was_shown_links_not_one_that_there_is(
    site: Flask, house: House, ada: Member, mallory: tuple[Member, str, str, str]
) -> None:
    """At the sign-in, at a later proof in a session that Eve opened herself, and by a recovery code: each proves the password alone."""
    eve, hers, theirs, paper = mallory
    connection_id = enforces(ada)
    for code in (now(house, theirs), paper):
        assert_unproven(links(signed_in(site, eve, code), ada, connection_id))
    open_browser = signed_in(site, eve, now(house, hers))
    house.clock.passes(minutes=50)
    proves(open_browser, ada, now(house, theirs))
    assert_unproven(links(open_browser, ada, connection_id))

    house.clock.passes(minutes=1)
    her_own = signed_in(site, eve, now(house, theirs))
    house.clock.passes(minutes=50)
    proves(her_own, ada, now(house, hers))
    assert links(her_own, ada, connection_id)[0] == 303
    assert "eve@harrow.example" in her_own.gets("/account").text


def test_whoever_signs_out_where_they_came_from_is_linked_no_more(
    site: Flask, house: House, ada: Member, mallory: tuple[Member, str, str, str]
) -> None:
    """Whoever sits down at that browser next would come back as themselves, and be linked with Eve's account."""
    eve, hers, _, _ = mallory
    connection_id = enforces(ada)
    browser = signed_in(site, eve, now(house, hers))
    assert f"/sso/{connection_id}/proxied" in browser.posts(f"/account/places/{ada.tenant_id}").text
    browser.posts("/sign-out")
    status, said = returns(browser, connection_id)
    assert (status, str(TransactionClosed.__doc__) in said) == (401, True)


def test_where_no_other_organisation_is_left_the_sign_in_itself_says_which_was_shown(
    site: Flask, house: House, ada: Member, bo: Member, mallory: tuple[Member, str, str, str]
) -> None:
    eve, hers, theirs, _ = mallory
    with bo.services.db.tenant(bo.tenant_id) as tx:
        identity.remove_member(tx, bo.caller, eve.caller.user_id, clock=house.clock)
    connection_id = enforces(ada)
    for code, status in ((now(house, theirs), 401), (now(house, hers), 303)):
        browser = Browser(site)
        browser.signs_in(eve)
        assert f"/sso/{connection_id}/proxied" in second_step(browser, code).text
        assert returns(browser, connection_id)[0] == status


def test_such_a_factor_breaks_no_glass(site: Flask, house: House, ada: Member, bo: Member, mallory: tuple[Member, str, str, str]) -> None:
    """The account is ready by the app that Eve added here; whoever has her password shows another one, and is asked for that one."""
    eve, hers, theirs, paper = mallory
    with bo.services.db.tenant(bo.tenant_id) as tx:
        identity.remove_member(tx, bo.caller, eve.caller.user_id, clock=house.clock)
    designated(ada, eve)
    enforces(ada)
    browser, status = comes(site, eve, theirs)
    assert (status, browser.gets("/account").status_code) == (403, 303)
    again = second_step(browser, paper)
    assert (again.status_code, browser.gets("/account").status_code) == (403, 303)
    assert str(BreakGlassUnshown.__doc__) in html.unescape(again.text)
    assert second_step(browser, now(house, hers)).status_code == 303
    assert browser.gets("/people").status_code == 200
    house.clock.passes(minutes=1)
    late, status = comes(site, eve, hers)
    assert (status, late.gets("/account").status_code) == (403, 303)  # it was used


def test_whoever_goes_over_by_such_a_factor_stays_where_they_are_and_shows_the_other(
    site: Flask, house: House, ada: Member, mallory: tuple[Member, str, str, str]
) -> None:
    eve, hers, theirs, _ = mallory
    designated(ada, eve)
    enforces(ada)
    browser = signed_in(site, eve, now(house, theirs))
    target = f"/account/places/{ada.tenant_id}"
    asked = browser.posts(target)
    assert asked.status_code == 403
    assert str(BreakGlassUnshown.__doc__) in html.unescape(asked.text)
    assert "Birch" in browser.gets("/account").text
    house.clock.passes(minutes=1)
    proves(browser, ada, now(house, hers))
    assert browser.posts(target).status_code == 303
    assert "Harrow" in browser.gets("/people").text


def designated(owner: Member, member: Member) -> None:
    with owner.services.db.tenant(owner.tenant_id) as tx:
        designate(tx, owner.caller, member.caller.user_id, clock=owner.house.clock)


def enforces(owner: Member) -> "UUID":
    """Let people in by the proxy alone."""
    connection_id = vouches(owner)
    with owner.house.server.connect("boot", owner.house.database) as boot:
        boot.execute("UPDATE cloister.sso_connections SET state = 'enforced' WHERE connection_id = %s", [connection_id])
    return connection_id


def now(house: House, secret: str) -> str:
    return pyotp.TOTP(secret).at(int(house.clock.now().timestamp()))


def second_step(browser: Browser, code: str) -> "TestResponse":
    token = csrf(browser.gets("/sign-in/second-step").text)
    return browser.client.post("/sign-in/second-step", data={"code": code, "csrf": token})


def signed_in(site: Flask, member: Member, code: str) -> Browser:
    """Sign in where passwords let people in."""
    browser = Browser(site)
    browser.signs_in(member)
    assert second_step(browser, code).status_code == 303
    return browser


def proves(browser: Browser, owner: Member, code: str) -> None:
    """Say again who is there, on the way to an organisation."""
    target = f"/account/places/{owner.tenant_id}"
    step = browser_step(browser.posts(target).text)
    proof = {"confirm_password": PASSWORD, "confirm_code": code, "confirm_step": step, "confirm_target": target}
    assert browser.posts("/confirm", **proof).status_code == 307


def links(browser: Browser, owner: Member, connection_id: "UUID") -> tuple[int, str]:
    """Go over to an organisation, and to its proxy."""
    assert f"/sso/{connection_id}/proxied" in browser.posts(f"/account/places/{owner.tenant_id}").text
    return returns(browser, connection_id)


def returns(browser: Browser, connection_id: "UUID") -> tuple[int, str]:
    """Come back from the proxy."""
    browser.client.environ_base["REMOTE_ADDR"] = PROXY
    answer = browser.client.get(f"/sso/{connection_id}/proxied", headers=ALICE)
    return answer.status_code, html.unescape(answer.text)


def assert_unproven(answer: tuple[int, str]) -> None:
    assert answer[0] == 401
    assert str(LinkUnproven.__doc__) in answer[1]


def browser_step(page: str) -> str:
    found = re.search(r'name="confirm_step" value="([^"]+)"', page)
    assert found is not None
    return found[1]
