"""Providers as customers have them: under an authority of their own, with a clock that is off, shared by two organisations."""

import ssl
from pathlib import Path

import pytest
from flask import Flask

from appliance import identity
from appliance.identity.sso.desk import SignOn as Desk
from appliance.identity.sso.oidc.provider import Providers
from appliance.kernel.egress import Egress
from tests.doors import test_sign_on_flow
from tests.doors.test_sign_on_flow import begins, reasons
from tests.support.house import House, Member
from tests.support.oidc_host import OidcHost, oidc_host
from tests.support.sign_on import SignOn, connects, owns_domain
from tests.support.site import Browser
from tests.support.upstream import Authority

host, idp = test_sign_on_flow.host, test_sign_on_flow.idp


def comes(site: Flask, idp: SignOn, host: OidcHost) -> tuple[Browser, int]:
    """Go there and back; return the browser, and the status of its answer."""
    browser = Browser(site)
    return browser, browser.gets(begins(browser, idp, host)).status_code


def test_a_connection_trusts_the_authority_that_it_names_and_no_other(site: Flask, house: House, ada: Member, tmp_path: Path) -> None:
    bundles = [""]
    for name in ("another", "theirs"):
        (tmp_path / name).mkdir()
        authority = Authority.founded(tmp_path / name)
        bundles.append(authority.file.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issued("127.0.0.1"))
    with oidc_host(context) as host:
        host.now = lambda: house.clock.now().timestamp()
        desk, allowed = house.app.sign_on, [host.address.removeprefix("https://")]
        providers = Providers(lambda only: Egress(allowed, ca_only=only))
        object.__setattr__(house.app, "sign_on", Desk(desk.desk, providers, desk.look_up))
        for number, bundle in enumerate(bundles[:2]):
            one = connects(ada, f"IdP {number}", issuer=host.address, further={"ca_bundle": bundle}).opens()
            assert Browser(site).gets(f"/sso/{one.connection_id}/start").status_code == 503
        assert host.asked == []
        one = connects(ada, issuer=host.address, further={"ca_bundle": bundles[2]}).opens()
        browser, status = comes(site, one, host)
        assert (status, browser.gets("/account").status_code) == (303, 200)
    assert reasons(house) == ["identity_provider_silent"] * 2


@pytest.mark.parametrize("seconds", [-390, 100], ids=["behind", "ahead"])
def test_a_clock_may_be_wrong_by_as_much_as_the_connection_allows(
    site: Flask, house: House, ada: Member, host: OidcHost, seconds: int
) -> None:
    """What the provider says holds for five minutes by its clock."""
    host.now = lambda: house.clock.now().timestamp() + seconds
    for skew, expected in ((60, 401), (120, 303)):
        one = connects(ada, f"IdP {skew}", issuer=host.address, further={"skew_seconds": skew}).opens()
        assert comes(site, one, host)[1] == expected
    assert reasons(house) == ["rule_broken"]


def test_who_is_said_to_be_somebody_of_another_organisation_comes_into_their_own_one(
    site: Flask, ada: Member, bo: Member, host: OidcHost, idp: SignOn
) -> None:
    """Both share a provider. Mallory's says there that she is the head of the other one, by address, and then by name as well."""
    owns_domain(bo, "birch.example")
    other = connects(bo, issuer=host.address).opens()
    host.subject, host.person = "ceo-1", {"email": "ceo@birch.example", "name": "The head"}
    head, status = comes(site, other, host)
    assert (status, "ceo@birch.example" in head.gets("/account").text) == (303, True)
    for subject in ("mallory-1", "ceo-1"):
        host.subject = subject
        mallory, status = comes(site, idp, host)
        page = mallory.gets("/account").text
        assert (status, "Harrow" in page, "Birch" in page, "ceo@birch.example" in page) == (303, True, False, False)
        assert mallory.posts(f"/account/places/{bo.tenant_id}").status_code in {403, 404}
    for owner, members in ((ada, 3), (bo, 2)):
        with owner.services.db.tenant(owner.tenant_id) as tx:
            assert len(identity.list_people(tx, owner.caller)) == members
