"""An account is linked from the account page, and sign-on is enforced meanwhile: by the app or passkey that was shown, once, in that browser."""

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from appliance.identity import Role
from appliance.identity.breakglass import designate
from appliance.identity.entry_errors import BreakGlassKept
from appliance.identity.factors import list_factors, remove_factor
from appliance.identity.sso import connections
from appliance.identity.sso.errors import LinkUnproven, TransactionClosed
from appliance.identity.sso.values import TransactionPurpose
from tests.doors import test_linking_elsewhere
from tests.doors.test_linking_elsewhere import now, returns, second_step, signed_in
from tests.doors.test_proxied_sign_on import PROXY, vouches
from tests.support.house import House, Member
from tests.support.product import csrf
from tests.support.roles import has_factor
from tests.support.security_key import SecurityKey
from tests.support.sign_on import SignOn, refusals
from tests.support.site import Browser

if TYPE_CHECKING:
    from uuid import UUID

mallory = test_linking_elsewhere.mallory
Proves = Callable[[Flask, House, Member], Browser]


def enforces(owner: Member, connection_id: "UUID") -> None:
    """Let people in by it alone, as an owner does: sessions that came by a password end."""
    one = SignOn(owner, connection_id)
    one.arrives("the-owner", purpose=TransactionPurpose.LINK, user_id=owner.caller.user_id)
    one.is_tested(owner)
    with owner.services.db.tenant(owner.tenant_id) as tx:
        connections.enforce(tx, owner.caller, connection_id)


def begins(browser: Browser, connection_id: "UUID") -> str:
    """Press the button of the account page; return the cookie of the way."""
    assert f"/sso/{connection_id}/proxied" in browser.posts(f"/sso/{connection_id}/link").text
    cookie = browser.client.get_cookie("cloister_sso")
    assert cookie is not None
    return cookie.value


def linked(house: House, connection_id: "UUID") -> list[str]:
    """Return whom the provider's persons are linked with, by what it calls them."""
    with house.server.connect("boot", house.database) as boot:
        rows = boot.execute("SELECT subject FROM cloister.sso_identities WHERE connection_id = %s ORDER BY 1", [connection_id])
        return [str(row[0]) for row in rows.fetchall()]


def recorded(house: House) -> list[str]:
    with house.server.connect("boot", house.database) as boot:
        return refusals(boot)


def by_app(site: Flask, house: House, eve: Member) -> Browser:
    return signed_in(site, eve, now(house, has_factor(eve)))


def by_passkey(site: Flask, house: House, eve: Member) -> Browser:
    stick, browser = SecurityKey(eve), Browser(site)
    browser.signs_in(eve)
    page = browser.gets("/sign-in/second-step").text
    options = re.search(r'data-options="([^"]+)"', page)
    assert options is not None
    form = {"passkey": stick.touched(html.unescape(options[1]), asks=True), "csrf": csrf(page)}
    assert browser.client.post("/sign-in/second-step", data=form).status_code == 303
    return browser


@pytest.mark.parametrize("proves", [by_app, by_passkey])
def test_what_was_shown_at_the_sign_in_links_the_account_once(
    site: Flask, house: House, ada: Member, monkeypatch: pytest.MonkeyPatch, proves: Proves
) -> None:
    monkeypatch.setattr("appliance.web.signin.passkey_site", lambda: SecurityKey.site)
    eve, connection_id = ada.adds("eve@harrow.example", Role.MEMBER), vouches(ada)
    browser = proves(site, house, eve)
    cookie = begins(browser, connection_id)
    enforces(ada, connection_id)
    assert browser.gets("/account").status_code == 303  # signed out

    assert returns(browser, connection_id)[0] == 303
    assert "eve@harrow.example" in browser.gets("/account").text
    assert linked(house, connection_id) == ["alice", "the-owner"]

    browser.client.set_cookie("cloister_sso", cookie)
    status, page = returns(browser, connection_id)
    assert (status, str(TransactionClosed.__doc__) in page) == (401, True)
    assert recorded(house) == ["sign_on_not_begun_here"]


@pytest.mark.parametrize("shown", ["an app of another organisation", "a recovery code"])
def test_what_a_password_may_have_added_or_made_links_nobody(
    site: Flask, house: House, ada: Member, mallory: tuple[Member, str, str, str], shown: str
) -> None:
    eve, _, theirs, paper = mallory
    connection_id = vouches(ada)
    browser = signed_in(site, eve, paper if shown == "a recovery code" else now(house, theirs))
    begins(browser, connection_id)
    enforces(ada, connection_id)
    status, page = returns(browser, connection_id)
    assert (status, str(LinkUnproven.__doc__) in page) == (401, True)
    assert browser.gets("/account").status_code == 303
    assert (linked(house, connection_id), recorded(house)) == (["the-owner"], ["link_unproven"])


def test_a_factor_that_was_taken_off_meanwhile_links_nobody(site: Flask, house: House, ada: Member) -> None:
    eve, connection_id = ada.adds("eve@harrow.example", Role.MEMBER), vouches(ada)
    browser = by_app(site, house, eve)
    begins(browser, connection_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        (factor,) = list_factors(tx, eve.caller.user_id)
        remove_factor(tx, eve.caller, factor.factor_id)
    enforces(ada, connection_id)
    assert returns(browser, connection_id)[0] == 401
    assert (linked(house, connection_id), recorded(house)) == (["the-owner"], ["link_unproven"])


def test_it_is_of_one_browser_for_ten_minutes_after_a_fresh_proof(site: Flask, house: House, ada: Member) -> None:
    eve, connection_id = ada.adds("eve@harrow.example", Role.MEMBER), vouches(ada)
    browser, other = by_app(site, house, eve), Browser(site)
    begins(browser, connection_id)
    assert returns(other, connection_id)[0] == 401
    other.client.environ_base["REMOTE_ADDR"] = PROXY
    assert other.gets(f"/sso/{connection_id}/start").status_code == 303
    assert returns(other, connection_id)[0] == 303  # a person of their own, and not Eve
    assert "eve@harrow.example" not in other.gets("/account").text
    house.clock.passes(minutes=10)
    assert returns(browser, connection_id)[0] == 401
    assert recorded(house) == ["sign_on_not_begun_here"] * 2

    asked = browser.posts(f"/sso/{connection_id}/link")
    assert (asked.status_code, "confirm_password" in asked.text) == (403, True)
    assert returns(browser, connection_id)[0] == 401


def test_a_break_glass_account_is_linked_with_nobody(site: Flask, house: House, ada: Member) -> None:
    """Not from the session that it opened, and not by a way that was begun before it was named."""
    olive, connection_id = ada.adds("olive@harrow.example", Role.OWNER), vouches(ada)
    secret = has_factor(olive)
    early = signed_in(site, olive, now(house, secret))
    assert f"/sso/{connection_id}/link" in early.gets("/account").text
    begins(early, connection_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        designate(tx, ada.caller, olive.caller.user_id, clock=house.clock)
    enforces(ada, connection_id)
    status, page = returns(early, connection_id)
    assert (status, str(BreakGlassKept.__doc__) in page, recorded(house)) == (409, True, ["break_glass_kept"])

    house.clock.passes(minutes=1)
    browser = Browser(site)
    browser.signs_in(olive)
    assert second_step(browser, now(house, secret)).status_code == 303
    assert f"/sso/{connection_id}/link" not in browser.gets("/account").text
    refused = browser.posts(f"/sso/{connection_id}/link")
    assert (refused.status_code, browser.client.get_cookie("cloister_sso")) == (409, None)
    assert linked(house, connection_id) == ["the-owner"]
