"""A passkey, made and used by Chromium's own virtual authenticator; the house has a name here: localhost."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.journeys.test_many_files import connected
from tests.support.product import PASSWORD, Person, Product

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


def test_a_passkey_is_made_signs_in_and_confirms(tmp_path: Path) -> None:
    with Product(tmp_path / "data", host="localhost") as product, sync_playwright() as playwright:
        Person(product.address.replace("127.0.0.1", "localhost")).sets_up(product.link)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page()
        has_authenticator(page)
        signs_in(page, product)
        page.get_by_role("button", name="Sign out").first.wait_for()
        page.goto(f"http://localhost:{product.port}/account")
        page.get_by_role("button", name="Add a passkey").click()
        page.get_by_role("button", name="Make the passkey").click()  # hidden until its script is there
        page.get_by_role("heading", name="Recovery codes").wait_for()
        assert len(re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", page.content())) == 10
        page.get_by_role("link", name="I have kept them").click()

        page.get_by_role("button", name="Sign out").first.click()
        page.wait_for_url("**/sign-in")
        signs_in(page, product)
        page.get_by_role("heading", name="Second step").wait_for()
        page.get_by_role("button", name="Use your passkey").click()
        page.get_by_role("heading", name="Harrow Textiles").wait_for()
        with connected(product) as boot:  # what may link an account later
            shown = boot.execute("SELECT s.factor_id = f.factor_id FROM cloister.sessions s, cloister.second_factors f ORDER BY s.created_at DESC")
            assert shown.fetchone() == (True,)
        browser.close()


def has_authenticator(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def signs_in(page: Page, product: Product) -> None:
    page.goto(f"http://localhost:{product.port}/sign-in")
    page.get_by_label("E-mail address").fill("ada@harrow.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
