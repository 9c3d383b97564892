"""Through SimpleSAMLphp in a real Chromium: in, out, encrypted, and while the provider changes its certificate."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from appliance.identity import Role
from appliance.identity.sso import connections
from appliance.identity.sso.connections import ConnectionChange
from tests.support.browsing import LOOKS, faults, launched, signs_in
from tests.support.house import House, Server
from tests.support.open_house import open_house
from tests.support.saml_sign_on import SamlSignOn, connects_saml
from tests.support.sign_on import owns_domain
from tests.support.simplesaml import SimpleSaml, is_missing

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(is_missing()), reason=is_missing() or "all is there")]
_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
_CBC = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"


@dataclass
class Stage:
    """A house at its address, a provider at another site, and a browser."""

    house: House
    idp: SamlSignOn
    provider: SimpleSaml
    browser: Browser
    address: str

    def opens(self) -> BrowserContext:
        """A new browser, that has been nowhere."""
        return self.browser.new_context()

    def comes(self, context: BrowserContext) -> Page:
        """Sign in by the provider."""
        self.house.clock._now = datetime.now(UTC)
        page = context.new_page()
        page.goto(f"{self.address}/sso/{self.idp.connection_id}/start?next=/account")
        page.locator("#username").fill("cleo")
        page.locator("#password").fill("a password of Cleo")
        page.locator("#password").press("Enter")
        page.wait_for_url(f"{self.address}/**")
        return page

    def changes(self, **settings: object) -> None:
        kept = dict(self.idp.connection.settings) | settings
        with self.house.app.db.tenant(self.idp.owner.tenant_id) as tx:
            connections.change_connection(
                tx, self.idp.owner.caller, self.idp.connection_id, ConnectionChange(settings=kept), sealer=self.house.app.vault,
                clock=self.house.clock,
            )  # fmt: skip

    def reads_metadata(self) -> None:
        """Take what the provider says of itself now."""
        self.changes(metadata=self.provider.metadata())

    def roles(self) -> list[str]:
        with self.house.server.connect("boot", self.house.database) as boot:
            rows = boot.execute("SELECT role FROM cloister.memberships WHERE connection_id IS NOT NULL").fetchall()
        return [str(row[0]) for row in rows]


@pytest.fixture(scope="module")
def stage(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    tmp_path = tmp_path_factory.mktemp("saml")
    (tmp_path / "provider").mkdir()
    with (
        open_house(server, tmp_path / "house") as house,
        SimpleSaml(tmp_path / "provider") as provider,
        sync_playwright() as playwright,
    ):
        ada = house.founds("Harrow", "ada@harrow.example")
        owns_domain(ada, "harrow.example")
        idp = connects_saml(ada, entity_id="", sign_on_url="", sign_out_url="", certificates=[])
        browser = launched(playwright)
        found = Stage(house, idp, provider, browser, house.app.settings.address)
        _introduces(found)
        yield found
        browser.close()


def _introduces(stage: Stage) -> None:
    """Let both read the other's metadata, and let people in."""
    stage.reads_metadata()
    context = stage.opens()
    answer = context.request.get(f"{stage.address}/sso/{stage.idp.connection_id}/metadata")
    stage.provider.knows(answer.text())
    context.close()
    stage.idp.opens()
    stage.idp.maps("owners", role=Role.ADMIN)


def test_somebody_comes_and_goes_by_simplesamlphp(stage: Stage) -> None:
    context = stage.opens()
    page = stage.comes(context)
    assert page.url == f"{stage.address}/account"
    assert "Cleo Harrow" in page.content()
    assert stage.roles() == ["admin"]
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    # Out, at both ends: the next sign-in asks for the password again, and finds a group taken away.
    page.get_by_role("button", name="Sign out").first.click()
    page.get_by_role("link", name="Sign out there, too").click()
    page.wait_for_url(f"{stage.address}/sign-in")
    page.goto(f"{stage.address}/account")
    assert "/sign-in" in page.url
    assert complaints == []
    stage.provider.puts_in("staff")
    page = stage.comes(context)
    assert "Cleo Harrow" in page.content()
    assert stage.roles() == ["member"]

    # The provider ends the session itself.
    page.goto(f"{stage.provider.address}/simplesaml/saml2/idp/initSLO.php?RelayState={stage.provider.address}/simplesaml/logout.php")
    page.goto(f"{stage.address}/account")
    assert "/sign-in" in page.url


def test_the_pages_of_a_connection_are_for_everybody(stage: Stage) -> None:
    stage.house.clock._now = datetime.now(UTC)
    for look, scheme in LOOKS[:2]:
        page = stage.browser.new_context(viewport=look, color_scheme=scheme).new_page()
        signs_in(page, stage.address, "ada@harrow.example")
        page.goto(f"{stage.address}/sign-on/{stage.idp.connection_id}")
        page.get_by_text("Further settings").click()
        assert faults(page) == []
        assert page.get_by_label("Entity ID of the provider").input_value() == stage.provider.entity_id


@pytest.mark.parametrize("algorithm", [_GCM, _CBC], ids=["gcm", "cbc"])
def test_somebody_comes_by_an_encrypted_assertion(stage: Stage, algorithm: str) -> None:
    stage.provider.signs_as("provider", encrypts=algorithm)
    stage.changes(demands_encryption=True)

    assert "Cleo Harrow" in stage.comes(stage.opens()).content()
    stage.changes(demands_encryption=False)


def test_a_provider_changes_its_certificate_in_the_middle_of_a_session(stage: Stage) -> None:
    stage.provider.signs_as("provider")
    page = stage.comes(stage.opens())
    stage.provider.signs_as("successor")
    refused = stage.comes(stage.opens())
    assert "signature_false" in refused.content()

    stage.provider.signs_as("provider", next_one="successor")
    stage.reads_metadata()
    assert len(stage.idp.connection.settings["certificates"]) == 2  # type: ignore[arg-type]
    assert "Cleo Harrow" in stage.comes(stage.opens()).content()
    stage.provider.signs_as("successor")

    assert "Cleo Harrow" in stage.comes(stage.opens()).content()
    page.reload()
    assert "Cleo Harrow" in page.content()
