"""Through Canaille, a third provider that nobody here wrote, in a real Chromium: in with a role, out at both ends, in without it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from appliance.identity import Role
from appliance.identity.sso.desk import SignOn as Desk
from appliance.identity.sso.oidc.provider import Providers
from appliance.kernel.egress import Egress
from tests.support.browsing import launched
from tests.support.canaille_peer import EVES, PYTHON, CanaillePeer
from tests.support.house import House, Server
from tests.support.open_house import open_house
from tests.support.sign_on import SignOn, connects, owns_domain

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not PYTHON.exists(), reason="make clients: it installs Canaille")]


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[CanaillePeer]:
    found = CanaillePeer(tmp_path, client="cloister", secret="a secret of the client")
    yield found
    found.stop()


@pytest.fixture
def house(server: Server, tmp_path: Path) -> Iterator[House]:
    with open_house(server, tmp_path / "house") as found:
        yield found


@pytest.fixture
def idp(peer: CanaillePeer, house: House) -> SignOn:
    ada = house.founds("Harrow", "ada@harrow.example")
    owns_domain(ada, "harrow.example")
    one = connects(ada, issuer=peer.issuer, further={"scopes": "openid email profile groups"}).opens()
    desk = house.app.sign_on
    providers = Providers(lambda _only: Egress([peer.issuer.removeprefix("http://")]))
    object.__setattr__(house.app, "sign_on", Desk(desk.desk, providers, desk.look_up))
    peer.start(callback=desk.desk.callback(one.connection), signed_out=f"{desk.desk.address}/sign-in")
    one.maps("it", role=Role.ADMIN)
    return one


def begins(page: Page, idp: SignOn) -> None:
    idp.house.clock._now = datetime.now(UTC)
    page.goto(f"{idp.house.app.settings.address}/sso/{idp.connection_id}/start?next=/account")


def signs_in_there(page: Page, address: str) -> None:
    """Go through the provider's pages as Eve."""
    for name, said in (("login", "eve"), ("password", EVES)):
        page.locator(f"input[name={name}]").fill(said)
        page.locator(f"input[name={name}]").press("Enter")
    page.wait_for_url(f"{address}/**")


def test_somebody_comes_with_the_role_of_their_group_and_goes(house: House, idp: SignOn, peer: CanaillePeer) -> None:
    address = house.app.settings.address
    with sync_playwright() as playwright:
        page = launched(playwright).new_context().new_page()
        begins(page, idp)
        signs_in_there(page, address)
        assert page.url == f"{address}/account"
        assert "Eve of Harrow" in page.content()
        assert "eve@harrow.example" in page.content()
        page.goto(f"{address}/people")
        page.get_by_role("heading", name="People").wait_for()  # the role that "it" gives

        peer.takes_eve_out()
        page.get_by_role("button", name="Sign out").first.click()
        begins(page, idp)  # she is signed in there still: no password is asked for
        page.wait_for_url(f"{address}/account")
        answer = page.goto(f"{address}/people")
        assert answer is not None
        assert answer.status == 403  # and that it takes

        page.get_by_role("button", name="Sign out").first.click()
        page.get_by_role("link", name="Sign out there, too").click()
        page.get_by_role("button", name="Logout").click()
        page.wait_for_url(f"{address}/sign-in")
        begins(page, idp)
        page.locator("input[name=login]").wait_for()
