"""The product in a browser that runs no script: the same pages, a click more here and there."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.support.browsing import WIDE, signs_in
from tests.support.house import SAMPLES
from tests.support.product import Person, Product

pytestmark = pytest.mark.browser
ADA = "ada@plain.example"


@pytest.fixture(scope="module")
def page(product: Product, founds: Callable[[str], Person], browser: Browser) -> Iterator[Page]:
    ada = founds(ADA)
    for number in range(55):
        ada.posts("/groups", name=f"Team {number:02}")
    context = browser.new_context(viewport=WIDE, java_script_enabled=False)
    page = context.new_page()
    signs_in(page, product.address, ADA)
    yield page
    context.close()


def follows(page: Page, control: Locator) -> None:
    """Click, and wait until the page that comes is whole."""
    with page.expect_navigation():
        control.click()


def test_it_takes_a_file_and_answers_from_it(page: Page, product: Product) -> None:
    page.goto(f"{product.address}/documents")
    page.set_input_files("#files", str(SAMPLES / "security-handbook.docx"))
    follows(page, page.get_by_role("button", name="Upload"))
    limit = time.monotonic() + 60
    while not page.locator("[data-status=ready]").count() and time.monotonic() < limit:
        page.wait_for_timeout(300)
        page.reload()
    assert page.locator("[data-status=ready]").count()
    page.goto(f"{product.address}/chat")
    follows(page, page.get_by_role("button", name="New conversation"))
    page.get_by_label("Your question").fill("When must a lost laptop be reported?")
    follows(page, page.get_by_role("button", name="Ask"))
    assert "within one hour" in page.locator(".message.assistant").inner_text()


def test_it_keeps_a_refused_question(page: Page) -> None:
    page.locator("#question").fill("Whose is 4111 1111 1111 1111?")
    follows(page, page.locator("[data-send]"))
    assert "must not be sent" in page.get_by_role("alert").inner_text()
    assert page.locator("#question").input_value() == "Whose is 4111 1111 1111 1111?"


def test_it_edits_a_chatbot_and_tries_it_out(page: Page, product: Product) -> None:
    page.goto(f"{product.address}/chatbots")
    follows(page, page.locator("tbody .head a").first)
    page.get_by_label("Welcome text").fill("Ask me.")
    follows(page, page.get_by_role("button", name="Save the draft"))
    bench = page.locator(".bench")
    assert "Ask me." in bench.inner_text()
    bench.get_by_label("Your question").fill("When must a lost laptop be reported?")
    follows(page, bench.get_by_role("button", name="Ask"))
    assert "within one hour" in page.locator(".bench .message.assistant").inner_text()


def test_it_invites(page: Page, product: Product) -> None:
    page.goto(f"{product.address}/people")
    page.get_by_label("E-mail address").fill("mia@plain.example")
    follows(page, page.get_by_role("button", name="Invite", exact=True))
    assert "/join?link=" in page.get_by_label("Link").input_value()


def test_tables_are_searched_sorted_and_turned_and_the_address_says_how(page: Page, product: Product) -> None:
    page.goto(f"{product.address}/groups")
    assert page.locator("tbody tr").count() == 50
    follows(page, page.get_by_role("link", name="Further"))
    assert page.locator("tbody tr").count() == 5
    follows(page, page.locator("th").get_by_role("link", name="Name"))
    assert page.locator("tbody a").first.inner_text() == "Team 54"
    page.get_by_label("Find groups").fill("Team 1")
    follows(page, page.get_by_role("button", name="Find"))
    assert page.locator("tbody a").first.inner_text() == "Team 19"
    assert re.search(r"sort=-name", page.url)
    assert "q=Team" in page.url
    address = page.url
    page.goto(product.address)
    page.goto(address)
    assert page.locator("tbody tr").count() == 10


def test_it_asks_before_it_deletes(page: Page) -> None:
    follows(page, page.locator("tbody a").first)
    page.get_by_text("Delete this group").click()
    assert page.get_by_text("will be open to nobody but administrators").is_visible()
    follows(page, page.get_by_role("button", name="Delete for good"))
    assert page.get_by_text("The group is deleted.").is_visible()


def test_it_changes_its_language(page: Page, product: Product) -> None:
    page.goto(f"{product.address}/account")
    page.get_by_label("Language").select_option("de")
    follows(page, page.get_by_role("button", name="Save profile"))
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.get_by_role("heading", name="Sitzungen").is_visible()
