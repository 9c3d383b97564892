"""Sign-on as people see it: Chromium, the running product, and oidc-provider."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pyotp
import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from appliance.identity import Role
from appliance.identity.breakglass import designate
from appliance.identity.console import caller_by_email
from appliance.identity.sso.connections import enforce
from appliance.identity.sso.values import TransactionPurpose
from tests.support.browsing import launched
from tests.support.house import House, Member
from tests.support.oidc_peer import OidcPeer
from tests.support.product import PASSWORD, Person, Product
from tests.support.roles import has_factor
from tests.support.sign_on import SignOn

pytestmark = pytest.mark.browser
EVE = {"email": "eve@harrow.example", "email_verified": True, "name": "Eve of Harrow", "groups": ["it"]}


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[OidcPeer]:
    found = OidcPeer(tmp_path, client="cloister", secret="of-the-client-0123456789")
    found.says({"eve-1": EVE})
    yield found
    found.stop()


def test_people_come_in_by_their_provider_and_go_with_it(tmp_path: Path, peer: OidcPeer) -> None:
    allowed = peer.issuer.removeprefix("http://")
    with Product(tmp_path / "data", host="localhost", sso_allow=allowed) as product, sync_playwright() as playwright:
        address = product.address.replace("127.0.0.1", "localhost")  # so that the provider is another site
        Person(address).sets_up(product.link)
        browser = launched(playwright)
        ada = browser.new_page()
        place = sets_up(ada, address, product, peer)
        is_tested_and_used(ada, place)

        eve = comes(browser, address)
        assert eve.get_by_role("link", name="People", exact=True).first.is_visible()  # the role that "it" gives
        eve.goto(f"{address}/account")
        eve.get_by_text("eve@harrow.example").first.wait_for()
        assert eve.get_by_role("heading", name="Password").count() == 0

        peer.says({"eve-1": {**EVE, "groups": []}})
        signs_out(eve)
        eve.get_by_role("link", name="Sign in again").click()
        at_home(eve)
        assert eve.get_by_role("link", name="People", exact=True).count() == 0  # and that it takes

        peer.starts_anew()  # with another key, in the middle of a session
        eve.goto(f"{address}/account")
        eve.get_by_text("eve@harrow.example").first.wait_for()
        other = comes(browser, address)

        other.goto(f"{peer.issuer}/session/end")
        other.get_by_role("button", name="Yes, sign me out").click()
        other.get_by_role("heading", name="Sign-out Success").wait_for()  # its own page: now it has told us
        other.goto(f"{address}/account")
        other.wait_for_url("**/sign-in?**")  # told over the back channel

        peer.stop()
        late = browser.new_page()
        is_told_of_silence(late, address)
        late.get_by_text("emergency account").wait_for()
        secret = has_an_emergency_account(product, UUID(place.rpartition("/")[2]))
        late.get_by_role("link", name="Sign in with a password").click()
        late.get_by_label("E-mail address").fill("olive@harrow.example")
        late.get_by_label("Password").fill(PASSWORD)
        late.keyboard.press("Enter")
        late.get_by_label("Code").fill(pyotp.TOTP(secret).at(int(time.time()) + 30))  # the one of now was used to add it
        late.keyboard.press("Enter")
        at_home(late)
        ada.goto(f"{address}/account")
        ada.wait_for_url("**/sign-in?**")  # her password lets her in no more
        browser.close()


def has_an_emergency_account(product: Product, connection_id: UUID) -> str:
    """Have another owner come in by password and an app whatever happens, and everybody else by the provider; return the app's secret."""
    house = House.beside(product.data_dir)
    ada = Member(house, caller_by_email(house.app.db, "ada@harrow.example"))
    olive, idp = ada.adds("olive@harrow.example", Role.OWNER), SignOn(ada, connection_id)
    secret = has_factor(olive)
    with house.app.db.tenant(ada.tenant_id) as tx:
        designate(tx, ada.caller, olive.caller.user_id, clock=house.clock)
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        enforce(tx, ada.caller, connection_id)
    house.close()
    return secret


def sets_up(page: Page, address: str, product: Product, peer: OidcPeer) -> str:
    """Name a domain and begin a connection, as an administrator does; return where it is."""
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail address").fill("ada@harrow.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    at_home(page)
    page.goto(f"{address}/sign-on")
    page.get_by_label("Domain").fill("harrow.example")
    page.get_by_role("button", name="Name the domain").click()
    page.get_by_text("_cloister-challenge.harrow.example").wait_for()
    organisation = json.loads(product.types("me", "get", "--json").stdout)["organisation_id"]
    product.types("sign-on", "approve-domain", organisation, "harrow.example")
    page.goto(f"{address}/sign-on?vendor=keycloak")
    page.get_by_label("Issuer").fill(peer.issuer)
    page.get_by_label("Client ID").fill("cloister")
    page.get_by_label("Client secret").fill("of-the-client-0123456789")
    page.get_by_text("Further settings").click()
    page.get_by_label("Scopes").fill("openid email profile groups")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("heading", name="Keycloak").wait_for()
    callback, logout, signed_out = (
        page.get_by_label(name, exact=True).input_value()
        for name in ("Redirect URI", "Back-channel logout URL", "Post logout redirect URI")
    )
    own = product.address.removeprefix(
        "http://"
    )  # the product tells the address that it listens on; Chromium has its name
    peer.start(callback=callback, logout=re.sub("//[^/]+", f"//{own}", logout), signed_out=signed_out)
    return page.url.partition("?")[0]


def is_tested_and_used(page: Page, place: str) -> None:
    page.get_by_role("button", name="Test the connection").click()
    signs_in_there(page)
    page.get_by_text("The test was passed").wait_for()
    page.get_by_text("eve@harrow.example").first.wait_for()
    page.get_by_role("link", name="Back to the connection").click()
    page.get_by_role("button", name="Let people in by it").click()
    page.get_by_text("People can come in").wait_for()
    page.get_by_label("Group, as the provider writes it").fill("it")
    page.get_by_label("Gives").select_option(label="role admin")
    page.get_by_role("button", name="Add the mapping").click()
    page.get_by_text("Saved.").wait_for()
    assert page.url.startswith(place)


def comes(browser: Browser, address: str) -> Page:
    """Somebody at a browser of their own, who types their address and signs in at their provider."""
    page = browser.new_context().new_page()
    begins(page, address)
    signs_in_there(page)
    at_home(page)
    return page


def begins(page: Page, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail address").fill("eve@harrow.example")
    page.get_by_role("button", name="Sign in by my organisation's provider").click()


def is_told_of_silence(page: Page, address: str) -> None:
    """Begin until the page says so: a provider that answered within the last two seconds is taken to be there still."""
    for _ in range(5):
        begins(page, address)
        with contextlib.suppress(Error):
            page.get_by_text("does not answer").wait_for(timeout=1_000)
            return
    raise AssertionError(page.content())


def signs_in_there(page: Page) -> None:
    page.locator("input[name=login]").fill("eve-1")
    page.locator("input[name=password]").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def signs_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").first.click()
    page.get_by_role("heading", name="Signed out").wait_for()


def at_home(page: Page) -> None:
    page.get_by_role("button", name="Sign out").first.wait_for()
